# SPDX-License-Identifier: Apache-2.0
"""TACs one by one, with the suites of the card: the reference of the lanes, and faster for few.

A card that occurs again keeps its cipher object.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC
from numpy.typing import NDArray

from sscard_chip.security.suite import Suite, pad
from sscard_chip.settlement.tac.columns import MEDICAL_TAC, TAC, TacForm

KEPT = 4096
"""Cipher objects that are kept, about 1 KiB each."""


def macs_one_by_one(
    suite: Suite,
    keys: NDArray[np.uint8],
    which: NDArray[np.intp],
    messages: NDArray[np.uint8],
    form: TacForm = MEDICAL_TAC,
) -> NDArray[np.uint8]:
    """The TACs (n, 4) of ``messages`` (n, 30), each under the DTK ``keys[which]``, 16 bytes.

    Of another ``form`` the messages have its length.
    """
    size = form.length
    padding = pad(bytes(size), suite.block)[size:]
    text = messages.tobytes()
    kept: dict[int, Callable[[bytes], bytes]] = {}
    answers = []
    for at, number in enumerate(which.tolist()):
        tac = kept.get(number)
        if tac is None:
            if len(kept) == KEPT:
                kept.clear()
            tac = kept[number] = _tac(suite, keys[number].tobytes(), form)
        answers.append(tac(text[at * size : (at + 1) * size] + padding))
    return np.frombuffer(b"".join(answers), np.uint8).reshape(-1, TAC)


def _tac(suite: Suite, key: bytes, form: TacForm) -> Callable[[bytes], bytes]:
    """What computes the TAC of a padded message."""
    if form.folded or suite.block == 8:
        return suite.tac_mac(key)
    blocks = Cipher(SM4(key), CBC(bytes(suite.block)))

    def leftmost(padded: bytes) -> bytes:
        return blocks.encryptor().update(padded)[-suite.block :][:TAC]

    return leftmost
