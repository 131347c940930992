# SPDX-License-Identifier: Apache-2.0
"""A load is cut off at every exchange, every question to the centre and every commit: the card
gets what the centre has posted, once, by doing it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.dayfile.authoriser import CentreNoAnswerError, CentreUnreachableError
from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.terminal.pos import SaleRefusedError, UnfinishedLoadError
from sscard_chip.terminal.pos.errors import PosError
from tests.bench.shop import BILL, TIME, KilledError
from tests.settlement.loading.office import ROUTES, CutCentre, Office, office


def _exchanges(desk: Office) -> int:
    """How many commands the card gets in a load that goes well."""
    desk.allocate(1)
    before = desk.shop.card_slot.exchanges
    assert desk.load() == 1
    desk.audit()
    return desk.shop.card_slot.exchanges - before


@pytest.mark.parametrize(("generation", "algorithm", "contactless"), ROUTES)
@pytest.mark.parametrize("executed", [True, False], ids=["answer lost", "command lost"])
@pytest.mark.parametrize("fault", [ExchangeFault.REMOVED, ExchangeFault.WRONG_STATUS])
def test_cut_at_every_exchange(
    ledger: Ledger,
    tmp_path: Path,
    generation: int,
    algorithm: str,
    contactless: bool,
    executed: bool,
    fault: ExchangeFault,
) -> None:
    desk = office(ledger, tmp_path, generation, algorithm, contactless=contactless)
    doubts = 0
    for at in range(1, _exchanges(desk) + 1):
        desk.allocate(100 + at)
        desk.shop.card_slot = FaultyConnection(
            desk.shop._connect(), FaultAt(fault, at, executed=executed)
        )
        try:
            desk.load()
        except UnfinishedLoadError:
            doubts += 1
        except (SaleRefusedError, PosError):
            pass
        desk.shop.insert()
        desk.load()
        assert desk.load() == 0
        desk.audit()
    # CREDIT, and GET RESPONSE over contacts
    assert doubts == (2 - contactless if fault is ExchangeFault.REMOVED else 0)


CUTS: dict[str, Callable[[], Exception | KilledError]] = {
    "no answer": lambda: CentreNoAnswerError("time-out"),
    "unreachable": lambda: CentreUnreachableError("no route"),
    "till killed": KilledError,
}


@pytest.mark.parametrize("generation", [1, 3])
@pytest.mark.parametrize("call", ["due", "authorise", "confirm"])
@pytest.mark.parametrize("before", [True, False], ids=["question lost", "answer lost"])
@pytest.mark.parametrize("cut", CUTS)
def test_cut_at_every_question_to_the_centre(
    ledger: Ledger, tmp_path: Path, generation: int, call: str, before: bool, cut: str
) -> None:
    desk = office(ledger, tmp_path, generation)
    desk.allocate(700)

    def strike() -> None:
        raise CUTS[cut]()

    centre = CutCentre(desk.host, call, strike, before=before)
    if call == "confirm" and cut != "till killed":
        with desk.shop.till() as till:
            outcome = till.load(centre, TIME)
        assert outcome.result.fen == 700
        assert "the centre is told with the next load" in outcome.result.warnings[0]
    else:
        with pytest.raises((SaleRefusedError, KilledError)):
            desk.load(centre)
    assert centre.left == 0
    desk.allocate(30)  # meanwhile the centre goes on
    desk.load()
    assert desk.load() == 0
    desk.audit()
    assert [fen for _, fen, _, _ in desk.rows()] in ([700, 30], [730])


@pytest.mark.parametrize("at", range(1, 4))
@pytest.mark.parametrize("committed", [True, False])
def test_killed_at_every_commit(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, committed: bool
) -> None:
    desk = office(ledger, tmp_path)
    desk.allocate(700)
    count, real = 0, Ledger.run

    def run(self: Ledger, work: Callable[[Any], Any], *, exclusive: bool = False) -> Any:
        nonlocal count
        count += 1
        if count != at:
            return real(self, work, exclusive=exclusive)
        if committed:
            real(self, work, exclusive=exclusive)
            raise KilledError
        with self.transaction() as t:
            work(t)
            raise KilledError

    monkeypatch.setattr(Ledger, "run", run)
    if at < 3:  # a load commits twice
        with pytest.raises(KilledError):
            desk.load()
    else:
        assert desk.load() == 700
    monkeypatch.undo()
    desk.load()
    assert desk.load() == 0
    desk.audit()


class Forgetful(FaultyConnection):
    """A card that has lost the proof of its load, as one may with its next purchase."""

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[:4] == bytes.fromhex("B02E0031"):
            return bytes.fromhex("9406")
        return super().transmit(apdu)


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_a_proof_that_is_lost(ledger: Ledger, tmp_path: Path, generation: int) -> None:
    """The card has gone on to its next number: that says that the load was made."""
    desk = office(ledger, tmp_path, generation)
    desk.allocate(700)

    def strike() -> None:
        raise KilledError

    with pytest.raises(KilledError):
        desk.load(CutCentre(desk.host, "confirm", strike, before=True))
    with desk.shop.till() as till:
        till.sell(BILL, TIME)
    desk.shop.card_slot = Forgetful(desk.shop._connect())
    assert desk.load() == 0
    desk.allocate(30)
    assert desk.load() == 30
    assert desk.rows() == [(0, 700, True, False), (1, 30, True, True)]
    assert desk.shop.balance() == 100_000 + 730 - BILL.split.account_fen
