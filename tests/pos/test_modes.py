# SPDX-License-Identifier: Apache-2.0
"""Modes 1 and 2: the centre, the amounts for the card, EF06 and EF15 (letter no. 38)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sscard_chip.reader.faulty import ExchangeFault, FaultAt
from sscard_chip.standard.commands import VERIFY
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.settlement_mode import OfflineUse, SettlementMode, Split
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pos import (
    Authoriser,
    Bill,
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
    DayFileError,
    DayRow,
    Hold,
    HoldRequest,
    LocalAuthoriser,
    Refusal,
    SaleRefusedError,
)
from sscard_chip.terminal.pos.card import read_offline_use
from sscard_chip.terminal.pos.psam import Psam
from sscard_chip.terminal.session import open_session
from tests.bench.shop import BALANCE, BILL, LATER, PIN, TIME, Shop, region

ONLINE, TEMPORARY = SettlementMode.ONLINE, SettlementMode.TEMPORARY_OFFLINE
ACCOUNT = Bill(Split(1000, 0, 0))
NIGHT = "20260315230000"


class Network(LocalAuthoriser):
    """A centre behind a network that a test breaks: before a request leaves, or its answer."""

    down: type[Exception] | None = None
    asked: list[str]

    def __init__(self, journal: Path, check: Callable[[DayRow], bool] | None = None) -> None:
        super().__init__(journal, check_tac=check)
        self.asked = []

    def _broken(self, name: str, *, after: bool) -> None:
        if not after:
            self.asked.append(name)
        if self.down is not None and after == (self.down is CentreNoAnswerError):
            raise self.down("the network is down")

    def authorise(self, request: HoldRequest) -> Hold:
        self._broken("authorise", after=False)
        answer = super().authorise(request)
        self._broken("authorise", after=True)
        return answer

    def confirm(self, row: DayRow) -> OfflineUse | None:
        self._broken("confirm", after=False)
        answer = super().confirm(row)
        self._broken("confirm", after=True)
        return answer

    def cancel(self, row: DayRow, msgid: str) -> str:
        self._broken("cancel", after=False)
        answer = super().cancel(row, msgid)
        self._broken("cancel", after=True)
        return answer

    def reverse(self, msgid: str) -> None:
        self._broken("reverse", after=False)
        super().reverse(msgid)
        self._broken("reverse", after=True)


def shop_of(
    folder: Path,
    mode: SettlementMode,
    *,
    use: tuple[str, str, str] | None = None,
    authoriser: Authoriser | None = None,
    faults: tuple[FaultAt, ...] = (),
    generation: int = 2,
    cap_fen: int = 100_000,
    cap_times: int = 10,
) -> Shop:
    """A shop of a region in ``mode``; ``use`` is 90, 92 and 93 on the card."""
    files = {}
    if use is not None:
        files = {"DF04": {"EF06": dict(zip(("90", "92", "93"), use, strict=True))}}
    return Shop(
        folder,
        generation,
        mode=mode,
        region=region(mode, offline_cap_fen=cap_fen, offline_cap_times=cap_times),
        authoriser=authoriser,
        faults=faults,
        files=files,
    )


def use_of(shop: Shop) -> OfflineUse:
    """EF06 as it stands on the card."""
    session = open_session(connect_card(shop.card))
    sam = Psam(connect_card(shop.psam))
    sam.open(session.algorithm)
    session.client.require(VERIFY, 0, 0, bcd(PIN))
    session.enter(0xDF04)
    return read_offline_use(session, sam)


# --- mode 1 --------------------------------------------------------------------------------------


def test_mode_1_settles_with_the_centre_and_not_with_the_card(tmp_path: Path) -> None:
    centre = Network(tmp_path / "centre.jsonl")
    shop = shop_of(tmp_path, ONLINE, authoriser=centre)
    with shop.till() as till:
        outcome = till.sell(BILL, TIME)
    row = outcome.row
    assert (row.card_account_fen, row.card_self_paid_fen, row.card_pooled_fen) == (0, 3500, 3000)
    assert (row.total_fen, row.account_fen, row.cash_fen, row.fund_fen) == (3500, 1000, 500, 2000)
    assert row.setl_id == f"510100{TIME}0000000001"
    assert (outcome.warnings, outcome.mac2) == ((), True)
    assert "联网结算" in outcome.receipt.text()
    assert centre.state(row.msgid) == "confirmed"
    assert centre.asked == ["authorise", "confirm"]
    assert shop.audit() == 1
    assert shop.balance() == BALANCE


@pytest.mark.parametrize("error", [CentreUnreachableError, CentreNoAnswerError, CentreRefusedError])
def test_mode_1_without_a_hold_leaves_the_card_alone(
    tmp_path: Path, error: type[Exception]
) -> None:
    centre = Network(tmp_path / "centre.jsonl")
    shop = shop_of(tmp_path, ONLINE, authoriser=centre)
    with shop.till() as till:
        centre.down = error
        with pytest.raises(SaleRefusedError) as caught:
            till.sell(BILL, TIME)
        assert caught.value.refusal is Refusal.CENTRE
        centre.down = None
        assert till.rows == ()
    assert shop.audit() == 0
    held = "reversed" if error is CentreNoAnswerError else None
    msgid = f"P51010000001{TIME}0100"
    assert centre.state(msgid) == held
    # A reversal without an answer is not sent a second time.
    assert centre.asked == ["authorise", *(["reverse"] if held else [])]
    assert not shop.journal.exists()


def test_mode_1_without_a_centre_is_refused(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, ONLINE)
    with shop.till() as till, pytest.raises(SaleRefusedError, match="cannot be reached"):
        till.sell(BILL, TIME)


def test_a_hold_is_released_when_the_sale_breaks_off(tmp_path: Path) -> None:
    for exchange in range(1, 200):
        place = tmp_path / str(exchange)
        place.mkdir()
        centre = Network(place / "centre.jsonl")
        fault = FaultAt(ExchangeFault.WRONG_STATUS, exchange, executed=False)
        shop = shop_of(place, ONLINE, authoriser=centre, faults=(fault,))
        try:
            with shop.till() as till:
                outcome = till.sell(BILL, TIME)
        except SaleRefusedError:
            assert centre.state(f"P51010000001{TIME}0100") in (None, "reversed")
            assert shop.audit() == 0
        else:
            assert centre.state(outcome.row.msgid) == "confirmed"
            assert shop.audit() == 1
            if shop.card_slot.exchanges < exchange:
                return
    pytest.fail("the sale has no end")


def test_a_hold_whose_process_died_is_released_by_the_next(tmp_path: Path) -> None:
    centre = Network(tmp_path / "centre.jsonl")
    shop = shop_of(tmp_path, ONLINE, authoriser=centre)
    msgid = f"P51010000001{TIME}0100"
    shop.journal.write_text(f'{{"event": "hold", "msgid": "{msgid}"}}\n')
    with shop.till() as till:
        row = till.sell(BILL, TIME).row
    assert centre.state(msgid) == "reversed"
    assert row.msgid == f"P51010000001{TIME}0101"
    assert centre.state(row.msgid) == "confirmed"


@pytest.mark.parametrize("error", [CentreUnreachableError, CentreNoAnswerError])
def test_a_confirmation_that_fails_is_made_later(tmp_path: Path, error: type[Exception]) -> None:
    centre = Network(tmp_path / "centre.jsonl")
    shop = shop_of(tmp_path, ONLINE, authoriser=centre)
    with shop.till() as till:
        _down_after_hold(centre, error)
        outcome = till.sell(BILL, TIME)
        assert any("not told yet" in line for line in outcome.warnings)
        assert len(till.owing) == 1
    centre.down = None
    with shop.till() as till:
        assert len(till.owing) == 1
        till.close_day()
        assert not till.owing
    assert centre.state(outcome.row.msgid) == "confirmed"
    assert not shop.journal.exists()


def _down_after_hold(centre: Network, error: type[Exception]) -> None:
    real = centre.authorise

    def authorise(request: HoldRequest) -> Hold:
        answer = real(request)
        centre.down = error
        return answer

    centre.authorise = authorise  # type: ignore[method-assign]


def test_a_settlement_that_the_centre_refuses_is_recorded_all_the_same(tmp_path: Path) -> None:
    centre = Network(tmp_path / "centre.jsonl", check=lambda row: False)
    shop = shop_of(tmp_path, ONLINE, authoriser=centre)
    with shop.till() as till:
        outcome = till.sell(BILL, TIME)
        assert any("refuses" in line for line in outcome.warnings)
        assert till.owing == ()
    assert shop.audit() == 1


def test_the_centre_checks_the_tac(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, ONLINE)
    shop.authoriser = Network(tmp_path / "c.jsonl", check=lambda row: row.tac == shop.tac(row))
    with shop.till() as till:
        assert till.sell(BILL, TIME).warnings == ()


# --- mode 2 --------------------------------------------------------------------------------------


def test_mode_2_on_line_sets_the_card_s_off_line_use_back(tmp_path: Path) -> None:
    centre = Network(tmp_path / "centre.jsonl")
    shop = shop_of(tmp_path, TEMPORARY, use=("0", "00001234", "03"), authoriser=centre)
    with shop.till() as till:
        row = till.sell(BILL, TIME).row
    assert (row.card_account_fen, row.card_self_paid_fen, row.card_pooled_fen) == (0, 3500, 3000)
    assert use_of(shop) == OfflineUse(True, 0, 0)
    assert shop.audit() == 1


@pytest.mark.parametrize("generation", [2, 3])
def test_mode_2_off_line_counts_on_the_card(tmp_path: Path, generation: int) -> None:
    shop = shop_of(tmp_path, TEMPORARY, use=("1", "00001234", "03"), generation=generation)
    with shop.till() as till:
        row = till.sell(ACCOUNT, TIME).row
    assert (row.card_account_fen, row.card_self_paid_fen, row.card_pooled_fen) == (0, 1000, 1000)
    assert (row.total_fen, row.account_fen, row.setl_id) == (1000, 1000, None)
    assert use_of(shop) == OfflineUse(True, 2234, 4)
    assert shop.audit() == 1


@pytest.mark.parametrize(
    ("use", "cap_fen", "cap_times", "bill", "sold"),
    [
        (("1", "00000999", "00"), 2000, 10, ACCOUNT, True),
        (("1", "00001000", "00"), 2000, 10, ACCOUNT, False),  # the cap itself is too much
        (("1", "00000000", "08"), 2000, 10, ACCOUNT, True),
        (("1", "00000000", "09"), 2000, 10, ACCOUNT, False),
        (("0", "00000000", "00"), 2000, 10, ACCOUNT, False),
        (("1", "00000000", "00"), 2000, 10, Bill(Split(500, 1, 0)), False),
        (("1", "00000000", "00"), 2000, 10, Bill(Split(500, 0, 1)), False),
    ],
)
def test_mode_2_caps(
    tmp_path: Path,
    use: tuple[str, str, str],
    cap_fen: int,
    cap_times: int,
    bill: Bill,
    sold: bool,
) -> None:
    shop = shop_of(tmp_path, TEMPORARY, use=use, cap_fen=cap_fen, cap_times=cap_times)
    before = use_of(shop)
    with shop.till() as till:
        if sold:
            till.sell(bill, TIME)
        else:
            with pytest.raises(SaleRefusedError) as caught:
                till.sell(bill, TIME)
            assert caught.value.refusal is Refusal.MODE
    assert shop.audit() == sold
    assert (use_of(shop) == before) != sold


def test_mode_2_off_line_is_for_the_region_s_own_cards(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, TEMPORARY, use=("1", "00000000", "00"))
    shop.settings = replace(shop.settings, region=replace(region(2), division="330100"))
    with shop.till() as till, pytest.raises(SaleRefusedError, match="only cards of the region"):
        till.sell(ACCOUNT, TIME)


def test_mode_2_falls_back_only_when_nothing_was_sent(tmp_path: Path) -> None:
    centre = Network(tmp_path / "centre.jsonl")
    shop = shop_of(tmp_path, TEMPORARY, use=("1", "00000000", "00"), authoriser=centre)
    with shop.till() as till:
        centre.down = CentreNoAnswerError
        with pytest.raises(SaleRefusedError):
            till.sell(ACCOUNT, TIME)
        centre.down = CentreUnreachableError
        assert till.sell(ACCOUNT, LATER).row.setl_id is None
    assert use_of(shop) == OfflineUse(True, 1000, 1)


# --- the local centre ----------------------------------------------------------------------------


def test_local_centre_answers_again_and_keeps_its_journal(tmp_path: Path) -> None:
    path = tmp_path / "centre.jsonl"
    centre = LocalAuthoriser(path, balances={"Z00000013": 1500})
    request = HoldRequest(
        "P" * 30, "1" * 12, TIME, bytes(16), "Z00000013", "510100", "510100",
        Split(1000, 0, 0), None, None,
    )  # fmt: skip
    hold = centre.authorise(request)
    assert centre.authorise(request) == hold
    assert hold.balance_fen == 500
    with pytest.raises(CentreRefusedError, match="something else"):
        centre.authorise(replace(request, split=Split(1, 0, 0)))
    with pytest.raises(CentreRefusedError, match="not enough money"):
        centre.authorise(replace(request, msgid="Q" * 30))
    centre = LocalAuthoriser(path, balances={"Z00000013": 1500})
    assert centre.authorise(request) == hold
    centre.reverse(request.msgid)
    with pytest.raises(CentreRefusedError, match="reversed"):
        centre.authorise(request)
    assert centre.authorise(replace(request, msgid="Q" * 30)).setl_id != hold.setl_id
    with path.open("ab") as file:
        file.write(b'{"msgid": "torn')
    assert LocalAuthoriser(path).state("Q" * 30) == "held"
    path.write_text("nonsense\n")
    with pytest.raises(DayFileError, match="row 1"):
        LocalAuthoriser(path)
