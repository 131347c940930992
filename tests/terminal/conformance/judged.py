# SPDX-License-Identifier: Apache-2.0
"""Cards to be judged, and what is between them and a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sscard_chip.memory import Memory
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.reader.interface import Connection
from sscard_chip.standard.settlement_mode import SettlementMode
from sscard_chip.terminal.conformance import (
    CaseResult,
    CaseVerdict,
    ImageTarget,
    Level,
    SuiteRun,
    run_suite,
)
from tests.bench.issued import roots
from tests.bench.shop import PIN, card_memory

CARDS: Final = ((1, "3des"), (2, "3des"), (3, "sm4"), (3, "3des"))
BAD: Final = (CaseVerdict.FAIL, CaseVerdict.WARN, CaseVerdict.ERROR, CaseVerdict.INCONCLUSIVE)


class Heard(ForwardingConnection):
    """Keeps every command and answer, and may change an answer."""

    def __init__(
        self, connection: Connection, change: Callable[[bytes, bytes], bytes] | None = None
    ) -> None:
        super().__init__(connection)
        self.commands: list[bytes] = []
        self._change = change

    def transmit(self, apdu: bytes) -> bytes:
        self.commands.append(apdu)
        answer = super().transmit(apdu)
        return self._change(apdu, answer) if self._change else answer


def issued(generation: int, algorithm: str = "3des") -> Memory:
    """A card with PIN, account and money."""
    mode = SettlementMode.ONLINE if generation > 1 else SettlementMode.OFFLINE
    return card_memory(generation, algorithm, mode)


def judge(
    generation: int,
    level: Level = Level.READ,
    *,
    only: Iterable[str] = (),
    memory: Memory | None = None,
    algorithm: str = "3des",
    contactless: bool = False,
    wrap: Callable[[Connection], Connection] | None = None,
    with_keys: bool = True,
    pin: str = PIN,
) -> SuiteRun:
    """A run against a card of this process, of which every case gets a copy."""
    card = memory or issued(generation, algorithm)
    return run_suite(
        ImageTarget(card, name="card", contactless=contactless, wrap=wrap),
        generation=generation,
        interface="contactless" if contactless else "contact",
        pin=pin,
        store=roots() if with_keys else None,
        level=level,
        only=only,
    )


def bad(run: SuiteRun) -> list[tuple[str, str]]:
    """Cases that are not as they should be, and why."""
    return [(one.case.identifier, one.reason) for one in run.results if one.verdict in BAD]


def result_of(run: SuiteRun, identifier: str) -> CaseResult:
    """The result of one case."""
    return next(one for one in run.results if one.case.identifier == identifier)
