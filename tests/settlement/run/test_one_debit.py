# SPDX-License-Identifier: Apache-2.0
"""A debit is one thing, whatever way it comes: on-line, in a day file, in both, altered, in any
order. It is paid once, and what is altered is refused with a code."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Final

import pytest

from sscard_chip.dayfile.rows import DayHeader, DayRow
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.settle import settle
from sscard_chip.standard.settlement_mode import SettlementMode, Split
from sscard_chip.terminal.pos import DayFile, read_day
from tests.bench.issued import roots
from tests.bench.shop import BILL, LATER, TIME, Shop
from tests.settlement.platform.centre import ledger_authoriser
from tests.settlement.run.test_pos import (
    MONEY,
    NIGHT,
    SALE,
    NoConfirmation,
    balances,
    enter,
)
from tests.settlement.run.trial import ROOT, keys

OTHER: Final = "P51010000002"
CHANGES: Final[dict[str, Callable[[DayRow], DayRow]]] = {
    "msgid": lambda row: replace(row, msgid=f"{row.msgid[:-4]}9999"),
    "setl_id": lambda row: replace(row, setl_id="510100202603151011129999999999"),
    "mdtrt_id": lambda row: replace(row, mdtrt_id="510100202603151011129999999998"),
    "no setl_id": lambda row: replace(row, setl_id=None, mdtrt_id=None),
    "time": lambda row: replace(row, time="20260315101113"),
    "split": lambda row: replace(row, account_fen=1500, fund_fen=1500),
    "split to cash": lambda row: replace(row, account_fen=500, fund_fen=2500),
    "as if off-line": lambda row: replace(
        row, setl_id=None, total_fen=6500, account_fen=0, cash_fen=3500, fund_fen=3000
    ),
    "pharmacy": lambda row: row,
}
"""``as if off-line``: the card's 0, 35.00, 30.00 as the bill of a mode 3 sale."""


def copy(path: Path, target: Path, change: str, which: slice = slice(None)) -> Path:
    """A day file with some rows changed; ``pharmacy`` changes the header."""
    day = read_day(path)
    header = day.header
    if change == "pharmacy":
        header = DayHeader(OTHER, header.terminal_id, header.business_date, None, "9" * 20)
    with DayFile.open(target, header) as file:
        for row in list(day.rows)[which]:
            file.append(CHANGES[change](row) if change else row)
        file.finish()
    return target


def codes(ledger: Ledger, out: Path, *paths: Path) -> list[list[str]]:
    """Settle files in one run; the codes of each file's rows."""
    found = []
    settle(list(map(str, paths)), keys=keys, ledger=ledger, out=out, rules=Rules())
    for path in paths:  # settled by now: each shows what is found now
        settle([str(path)], keys=keys, ledger=ledger, out=out, rules=Rules())
        lines = (out / "verdicts.tsv").read_text().splitlines()[1:]
        found.append([line.split("\t")[3] for line in lines])
    assert ledger.check().even
    return found


def online_day(ledger: Ledger, tmp_path: Path, *, confirmed: bool, refunded: bool = False) -> Path:
    """One sale of mode 1, and its day file; no confirmation may have come, or it is refunded."""
    centre = ledger_authoriser(ledger)
    authoriser = centre if confirmed else NoConfirmation(centre)
    shop = Shop(tmp_path, 3, "sm4", mode=SettlementMode.ONLINE, authoriser=authoriser)
    enter(ledger, shop, MONEY)
    with shop.till() as till:
        sale = till.sell(BILL, TIME).row
        if refunded:
            till.refund(sale.msgid, NIGHT)
        till.close_day()
    return shop.day_file


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("confirmed", [True, False])
def test_an_on_line_debit_and_an_altered_copy(
    ledger: Ledger, tmp_path: Path, change: str, confirmed: bool
) -> None:
    honest = online_day(ledger, tmp_path, confirmed=confirmed)
    altered = copy(honest, tmp_path / "altered.tsv", change)
    for order in ([altered], [honest, altered], [altered, honest]):
        found = dict(zip(order, codes(ledger, tmp_path / "out", *order), strict=True))
        verdict = found[altered][0].split(",")
        if honest in found:
            assert found[honest] == ["0"]
            assert not {"0"} & set(verdict)
            assert balances(ledger) == SALE
    assert balances(ledger) == SALE
    if change in ("setl_id", "mdtrt_id", "split", "split to cash", "msgid"):
        assert "6" in verdict
    if change == "time":
        assert "1" in verdict


