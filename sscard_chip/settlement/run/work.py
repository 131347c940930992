# SPDX-License-Identifier: Apache-2.0
"""What workers do: read and judge files by themselves, and verify the TACs of cards.

Pieces of files share nothing, and neither do pieces of cards. A worker opens the root keys
itself; keys are not sent to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.security.keystore import KeyStore
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.dayfiles import DayFileHead, Piece, read_piece
from sscard_chip.settlement.judge.codes import Code, Masks
from sscard_chip.settlement.judge.fields import add, judge_fields
from sscard_chip.settlement.judge.hotlist import HotlistColumns
from sscard_chip.settlement.judge.keys import card_hashes
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.run.pools import KeySource
from sscard_chip.settlement.tac import KeyGroup, TacColumns, TacVerifier

_MOST_VERSION: Final = 0xFF

_KEYS: list[tuple[KeySource, KeyStore, TacVerifier]] = []
"""What this process has open: one store at a time."""
_RULES: list[tuple[Rules, HotlistColumns | None]] = []


def set_rules(rules: Rules) -> None:
    """What this process judges by from now on."""
    hotlist = None if rules.hotlist is None else HotlistColumns(rules.hotlist)
    _RULES[:] = [(rules, hotlist)]


def read_and_judge(heads: Sequence[DayFileHead]) -> tuple[Piece, list[Masks]]:
    """The rows of files with the findings that each shows by itself; after :func:`set_rules`.

    The findings are by blocks, as the rows.
    """
    ((rules, hotlist),) = _RULES
    piece = read_piece(heads)
    headers = [head.header for head in piece.heads]
    found = []
    for columns in piece.blocks:
        masks = judge_fields(columns, headers, rules)
        if hotlist is not None and len(columns):
            add(masks, Code.LOST, hotlist.holds(columns) & ~columns.malformed)
        found.append(masks)
    return piece, found


@dataclass(frozen=True, slots=True, repr=False)
class VerifyTask:
    """Debits of some cards, and where their root keys are."""

    columns: TacColumns
    keys: KeySource


def verify(task: VerifyTask) -> tuple[NDArray[np.bool_], dict[KeyGroup, str]]:
    """Which TACs are right, and why there is no key for some cities.

    Raises :class:`~sscard_chip.security.keystore.KeyStoreError`.
    """
    if not _KEYS or _KEYS[0][0] != task.keys:
        forget_keys()
        store = task.keys()
        _KEYS.append((task.keys, store, TacVerifier(store)))
    verifier = _KEYS[0][2]
    right = verifier.verify(task.columns)
    return right, verifier.without_key


def forget_keys() -> None:
    """Close the root keys that this process has open."""
    while _KEYS:
        _, store, _ = _KEYS.pop()
        close = getattr(store, "close", None)
        if close is not None:
            close()


def tac_columns(columns: DebitColumns, rows: NDArray[np.int64]) -> TacColumns:
    """What the TACs of some rows are computed from (LD/T 32.5)."""
    message = np.empty((len(rows), 30), np.uint8)
    amounts = (columns.card_account_fen, columns.card_self_paid_fen, columns.card_pooled_fen)
    for at, amount in zip((0, 4, 8), amounts, strict=True):
        message[:, at : at + 4] = _big_endian(amount[rows])
    message[:, 12] = columns.transaction_type[rows]
    message[:, 13:19] = columns.terminal[rows]
    message[:, 19:23] = _big_endian(columns.terminal_number[rows])
    message[:, 23:30] = columns.time[rows]
    version = columns.key_version[rows]
    return TacColumns(
        columns.algorithm[rows],
        np.where(version > _MOST_VERSION, 0, version).astype(np.uint8),
        columns.divisions()[rows],
        columns.factor[rows],
        message,
        columns.tac[rows],
    )


def _big_endian(numbers: NDArray[np.uint32]) -> NDArray[np.uint8]:
    return numbers.astype(">u4").view(np.uint8).reshape(-1, 4)


def card_pieces(columns: DebitColumns, count: int) -> Iterator[NDArray[np.int64]]:
    """The rows that have a TAC, in ``count`` pieces: all debits of a card are in one."""
    rows = np.flatnonzero(columns.has_tac & ~columns.malformed)
    if count == 1:
        yield rows
        return
    number = (card_hashes(columns)[rows] >> np.uint64(40)) % np.uint64(count)
    for piece in range(count):
        yield rows[number == piece]
