# SPDX-License-Identifier: Apache-2.0
"""A till's hotlist from sale to sale: read anew, too old, broken, or none."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from sscard_chip.standard.settlement_mode import SettlementMode
from sscard_chip.terminal.pos import (
    CentreUnreachableError,
    HotCard,
    Hotlist,
    HotlistFile,
    Refusal,
    SaleRefusedError,
    TillSettings,
)
from tests.bench.shop import BILL, PHARMACY, TIME, Shop, region

ISSUED = "20260314101112"  # a day before TIME
CODE_AND_NUMBER = (None, "Z00000013")
NO_LIST = "黑名单"


def shop(
    folder: Path, listed: Hotlist | None, hours: int | None, mode: int = 3, **more: object
) -> Shop:
    found = Shop(folder, 3, mode=SettlementMode(mode), hotlist=listed, **more)  # type: ignore[arg-type]
    found.settings = TillSettings(PHARMACY, region(mode), hotlist_max_age_hours=hours)
    return found


@pytest.mark.parametrize(
    ("listed", "hours", "refused"),
    [
        (Hotlist(ISSUED), 24, None),
        (Hotlist(ISSUED), 23, "version 20260314101112 is older than 23 hours"),
        (Hotlist("20260315101112.2"), 1, None),
        (Hotlist("20260315111112"), 1, None),  # the other clock is ahead
        (Hotlist("20260315111113"), 1, "is ahead of the clock by more than 1 hours"),
        (Hotlist("20991231235959"), 24, "is ahead of the clock"),  # it would never be too old
        (Hotlist("v7"), 24, "its age is not known"),
        (None, 24, "the till has none"),
        (Hotlist(ISSUED), None, None),
        (Hotlist("v7"), None, None),
    ],
)
def test_a_sale_offline_wants_a_list_that_is_fresh(
    tmp_path: Path, listed: Hotlist | None, hours: int | None, refused: str | None
) -> None:
    bench = shop(tmp_path, listed, hours)
    with bench.till() as till:
        if refused is None:
            text = till.sell(BILL, TIME).receipt.text()
            assert NO_LIST not in text
        else:
            with pytest.raises(SaleRefusedError, match=refused) as caught:
                till.sell(BILL, TIME)
            assert caught.value.refusal is Refusal.HOTLIST_OLD
    assert bench.audit() == (refused is None)


def test_without_a_list_the_receipt_says_so(tmp_path: Path) -> None:
    bench = shop(tmp_path, None, None)
    with bench.till() as till:
        sale = till.sell(BILL, TIME)
        assert "  本终端无黑名单，未核对挂失卡\n" in sale.receipt.text()
        refund = till.refund(sale.row.msgid, TIME)
        assert NO_LIST not in refund.receipt.text()


class Away:
    """A centre that cannot be reached."""

    def authorise(self, request: object) -> object:
        raise CentreUnreachableError("the network is down")

    def reverse(self, msgid: str) -> None:
        raise CentreUnreachableError("the network is down")


def test_temporarily_offline_too(tmp_path: Path) -> None:
    bench = shop(tmp_path, Hotlist(ISSUED), 23, mode=2, authoriser=Away())
    with bench.till() as till, pytest.raises(SaleRefusedError, match="older than 23"):
        till.sell(BILL, TIME)


def test_the_list_is_read_again_between_sales(tmp_path: Path) -> None:
    path = tmp_path / "hotlist.tsv"
    Hotlist("20260315090000").save(path)
    bench = shop(tmp_path, HotlistFile(path), 24)  # type: ignore[arg-type]
    with bench.till() as till:
        assert till.header.hotlist_version == "20260315090000"
        assert till.sell(BILL, TIME).warnings == ()
        path.write_bytes(b"H\tsscard-hotlist/1\t2\n")
        (warning,) = till.sell(BILL, TIME).warnings
        assert warning.startswith("the hotlist is not taken, the one before it counts: ")
        path.unlink()
        (warning,) = till.sell(BILL, TIME).warnings
        assert "No such file" in warning
        Hotlist("20260315100000", [HotCard(*CODE_AND_NUMBER)]).save(path)
        with pytest.raises(SaleRefusedError) as caught:
            till.sell(BILL, TIME)
        assert caught.value.refusal is Refusal.HOTLISTED
        Hotlist("20260315100500").save(path)
        assert till.sell(BILL, TIME).warnings == ()
    assert bench.audit() == 4


def test_a_list_without_a_time_is_as_old_as_its_file(tmp_path: Path) -> None:
    path = tmp_path / "hotlist.tsv"
    Hotlist("v7").save(path)
    for age, refused in ((23.9, False), (24.1, True)):
        at = datetime.strptime(TIME, "%Y%m%d%H%M%S").timestamp() - age * 3600
        os.utime(path, (at, at))
        bench = shop(tmp_path, HotlistFile(path), 24)  # type: ignore[arg-type]
        bench.day_file = tmp_path / f"{refused}.tsv"
        with bench.till() as till:
            if refused:
                with pytest.raises(SaleRefusedError, match="v7 is older than 24 hours"):
                    till.sell(BILL, TIME)
            else:
                till.sell(BILL, TIME)