@pytest.mark.parametrize("change", [*CHANGES])
def test_a_copy_before_anything_else_keeps_the_honest_row_out_for_nothing(
    ledger: Ledger, tmp_path: Path, change: str
) -> None:
    """The copies of all changes in one run, the honest row in the next."""
    honest = online_day(ledger, tmp_path, confirmed=False)
    altered = [copy(honest, tmp_path / f"{at}.tsv", one) for at, one in enumerate(CHANGES)]
    first = altered[[*CHANGES].index(change)]
    codes(ledger, tmp_path / "out", first)
    codes(ledger, tmp_path / "out", *altered)
    assert codes(ledger, tmp_path / "out", honest) == [["0"]]
    assert balances(ledger) == SALE
    assert all("0" not in one.split(",") for (one,) in codes(ledger, tmp_path / "out", *altered))


def test_the_confirmation_after_its_day_file(ledger: Ledger, tmp_path: Path) -> None:
    """The day's settlement has confirmed the sale; the till's own confirmation comes late."""
    honest = online_day(ledger, tmp_path, confirmed=False)
    assert codes(ledger, tmp_path / "out", honest) == [["0"]]
    (row,) = read_day(honest).rows
    ledger_authoriser(ledger).confirm(row)
    assert balances(ledger) == SALE


def test_a_confirmation_and_a_run_at_once(ledger: Ledger, tmp_path: Path) -> None:
    honest = online_day(ledger, tmp_path, confirmed=False)
    altered = copy(honest, tmp_path / "altered.tsv", "no setl_id")
    (row,) = read_day(honest).rows

    def confirm() -> None:
        try:
            ledger_authoriser(ledger).confirm(row)
        except Exception as error:
            refused.append(str(error))

    refused: list[str] = []
    thread = threading.Thread(target=confirm)
    thread.start()
    codes(ledger, tmp_path / "out", altered)
    thread.join()
    assert refused in ([], ["a day file has settled this debit"])
    found = codes(ledger, tmp_path / "out", honest, altered)
    assert (found[0], "0" in found[1][0].split(",")) == (["0"], False)
    assert balances(ledger) == SALE


@pytest.mark.parametrize("change", ["msgid", "setl_id", "no setl_id", "split", "pharmacy"])
def test_an_on_line_refund_and_an_altered_copy(ledger: Ledger, tmp_path: Path, change: str) -> None:
    def of_refund(row: DayRow) -> DayRow:
        return replace(row, account_fen=-1500, fund_fen=-1500) if row.refund else row

    honest = online_day(ledger, tmp_path, confirmed=True, refunded=True)
    change_row = of_refund if change == "split" else CHANGES[change]
    day = read_day(honest)
    altered = tmp_path / "altered.tsv"
    header = replace(day.header, pharmacy_code=OTHER) if change == "pharmacy" else day.header
    with DayFile.open(altered, header) as file:
        file.append(change_row(day.rows[1]))
        file.finish()
    for order in ([altered], [honest], [altered, honest], [honest, altered]):
        found = dict(zip(order, codes(ledger, tmp_path / "out", *order), strict=True))
        assert balances(ledger) == {"personal": MONEY}
        if honest in found:
            assert found[honest] == ["0", "0"]
        if altered in found:
            assert "0" not in found[altered][0].split(",")


def test_a_refund_of_a_day_file_cancels_the_sale_once(ledger: Ledger, tmp_path: Path) -> None:
    """A refund that names the sale's own setl_id, and then the same on-line."""
    honest = online_day(ledger, tmp_path, confirmed=True)
    (row,) = read_day(honest).rows
    parts = {name: -getattr(row, name) for name in ("total_fen", "account_fen", "cash_fen")}
    back = replace(row, refund=True, msgid=f"{row.msgid[:12]}{NIGHT}0100", **parts)
    back = replace(back, fund_fen=-row.fund_fen)
    refund = tmp_path / "refund.tsv"
    with DayFile.open(refund, read_day(honest).header) as file:
        file.append(back)
        file.append(replace(back, msgid=f"{row.msgid[:12]}{NIGHT}0200"))
        file.finish()
    assert codes(ledger, tmp_path / "out", refund) == [["105", "105"]]
    assert balances(ledger) == SALE
    assert codes(ledger, tmp_path / "out", honest, refund) == [["0"], ["0", "6"]]
    assert balances(ledger) == {"personal": MONEY}
    with pytest.raises(Exception, match="the settlement is cancelled"):
        ledger_authoriser(ledger).cancel(row, f"{row.msgid[:12]}{NIGHT}0300")
    assert balances(ledger) == {"personal": MONEY}


