# SPDX-License-Identifier: Apache-2.0
"""Short words for writing cases, so that a module reads like a list of questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sscard_chip.standard.commands import SELECT
from sscard_chip.standard.identifiers import ISSUER_FILE
from sscard_chip.terminal.conformance.case import Case, Judge, Need
from sscard_chip.terminal.conformance.groups import PARAMETERS, clause_of, command_case
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial

PIN_NEEDED: Final = frozenset({Need.PIN})
KEYS_NEEDED: Final = frozenset({Need.KEYS})
PIN_AND_KEYS: Final = frozenset({Need.PIN, Need.KEYS})
MEDICAL_PIN: Final = frozenset({Need.MEDICAL, Need.PIN})
MEDICAL_KEYS: Final = frozenset({Need.MEDICAL, Need.PIN, Need.KEYS})

ISSUER_P2: Final = (ISSUER_FILE & 0x1F) << 3
"""P2 of READ RECORD for SSSE EF05, less its low bits."""


class Chapter:
    """Collects the cases of a module as they are defined."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._cases: list[Case] = []

    def __call__(self) -> Iterator[Case]:
        """The cases, in the order of their definition."""
        return iter(self._cases)

    def add(self, identifier: str, title: str, *clauses: str, judge: Judge, **more: Any) -> None:
        """A case whose function is there already."""
        fields = {"group": self._group} | more
        self._cases.append(
            Case(identifier=identifier, title=title, clauses=clauses, judge=judge, **fields)
        )

    def case(
        self, identifier: str, title: str, *clauses: str, **more: Any
    ) -> Callable[[Judge], Judge]:
        """The function below it is a case."""

        def keep(judge: Judge) -> Judge:
            self.add(identifier, title, *clauses, judge=judge, **more)
            return judge

        return keep

    def command(
        self, name: str, part: int, number: int, title: str, **more: Any
    ) -> Callable[[Judge], Judge]:
        """The function below it is a case of a command: ``part`` is the k of 7.n.k."""
        return self.case(command_case(name, part, number), title, clause_of(name, part), **more)


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """A command that a card must refuse, as data: hex digits, and the words that it may answer.

    ``ready`` brings the card to where the command is sent, SSSE by default.
    """

    title: str
    apdu: str
    words: tuple[str, ...]
    ready: Callable[[Trial], None] | None = None
    level: Level = Level.READ

    def judge(self, trial: Trial) -> None:
        """Send it and see that it is refused."""
        (self.ready or Trial.enter)(trial)
        trial.refused(trial.whole(self.apdu), *self.words)


def refusals(
    chapter: Chapter, name: str, part: int, first: int, *rows: RefusedCommand, **more: Any
) -> None:
    """Cases of refused commands, numbered from ``first``."""
    for number, row in enumerate(rows, first):
        chapter.add(
            command_case(name, part, number),
            row.title,
            clause_of(name, part),
            judge=row.judge,
            **({"group": PARAMETERS, "level": row.level} | more),
        )


def select_issuer(trial: Trial) -> None:
    """SSSE and its EF05 current."""
    trial.enter()
    trial.given(trial.send(SELECT, 0x02, 0x00, ISSUER_FILE.to_bytes(2)), "SELECT of EF05")


def record(trial: Trial, number: int, sfi: int) -> CardReply:
    """READ RECORD by number of a file by its SFI, whole."""
    return trial.whole(bytes((0x00, 0xB2, number, sfi << 3 | 4, 0x00)))


def tlv_of(trial: Trial, reply: CardReply, what: str) -> tuple[int, bytes]:
    """Tag and value of a record that must be one simple TLV."""
    data = reply.data
    trial.check(len(data) >= 2, f"{what} as a TLV", f"{len(data)} bytes")
    trial.equal(data[1], len(data) - 2, f"length byte of {what}")
    return data[0], data[2:]
