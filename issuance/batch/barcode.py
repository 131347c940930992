# SPDX-License-Identifier: Apache-2.0
"""The bar code of a card number on the card's body: Code 128 (ISO/IEC 15417).

Letters and digits of code set B; runs of four digits or more at the end take code set C, two
digits a symbol, where that is shorter.

>>> code128("Z00000013")
(104, 58, 99, 0, 0, 0, 13, 26, 106)
"""

from __future__ import annotations

import re
from typing import Final

START_B: Final = 104
CODE_C: Final = 99
STOP: Final = 106

_MODULUS: Final = 103
_TEXT: Final = re.compile(r"[ -~]{1,40}")


def code128(text: str) -> tuple[int, ...]:
    """Symbol values: start, data, check symbol, stop.

    :raises ValueError: for other characters.
    """
    if not _TEXT.fullmatch(text):
        raise ValueError("a bar code takes 1 to 40 printable ASCII characters")
    digits = re.search(r"(?:[0-9]{2}){2,}\Z", text)
    head, tail = (text[: digits.start()], digits[0]) if digits else (text, "")
    values = [START_B, *(ord(character) - 32 for character in head)]
    if tail:
        values.append(CODE_C)
        values += [int(tail[at : at + 2]) for at in range(0, len(tail), 2)]
    check = values[0] + sum(place * value for place, value in enumerate(values[1:], 1))
    return (*values, check % _MODULUS, STOP)
