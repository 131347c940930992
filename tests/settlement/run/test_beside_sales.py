# SPDX-License-Identifier: Apache-2.0
"""A run on PostgreSQL beside on-line messages that move the same rows: each waits for the other,
one of them is undone and done again, and both come to the end. A loss report waits for none of it.

Both have connections of one stripe, so that the fund and the pharmacy have one row for them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from sscard_chip.dayfile.rows import DayHeader, DayRow
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import (
    AccountKind,
    CardService,
    EntryKind,
    Ledger,
    LedgerTransaction,
    change_status,
)
from sscard_chip.settlement.platform import Platform
from sscard_chip.settlement.schema.rules import STRIPES
from sscard_chip.settlement.settle import settle
from sscard_chip.terminal.pos import DayFile
from tests.settlement.platform import centre
from tests.settlement.platform.together import together
from tests.settlement.run.trial import keys

pytestmark = pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
SOON, LATE = "20ms", "60s"
"""When a session that waits looks whether it waits in a circle; who finds that is undone."""
NEVER: Final = "20991231000000"


def offline_row(day: int, number: int, fund_fen: int) -> DayRow:
    """A sale off-line (mode 3) of card 2, whose account has nothing: 1.00 of the account, which
    comes into suspense, and so much of the fund."""
    yuan = f"{fund_fen // 100}.{fund_fen % 100:02d}"
    info = {"acct_pay": "1.00", "psn_cash_pay": "0.00", "fund_pay_sumamt": yuan}
    info |= {"setl_id": "", "mdtrt_id": "", "psn_no": "", "setl_time": f"2026-03-{day} 09:00:00"}
    info |= {"medins_setl_id": centre.msgid(number, time=f"202603{day}090000")}
    return centre.row_of(
        info,
        number,
        card_id_code=bytes.fromhex(centre.CARD[:-1] + "2"),
        card_number="Z00000002",
        diversification_factor=(2).to_bytes(8),
        setl_id=None,
        mdtrt_id=None,
        psn_no=None,
        card_account_fen=100,
        card_self_paid_fen=0,
        card_pooled_fen=fund_fen,
    )


def day_file(folder: Path, day: int, row: DayRow) -> str:
    header = DayHeader(centre.PHARMACY, "510100000001", f"202603{day}", None, "0" * 19 + "1")
    with DayFile.open(folder / f"{day}.tsv", header) as file:
        file.append(row)
        file.finish()
    return str(folder / f"{day}.tsv")


def own_pid(ledger: Ledger) -> int:
    """The process of the server that its next transaction has, and those after it."""
    with ledger.transaction() as t:
        found: int = t.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        return found


@contextmanager
def one_stripe(url: str, *deadlock_timeouts: str) -> Iterator[list[tuple[Ledger, int]]]:
    """Ledgers whose connections move the same rows of an account, and their processes."""
    with ExitStack() as stack:
        found: list[tuple[Ledger, int]] = []
        for timeout in deadlock_timeouts:
            ledger = stack.enter_context(Ledger.open(f"{url}%20-c%20deadlock_timeout%3D{timeout}"))
            pid = own_pid(ledger)
            while found and pid % STRIPES != found[0][1] % STRIPES:
                ledger.database.engine.dispose()
                pid = own_pid(ledger)
            found.append((ledger, pid))
        yield found


def wait_for_lock(url: str, pid: int, done: Future[Any]) -> None:
    """Return when a process of the server waits for a lock; it is told if it never will."""
    with psycopg.connect(url, autocommit=True) as observer:
        while not observer.execute(
            "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", [pid]
        ).fetchone():
            assert not done.done(), done.result()


def begin(url: str, platform: Platform | None = None) -> dict[str, str]:
    """A centre whose fund has a smaller number than its pharmacy, and a sale of card 1 that is
    paid."""
    with Ledger.open(url) as ledger:
        centre.open_centre(ledger)
        with ledger.transaction() as t:
            fund = t.account(AccountKind.FUND, "510100")
            assert fund < t.account(AccountKind.PHARMACY, centre.PHARMACY)
        send = (platform or centre.open_platform(ledger)).handle
        held = send(centre.message("2102A", 1, centre.bill("35.00")))["output"]["setlinfo"]
        assert send(centre.message("2102", 2, centre.confirmation(held, 9)))["infcode"] == 0
        return dict(held)


def test_a_cancellation_and_a_run_that_wait_for_each_other(
    ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has moved the pharmacy's row by the first day's entry and needs the fund's for the
    second; the cancellation has locked the fund's and needs the pharmacy's. The run, which comes to
    wait second, is undone, judged and posted anew."""
    info = begin(ledger_url)
    paths = [day_file(tmp_path, 14, offline_row(14, 1, 0))]
    paths += [day_file(tmp_path, 15, offline_row(15, 2, 200))]
    posted: list[EntryKind] = []
    tries: list[Future[Any]] = []
    post = LedgerTransaction.post
    with (
        one_stripe(ledger_url, SOON, LATE) as ((books, _), (sales, pid)),
        ThreadPoolExecutor(1) as threads,
    ):
        platform = centre.open_platform(sales)
        cancel = centre.message("2103", 3, centre.back(info))

        def post_and_wait(t: LedgerTransaction, kind: EntryKind, *rest: Any, **more: Any) -> int:
            number = post(t, kind, *rest, **more)
            posted.append(kind)
            if kind is EntryKind.DEBITS and not tries:
                tries.append(threads.submit(platform.handle, cancel))
                wait_for_lock(ledger_url, pid, tries[0])
            return number

        monkeypatch.setattr(LedgerTransaction, "post", post_and_wait)
        summary = settle(paths, keys=keys, ledger=books, out=tmp_path / "out", rules=Rules())
        assert summary.posted == 2
        assert tries[0].result(120)["infcode"] == 0
        assert posted.count(EntryKind.DEBITS) == 1 + 2
        assert centre.balances(books) == {
            "personal": centre.BALANCE, "fund": -200, "pharmacy": 400, "suspense": -200,
        }  # fmt: skip
        assert books.check().problems == ()


