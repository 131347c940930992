# SPDX-License-Identifier: Apache-2.0
"""Amounts of money and the limits of numbers, each once.

The card, day files and all code count in whole fen (分); messages, papers and people read yuan
(元) with two decimals.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from sscard_chip.standard.errors import InputError

MAX_FEN: Final = 0xFFFFFFFF
"""The most that an amount of four bytes holds: 42,949,672.95 yuan."""
MAX_LIMIT_FEN: Final = 0xFFFFFF
"""The most that an overdraft limit (透支限额) of three bytes holds."""
MAX_COUNTER: Final = 0xFFFF
"""A 交易序号 of two bytes; the card takes no transaction beyond it (9402)."""
MAX_NUMBER: Final = 0xFFFFFFFF
"""A number of four bytes: 终端交易序号, the serial in 卡识别码."""

YUAN_SHAPE: Final = r"(?!-0\.00$)(-?)(0|[1-9][0-9]{0,13})\.([0-9]{2})"
"""Yuan with two decimals, 16 digits at most (16,2 in the interface)."""
YUAN_RULE: Final = "must be yuan with two decimals"

_YUAN: Final = re.compile(YUAN_SHAPE)


class AmountError(InputError):
    """A text that is no amount in yuan; the text is the rule."""


def yuan(fen: int, grouping: str = "") -> str:
    """Fen as yuan with two decimals; ``grouping`` ``,`` for people.

    >>> yuan(-1205), yuan(1234560, ",")
    ('-12.05', '12,345.60')
    """
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:{grouping}}.{rest:02d}"


grouped_yuan: Final = partial(yuan, grouping=",")
"""Yuan for people: ``-12,345.60``."""


def parse_yuan(text: str) -> int:
    """Yuan with two decimals as fen.

    >>> parse_yuan("-12.05")
    -1205

    :raises AmountError:
    """
    found = _YUAN.fullmatch(text)
    if not found:
        raise AmountError(YUAN_RULE)
    fen = int(found[2] + found[3])
    return -fen if found[1] else fen
