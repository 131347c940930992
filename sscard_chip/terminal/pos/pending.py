# SPDX-License-Identifier: Apache-2.0
"""The journal beside a day file: what is under way, so that no power cut leaves a doubt.

Written ahead: a hold before the centre is asked, a debit before the card gets it. Each line is
one event in JSON and on the disk before the next step. When nothing is open the file goes away.
It holds what the day file holds, and no PIN and no key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

from sscard_chip.dayfile.errors import DayFileError
from sscard_chip.dayfile.rows import DayRow, parse_row
from sscard_chip.standard.settlement_mode import OfflineUse
from sscard_chip.terminal.journal import Journal


@unique
class PendingTask(StrEnum):
    """What a paid sale may still owe."""

    CONFIRM = "confirm"  # inform the centre, with the TAC
    SPECIAL = "EF15"  # append 交易序号 and category to the card
    OFFLINE_USE = "EF06"  # write 90, 92, 93 of the card


@dataclass(frozen=True, slots=True)
class OpenSale:
    """A sale from its DEBIT on.

    ``row`` is its row; ``row.tac`` is None while the card's answer is not known. ``category`` is
    the 结算类别 for EF15. ``use_before`` and ``use_after`` are EF06 as it was read and as it must
    become.
    """

    row: DayRow
    tasks: frozenset[PendingTask] = frozenset()
    category: str | None = None
    use_before: OfflineUse | None = None
    use_after: OfflineUse | None = None

    @property
    def answered(self) -> bool:
        """Whether the card's answer is known: the sale is paid."""
        return self.row.tac is not None


class PendingJournal:
    """The open sale of a day file and what recorded ones still owe."""

    def __init__(self, path: Path) -> None:
        """Read the journal at ``path``, if there is one.

        :raises DayFileError: a line that is no event.
        :raises OSError: the file cannot be read.
        """
        self.sale: OpenSale | None = None  # whose row is not in the day file yet
        self._owing: dict[str, OpenSale] = {}
        self._holds: list[str] = []
        self._journal = Journal(path, self._apply, "event of a sale")
        if path.exists():
            self._clear()

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._journal.path

    @classmethod
    def beside(cls, day_file: Path) -> PendingJournal:
        """The journal of a day file: ``DAY.tsv.pending``."""
        return cls(day_file.with_name(f"{day_file.name}.pending"))

    @property
    def holds(self) -> tuple[str, ...]:
        """msgid of holds at the centre that belong to no paid sale and must be released."""
        open_one = self.sale.row.msgid if self.sale else None
        return tuple(msgid for msgid in self._holds if msgid != open_one)

    @property
    def owing(self) -> tuple[OpenSale, ...]:
        """Recorded sales with tasks left."""
        return tuple(self._owing.values())

    def hold(self, msgid: str) -> None:
        """Before the centre is asked for a hold."""
        self._write({"event": "hold", "msgid": msgid})

    def release(self, msgid: str) -> None:
        """Before the centre is asked to release a hold; asked once (2601)."""
        self._write({"event": "release", "msgid": msgid})

    def begin(self, sale: OpenSale) -> None:
        """Before the card gets DEBIT."""
        self._write(
            {
                "event": "debit",
                "row": sale.row.encode(),
                "tasks": sorted(sale.tasks),
                "category": sale.category,
                "before": _encode_use(sale.use_before),
                "after": _encode_use(sale.use_after),
            }
        )

    def answer(self, tac: bytes | None, *, grey: bool) -> OpenSale:
        """The card's answer, or that it will not come any more."""
        self._write({"event": "answer", "tac": tac.hex() if tac else None, "grey": grey})
        if self.sale is None:
            raise DayFileError(f"{self.path}: no sale is open")
        return self.sale

    def drop(self) -> None:
        """The open sale is known not to be paid."""
        self._write({"event": "drop"})

    def recorded(self) -> None:
        """The open sale's row is in the day file; its tasks remain."""
        self._write({"event": "recorded"})

    def add_use(self, msgid: str, use: OfflineUse) -> None:
        """The centre has said what EF06 must become."""
        self._write({"event": "use", "msgid": msgid, "after": _encode_use(use)})

    def done(self, msgid: str, task: PendingTask) -> None:
        """A task is done."""
        self._write({"event": "done", "msgid": msgid, "task": task})

    # --- events --------------------------------------------------------------------------------

    def _write(self, event: dict[str, Any]) -> None:
        self._journal.write(event)
        self._clear()

    def _clear(self) -> None:
        """Take the file away when nothing is open."""
        if self.sale is None and not self._owing and not self._holds:
            self._journal.remove()

    def _apply(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "hold":
                self._holds.append(event["msgid"])
            case "release":
                self._holds.remove(event["msgid"])
            case "debit":
                self.sale = OpenSale(
                    parse_row(event["row"]),
                    frozenset(map(PendingTask, event["tasks"])),
                    event["category"],
                    _parse_use(event["before"]),
                    _parse_use(event["after"]),
                )
            case "answer":
                tac = bytes.fromhex(event["tac"]) if event["tac"] else None
                sale = self._open_sale()
                self.sale = replace(sale, row=replace(sale.row, tac=tac, grey=event["grey"]))
            case "drop":
                self._open_sale()
                self.sale = None
            case "recorded":
                sale = self._open_sale()
                self.sale = None
                if sale.row.msgid in self._holds:
                    self._holds.remove(sale.row.msgid)
                self._keep(sale)
            case "use":
                sale = self._owing[event["msgid"]]
                tasks = sale.tasks | {PendingTask.OFFLINE_USE}
                self._keep(replace(sale, tasks=tasks, use_after=_parse_use(event["after"])))
            case "done":
                sale = self._owing[event["msgid"]]
                self._keep(replace(sale, tasks=sale.tasks - {PendingTask(event["task"])}))
            case _:
                raise ValueError

    def _open_sale(self) -> OpenSale:
        if self.sale is None:
            raise ValueError
        return self.sale

    def _keep(self, sale: OpenSale) -> None:
        if sale.tasks:
            self._owing[sale.row.msgid] = sale
        else:
            self._owing.pop(sale.row.msgid, None)


def _encode_use(use: OfflineUse | None) -> list[int] | None:
    return None if use is None else [int(use.allowed), use.amount_fen, use.times]


def _parse_use(value: list[int] | None) -> OfflineUse | None:
    if value is None:
        return None
    allowed, amount_fen, times = map(int, value)
    return OfflineUse(bool(allowed), amount_fen, times)