def test_a_group_of_sales_waits_for_a_run_that_moves_money(
    ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Confirmations and a run never wait in a circle: who confirms waits until the run has ended,
    whole groups together."""
    info = begin(ledger_url)
    path = day_file(tmp_path, 15, offline_row(15, 1, 200))
    tries: list[Future[Any]] = []
    post = LedgerTransaction.post
    with Ledger.open(ledger_url) as books, Ledger.open(ledger_url) as sales:
        platform = centre.open_platform(sales)
        holds = [
            platform.handle(centre.message("2102A", 10 + n, centre.bill("20.00"))) for n in (1, 2)
        ]
        confirmations = [
            centre.message("2102", 20 + n, centre.confirmation(one["output"]["setlinfo"], n))
            for n, one in enumerate(holds, 11)
        ]
        begun = platform.groups.begun

        def post_and_wait(t: LedgerTransaction, kind: EntryKind, *rest: Any, **more: Any) -> int:
            number = post(t, kind, *rest, **more)
            if kind is EntryKind.DEBITS and not tries:
                tries.append(threads.submit(together, platform, confirmations))
                while platform.groups.begun < begun + 2:
                    assert not tries[0].done(), tries[0].result()
            return number

        monkeypatch.setattr(LedgerTransaction, "post", post_and_wait)
        with ThreadPoolExecutor(1) as threads:
            settle([path], keys=keys, ledger=books, out=tmp_path / "out", rules=Rules())
            assert [one["infcode"] for one in tries[0].result(120)] == [0, 0]
        assert info["fund_pay_sumamt"] == "20.00"
        assert centre.balances(books)["pharmacy"] == 3500 + 300 + 2 * 2000
        assert books.check().problems == ()


def test_a_loss_report_waits_for_no_lock_of_a_run(
    ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has done all of its work and has not committed: a report of a card that it settles
    would be refused at once if it had to wait."""
    begin(ledger_url)
    path = day_file(tmp_path, 15, offline_row(15, 1, 200))
    reported: list[str] = []
    hurried = f"{ledger_url}%20-c%20lock_timeout%3D1ms"
    run = Ledger.run
    main = threading.get_ident()
    with Ledger.open(ledger_url) as books, Ledger.open(hurried) as desk:

        def run_and_report(self: Ledger, work: Any, *, exclusive: bool = False) -> Any:
            def and_report(t: LedgerTransaction) -> Any:
                done = work(t)
                with desk.transaction() as own:
                    change_status(own, 1, CardService.FORMAL_LOSS, NEVER)
                reported.append("while the run was open")
                return done

            if exclusive and threading.get_ident() == main:
                return run(self, and_report, exclusive=True)
            return run(self, work, exclusive=exclusive)

        monkeypatch.setattr(Ledger, "run", run_and_report)
        summary = settle([path], keys=keys, ledger=books, out=tmp_path / "out", rules=Rules())
        assert (summary.posted, reported) == (1, ["while the run was open"])
