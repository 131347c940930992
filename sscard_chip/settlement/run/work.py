# SPDX-License-Identifier: Apache-2.0
"""What workers do: read and judge files by themselves, and verify the TACs of cards.

Pieces of files share nothing, and neither do pieces of cards. A process opens the root keys
itself; keys are not sent to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock, local
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.columnar import DayFileHead, Piece, read_piece
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import FindingCode, Masks
from sscard_chip.settlement.judge.fields import add, judge_fields
from sscard_chip.settlement.judge.hotlist import HotlistColumns
from sscard_chip.settlement.judge.keys import card_hashes
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.run.pools import KeySource
from sscard_chip.settlement.tac import TacColumns, TacVerifier

_MOST_VERSION: Final = 0xFF


class Reader:
    """Reads files, and judges each row by itself; any number of threads may share it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._hotlist = None if rules.hotlist is None else HotlistColumns(rules.hotlist)

    def read(self, heads: Sequence[DayFileHead]) -> tuple[Piece, list[Masks]]:
        """The rows of files with the findings of each; these are by blocks, as the rows."""
        piece = read_piece(heads)
        headers = [head.header for head in piece.heads]
        found = []
        for columns in piece.blocks:
            masks = judge_fields(columns, headers, self._rules)
            if self._hotlist is not None and len(columns):
                add(masks, FindingCode.LOST, self._hotlist.holds(columns) & ~columns.malformed)
            found.append(masks)
        return piece, found


class _Roots:
    """Root keys that this process has open: threads ask them in turn, each has its verifier."""

    def __init__(self, source: KeySource) -> None:
        self.source = source
        self._store = source()
        self._turn = Lock()
        self._own = local()

    @property
    def verifier(self) -> TacVerifier:
        """That of this thread."""
        if not hasattr(self._own, "verifier"):
            self._own.verifier = TacVerifier(self)
        verifier: TacVerifier = self._own.verifier
        return verifier

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        """See :class:`~sscard_chip.security.keystore.KeyStore`."""
        with self._turn:
            return self._store.encrypt(algorithm, name, version, factors, data)

    def close(self) -> None:
        close = getattr(self._store, "close", None)
        if close is not None:
            close()


_OPEN: list[_Roots] = []
"""What this process has open: one store at a time."""
_OPENING: Final = Lock()


@dataclass(frozen=True, slots=True, repr=False)
class VerifyTask:
    """Debits of some cards, and where their root keys are."""

    columns: TacColumns
    keys: KeySource


def verify_tacs(task: VerifyTask) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which TACs are right; why there is no key for some cities, each with its number of rows.

    :raises KeyStoreError:
    """
    verifier = _roots(task.keys).verifier
    before = verifier.rows_without_key
    right = verifier.verify(task.columns)
    reasons = verifier.without_key
    found = verifier.rows_without_key - before
    return right, {reasons[group]: rows for group, rows in found.items()}


def _roots(source: KeySource) -> _Roots:
    with _OPENING:
        if not _OPEN or _OPEN[0].source != source:
            forget_keys()
            _OPEN.append(_Roots(source))
        return _OPEN[0]


def forget_keys() -> None:
    """Close the root keys that this process has open; nobody is verifying."""
    while _OPEN:
        _OPEN.pop().close()


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
