# SPDX-License-Identifier: Apache-2.0
"""What workers do: read files and judge their rows, verify and judge the debits of cards.

Pieces of files share nothing, and neither do pieces of cards: a worker finds by itself whatever
can be found about them. On another machine it gets the contents of the files, of the cards their
debits and what the register has of them. A process opens the root keys itself; keys are not sent
to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock, local
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sscard_chip.settlement.arrays import Integers, Mask
from sscard_chip.settlement.columnar import DayFileHead, Piece, read_piece
from sscard_chip.settlement.columns import DebitColumns
from sscard_chip.settlement.judge.codes import FindingCode, Masks
from sscard_chip.settlement.judge.fields import add, judge_fields
from sscard_chip.settlement.judge.hotlist import HotlistColumns
from sscard_chip.settlement.judge.keys import Keys
from sscard_chip.settlement.judge.register import RegisterJudge, find_accounts
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.run.pools import KeySource
from sscard_chip.settlement.tac import TacColumns, TacVerifier

_MOST_VERSION: Final = 0xFF

_OF_TAC: Final = ("card_account_fen", "card_self_paid_fen", "card_pooled_fen", "transaction_type",
                  "terminal", "terminal_number", "time", "key_version", "algorithm",
                  "card_id_code", "factor", "tac")  # fmt: skip
_OF_CARDS: Final = frozenset((*_OF_TAC, "has_tac", "card_number", "psn_no"))
"""The columns that the debits of cards are judged by."""


class Reader:
    """Reads files, and judges each row by itself; any number of threads may share it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._hotlist = None if rules.hotlist is None else HotlistColumns(rules.hotlist)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, it is its rules."""
        return Reader, (self._rules,)

    def read(
        self, heads: Sequence[DayFileHead], contents: Sequence[bytes | bytearray] | None = None
    ) -> tuple[Piece, list[Masks]]:
        """The rows of files with the findings of each; these are by blocks, as the rows.

        ``contents`` as in :func:`~sscard_chip.settlement.columnar.read_piece`.
        """
        piece = read_piece(heads, contents)
        headers = [head.header for head in piece.heads]
        found = []
        for columns in piece.blocks:
            masks = judge_fields(columns, headers, self._rules)
            if self._hotlist is not None and len(columns):
                add(masks, FindingCode.LOST, self._hotlist.holds(columns) & ~columns.malformed)
            found.append(masks)
        return piece, found


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ReadTask:
    """Files, who reads them, and their contents where the files themselves are out of reach."""

    heads: Sequence[DayFileHead]
    reader: Reader
    contents: Sequence[bytes | bytearray] | None = None


def read_files(task: ReadTask) -> tuple[Piece, list[Masks]]:
    """See :meth:`Reader.read`."""
    return task.reader.read(task.heads, task.contents)


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


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CardTask:
    """The ``rows`` of ``columns`` that are of some cards, with all that they have; where the root
    keys are, and the register, None for none."""

    columns: DebitColumns
    rows: Integers
    keys: KeySource
    register: RegisterJudge | None

    def cut_out(self) -> CardTask:
        """The same, and nothing of other cards, for a worker that does not share memory."""
        own = self.columns.only(_OF_CARDS, self.rows)
        register = None if self.register is None else self.register.of(own)
        return CardTask(own, np.arange(len(own)), self.keys, register)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CardFindings:
    """What is found about the rows of a task, in their order.

    ``wrong`` are those whose TAC is there and not right; ``absent`` says why there is no key for
    some cities, each with its number of rows. ``masks`` are the findings of the register,
    ``accounts`` the personal accounts, -1 for none.
    """

    wrong: Mask
    absent: dict[str, int]
    masks: Masks
    accounts: Integers


def judge_cards(task: CardTask) -> CardFindings:
    """Verify the debits of cards, and judge them by the register.

    :raises KeyStoreError:
    """
    columns = task.columns.only(_OF_CARDS, task.rows)
    verifier = _roots(task.keys).verifier
    before = verifier.rows_without_key
    with_tac = np.flatnonzero(columns.has_tac)
    whole = len(with_tac) == len(columns)
    right = verifier.verify(tac_columns(columns if whole else columns.only(_OF_TAC, with_tac)))
    wrong = np.zeros(len(columns), np.bool_)
    wrong[with_tac] = ~right
    reasons = verifier.without_key
    absent = verifier.rows_without_key - before
    masks = np.zeros(len(columns), np.uint16)
    return CardFindings(
        wrong,
        {reasons[group]: rows for group, rows in absent.items()},
        masks,
        find_accounts(columns, masks, task.register),
    )


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


def tac_columns(columns: DebitColumns) -> TacColumns:
    """What the TACs of rows are computed from (LD/T 32.5)."""
    message = np.empty((len(columns), 30), np.uint8)
    amounts = (columns.card_account_fen, columns.card_self_paid_fen, columns.card_pooled_fen)
    for at, amount in zip((0, 4, 8), amounts, strict=True):
        message[:, at : at + 4] = _big_endian(amount)
    message[:, 12] = columns.transaction_type
    message[:, 13:19] = columns.terminal
    message[:, 19:23] = _big_endian(columns.terminal_number)
    message[:, 23:30] = columns.time
    version = columns.key_version
    return TacColumns(
        columns.algorithm,
        np.where(version > _MOST_VERSION, 0, version).astype(np.uint8),
        columns.divisions(),
        columns.factor,
        message,
        columns.tac,
    )


def _big_endian(numbers: NDArray[np.uint32]) -> NDArray[np.uint8]:
    return numbers.astype(">u4").view(np.uint8).reshape(-1, 4)


def card_pieces(keys: Keys, which: Mask, count: int) -> Iterator[Integers]:
    """Rows, of those of ``which``, in ``count`` pieces at most: all of a card are in one, by card
    and counter."""
    order = keys.card_order
    if not which.all():
        order = order[which[order]]
    begin = 0
    for number in range(1, count + 1):
        end = len(order) * number // count
        end = keys.end_of_card(order, end) if end > begin else begin
        if end > begin:
            yield order[begin:end]
            begin = end
