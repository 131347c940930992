# SPDX-License-Identifier: Apache-2.0
"""A blank card (空白卡) as the card maker delivers it: activated, with a transport key, no MF.

>>> from sscard_chip.card import Card
>>> card = Card(make_blank(bytes(16)))
>>> card.power_on().hex()
'3b6d000000000000000000000000000000'
>>> card.transmit(bytes.fromhex("BFC800000F"))[7]  # its state: initial
10
"""

from __future__ import annotations

from typing import Final

from sscard_chip.filesystem.layout import (
    HISTORICAL_LENGTH,
    STATE_AT,
    TRANSPORT_KEY_AT,
    LifeCycle,
    format_memory,
)
from sscard_chip.memory import Memory
from sscard_chip.profile.compiler import MEMORY_SIZE
from sscard_chip.security.keys import encode_master_key
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.identifiers import ALGORITHM_3DES

TRANSPORT_KEY_LENGTH: Final = 16
TRANSPORT_TRIES: Final = 3
"""Tries of the transport key (传输密钥) [L]; spent, the card is lost."""


def make_blank(
    transport_key: bytes,
    *,
    algorithm: str = ALGORITHM_3DES,
    historical_bytes: bytes = bytes(HISTORICAL_LENGTH),
    contactless: bool = False,
    tries: int = TRANSPORT_TRIES,
) -> Memory:
    """The memory of a blank card in its transport state.

    ``transport_key`` is 16 bytes, ``algorithm`` its suite ("sm4": form [L]); ``historical_bytes``
    are the maker's 13, in force until an ATR file replaces them; ``tries`` is 0 to 15, 0 for any
    number.

    :raises ValueError:
    """
    if len(transport_key) != TRANSPORT_KEY_LENGTH:
        raise ValueError(f"a transport key has {TRANSPORT_KEY_LENGTH} bytes")
    if len(historical_bytes) != HISTORICAL_LENGTH:
        raise ValueError(f"there are {HISTORICAL_LENGTH} historical bytes")
    if algorithm not in SUITES:
        raise ValueError("algorithm: must be 3des or sm4")
    if not 0 <= tries <= 15:
        raise ValueError("tries: must be 0 to 15")
    memory = format_memory(MEMORY_SIZE, historical_bytes=historical_bytes, contactless=contactless)
    code = SUITES[algorithm].key_code(TRANSPORT_KEY_LENGTH)
    memory.write(STATE_AT, bytes((LifeCycle.INITIAL,)))
    memory.write(TRANSPORT_KEY_AT, encode_master_key(transport_key, algorithm=code, limit=tries))
    memory.commit()
    return memory
