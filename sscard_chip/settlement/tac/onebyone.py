# SPDX-License-Identifier: Apache-2.0
"""TACs one by one, with the suites of the card: the reference of the lanes, and faster for few.

A card that occurs again keeps its cipher object.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sscard_chip.security.suite import Suite, pad
from sscard_chip.settlement.tac.columns import MESSAGE, TAC

KEPT = 4096
"""Cipher objects that are kept, about 1 KiB each."""


def macs_one_by_one(
    suite: Suite,
    keys: NDArray[np.uint8],
    which: NDArray[np.intp],
    messages: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """The TACs (n, 4) of ``messages`` (n, 30), each under the DTK ``keys[which]``, 16 bytes."""
    padding = pad(bytes(MESSAGE), suite.block)[MESSAGE:]
    text = messages.tobytes()
    kept: dict[int, Callable[[bytes], bytes]] = {}
    answers = []
    for at, number in enumerate(which.tolist()):
        tac = kept.get(number)
        if tac is None:
            if len(kept) == KEPT:
                kept.clear()
            tac = kept[number] = suite.tac_mac(keys[number].tobytes())
        answers.append(tac(text[at * MESSAGE : (at + 1) * MESSAGE] + padding))
    return np.frombuffer(b"".join(answers), np.uint8).reshape(-1, TAC)