# --- off-line ------------------------------------------------------------------------------------


def offline_day(ledger: Ledger, tmp_path: Path) -> Path:
    """Two sales of mode 3, the second with two refunds of a part; the day is closed."""
    shop = Shop(tmp_path, 3, "sm4")
    enter(ledger, shop, 1200)
    with shop.till() as till:
        till.sell(BILL, TIME)
        sale = till.sell(BILL, LATER).row
        till.refund(sale.msgid, NIGHT, parts=Split(300, 0, 0))
        till.refund(sale.msgid, "20260315203100", parts=Split(400, 0, 100))
        till.close_day()
    return shop.day_file


OFFLINE: Final = {
    "personal": 0,
    "suspense": -100,
    "fund": -3900,
    "self_paid": -1000,
    "collected": 1000,
    "pharmacy": 1000 + 2000 + 300 + 1900,
}
"""12.00 on the account: two debits of 10.00, and 7.00 come back: 1.00 is missing."""


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_row_a_file_in_every_order(
    ledger: Ledger, tmp_path: Path, order: tuple[int, ...]
) -> None:
    day = offline_day(ledger, tmp_path)
    files = [copy(day, tmp_path / f"{at}.tsv", "", slice(at, at + 1)) for at in range(4)]
    for at in order:
        codes(ledger, tmp_path / "out", files[at])
    assert codes(ledger, tmp_path / "out", *files) == [["0"]] * 4
    assert {k: v for k, v in OFFLINE.items() if v} == balances(ledger)


def test_a_refund_waits_and_is_posted_when_its_debit_comes(ledger: Ledger, tmp_path: Path) -> None:
    day = offline_day(ledger, tmp_path)
    refunds = copy(day, tmp_path / "refunds.tsv", "", slice(2, 4))
    assert codes(ledger, tmp_path / "out", refunds) == [["105", "105"]]
    assert balances(ledger) == {"personal": 1200}
    sales = copy(day, tmp_path / "sales.tsv", "", slice(0, 2))
    assert codes(ledger, tmp_path / "out", sales) == [["0", "0"]]
    assert codes(ledger, tmp_path / "out", refunds) == [["0", "0"]]


@pytest.mark.parametrize("change", ["msgid", "setl_id", "time", "split", "pharmacy"])
@pytest.mark.parametrize("altered_first", [False, True])
def test_an_off_line_debit_and_an_altered_copy(
    ledger: Ledger, tmp_path: Path, change: str, altered_first: bool
) -> None:
    day = offline_day(ledger, tmp_path)
    honest = copy(day, tmp_path / "honest.tsv", "", slice(0, 1))
    altered = copy(day, tmp_path / "altered.tsv", change, slice(0, 1))
    order = [altered, honest] if altered_first else [honest, altered]
    for path in order:
        codes(ledger, tmp_path / "out", path)
    found = dict(zip(order, codes(ledger, tmp_path / "out", *order), strict=True))
    posted = [path for path in order if "0" in found[path][0].split(",")]
    assert len(posted) == 1
    assert balances(ledger)["pharmacy"] == 3000
    assert posted == [order[0] if change in ("msgid", "pharmacy") else honest]


def test_two_programs_and_two_copies_at_once(ledger_url: str, tmp_path: Path) -> None:
    """An honest file and an altered one settled by two processes in the same moment."""
    roots().save(tmp_path / "roots.json")
    with Ledger.open(ledger_url) as ledger:
        honest = online_day(ledger, tmp_path, confirmed=False)
        altered = copy(honest, tmp_path / "altered.tsv", "no setl_id")
        program = [sys.executable, "-m", "sscard_cli", "settle", "run"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        started = [
            subprocess.Popen(
                [*program, str(path), "--keys", "roots.json", "--ledger", ledger_url,
                 "--out", f"out-{path.stem}"],
                cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
            for path in (altered, honest)
        ]  # fmt: skip
        for one in started:
            said, _ = one.communicate(timeout=120)
            assert one.returncode == 0, said
        found = codes(ledger, tmp_path / "out", honest, altered)
        assert (found[0], "0" in found[1][0].split(",")) == (["0"], False)
        assert balances(ledger) == SALE
