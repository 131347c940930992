# SPDX-License-Identifier: Apache-2.0
"""``/readCard``: any text asks for the card, and text answers [L].

What the public program of this dialect sends is not known beyond that it is text. The answer is the
eleven fields of iReadCardBas, which works with the PSAM or with root keys (HSM); or code, a blank
and what it was.
"""

from __future__ import annotations

from sscard_driver.browser.dialects.common import MEDICAL, Caller


def answer(caller: Caller, _message: str) -> str:
    """One line for one message."""
    code, (text, _) = caller.call(MEDICAL, "ReadCardBas", [], 2)
    return f"{code} {text}" if code else text
