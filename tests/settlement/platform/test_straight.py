# SPDX-License-Identifier: Apache-2.0
"""The straight way of a sale and the long way: the same rows; and how often the server is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from sscard_chip.dayfile.authoriser import HoldRequest
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.ledger.authorisation import fill
from sscard_chip.settlement.platform import HOLD, Platform
from sscard_chip.settlement.platform.sharing import share_by_policy
from sscard_chip.settlement.schema import metadata
from sscard_chip.standard.settlement_mode import Split
from tests.settlement.platform.centre import (
    CARD,
    PHARMACY,
    SHARING,
    TIME,
    balances,
    bill,
    confirmation,
    ledger_authoriser,
    message,
    msgid,
    open_centre,
    open_platform,
    row_of,
)
from tests.settlement.postgres import PostgresServer

WITH_CARD: Final = f'"card_sn": "{CARD}"'
SALES: Final = (
    bill("35.00", extra=f'{{{WITH_CARD}, "split": [1000, 500, 2000]}}'),
    bill("35.00", extra=f"{{{WITH_CARD}}}", med_type="14"),
    bill("0.01", extra=f"{{{WITH_CARD}}}"),
    bill("12.00", extra=f'{{{WITH_CARD}, "split": [0, 1200, 0]}}'),
    bill("9.00", extra=f"{{{WITH_CARD}}}", acct_used_flag="0"),
    bill("30.00", extra=f"{{{WITH_CARD}}}", dise_name="100 % $ %1$s \\u0001"),
)


def sell(platform: Platform) -> list[dict[str, Any]]:
    """Every sale held and confirmed, one lost card, one wrong row; all answers."""
    found = []
    for number, node in enumerate(SALES, 1):
        held = platform.handle(message(HOLD, number, node))
        found.append(held)
        info = held["output"]["setlinfo"]
        wrong = row_of(info, number + 1, card_pooled_fen=1)
        exp = json.dumps({"setl_id": info["setl_id"], "row": wrong.encode()})
        found.append(
            platform.handle(message("2102", 200 + number, bill(info["medfee_sumamt"], extra=exp)))
        )
        found.append(platform.handle(message("2102", 100 + number, confirmation(info, number))))
    much = bill("99.00", extra=f'{{{WITH_CARD}, "split": [9900, 0, 0]}}')
    found.append(platform.handle(message(HOLD, 50, much)))
    return found


def tables_of(ledger: Ledger) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, without when they were written."""
    found = {}
    with ledger.reading() as t:
        for table in metadata.sorted_tables:
            columns = [c for c in table.c if not isinstance(c.type, sa.DateTime)]
            rows = [tuple(map(_plain, row)) for row in t.connection.execute(sa.select(*columns))]
            found[table.name] = sorted(rows, key=repr)
    return found


def _plain(value: Any) -> Any:
    """A value without the stamps of an answer."""
    if isinstance(value, str):
        return re.sub('"(refmsg_time|respond_time)":"[0-9]{17}"', "", value)
    return bytes(value) if isinstance(value, (bytes, memoryview)) else value


def test_both_ways_leave_the_same(ledger_url: str, tmp_path: Path, request: Any) -> None:
    """A share of somebody's own, here the policy's own rule, is asked on the long way alone."""
    answers, tables, moved = [], [], []
    server: PostgresServer | None = None
    other = str(tmp_path / "other.db")
    if "://" in ledger_url:
        server = request.getfixturevalue("postgres_server")
        other = server.new_url()
    for url, options in ((ledger_url, {}), (other, {"share": share_by_policy(SHARING)})):
        with Ledger.open(url) as ledger:
            open_centre(ledger)
            told = sell(open_platform(ledger, **options))
            answers.append([_plain(json.dumps(one, separators=(",", ":"))) for one in told])
            assert ledger.check().problems == ()
            moved.append(balances(ledger))
            tables.append(tables_of(ledger))
    if server is not None:
        server.drop(other)
    assert answers[0] == answers[1]
    assert moved[0] == moved[1]
    for name in ("authorisation", "authorisation_step", "message", "answer", "line", "entry",
                 "account", "online_debit", "terminal_owner"):  # fmt: skip
        assert _unnumbered(name, tables[0][name]) == _unnumbered(name, tables[1][name]), name


def _unnumbered(name: str, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """On PostgreSQL the numbers of accounts may have gaps and another order: how many there are."""
    return rows if name != "line" else [tuple(row[3:]) for row in rows]


def test_the_words_of_format() -> None:
    assert fill("%2$s and %1$s, 100 %%, %%1$s", "a", "b") == "b and a, 100 %, %1$s"


@contextmanager
def counted(platform: Platform, ledger: Ledger, folder: Path) -> Iterator[list[str]]:
    """What libpq sends meanwhile: its own trace of every connection, a Sync or Query each trip."""
    traces = [folder / f"trace{number}" for number in range(4)]
    files = [path.open("w") for path in traces]
    open_ = iter(files)
    sent: list[str] = []

    def trace(connection: Any, *_: Any) -> None:
        connection.pgconn.trace(next(open_).fileno())

    engine = ledger.database.engine
    with ledger.database.single.connection() as single:
        trace(single.driver)
    event.listen(engine, "connect", trace)
    with engine.connect() as connection:
        trace(connection.connection.driver_connection)
    yield sent
    event.remove(engine, "connect", trace)
    ledger.database.close()
    for file, path in zip(files, traces, strict=True):
        file.close()
        sent += re.findall(r"F\t[0-9]+\t(Sync|Query)", path.read_text())


def test_a_sale_asks_the_server_three_times(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """1101, 2101, 2102A and 2102 together; not even a BEGIN or a COMMIT beside."""
    url = postgres_server.new_url()
    with Ledger.open(url) as ledger:
        open_centre(ledger)
        till = ledger_authoriser(ledger)
        request = HoldRequest(
            msgid(1), "510100000001", TIME, bytes.fromhex(CARD), "Z00000001", "510100", "510100",
            Split(1000, 500, 2000), None, None,
        )  # fmt: skip

        def sale(number: int) -> None:
            from dataclasses import replace

            held = till.authorise(replace(request, msgid=msgid(number)))
            info = {
                "acct_pay": "10.00", "psn_cash_pay": "5.00", "fund_pay_sumamt": "20.00",
                "setl_id": held.setl_id, "mdtrt_id": held.mdtrt_id or "",
                "psn_no": held.psn_no or "", "medins_setl_id": msgid(number),
                "setl_time": "2026-03-15 10:11:12",
            }  # fmt: skip
            till.confirm(row_of(info, number))

        sale(1)  # opens accounts, and the terminal becomes the pharmacy's
        with counted(open_platform(ledger), ledger, tmp_path) as sent:
            sale(2)
        assert len(sent) == 3
        assert balances(ledger)["pharmacy"] == 6000
    postgres_server.drop(url)


def test_a_confirmation_reads_its_own_sale_alone(postgres_server: PostgresServer) -> None:
    """Not all that its pharmacy has sold before, and in no table that PostgreSQL has counted."""
    url = postgres_server.new_url()
    with Ledger.open(url) as ledger:
        open_centre(ledger)
        platform = open_platform(ledger)

        def read() -> int:
            with ledger.database.single.connection() as single:
                single.rows("SELECT pg_stat_force_next_flush()::text", ())
                ((found,),) = single.rows(
                    "SELECT idx_tup_fetch FROM pg_stat_user_tables"
                    " WHERE schemaname = current_schema() AND relname = 'authorisation'", (),
                )  # fmt: skip
            return int(found)

        def hold(number: int) -> dict[str, str]:
            node = bill("0.01", extra=f"{{{WITH_CARD}}}")
            answer = platform.handle(message(HOLD, number, node))
            info: dict[str, str] = answer["output"]["setlinfo"]
            return info

        def confirm(number: int, info: dict[str, str]) -> None:
            answer = platform.handle(message("2102", 200 + number, confirmation(info, number)))
            assert answer["infcode"] == 0

        for number in range(1, 31):
            confirm(number, hold(number))
        info = hold(31)
        before = read()
        confirm(31, info)
        assert read() - before < 15
    postgres_server.drop(url)


@pytest.mark.parametrize("infno", ["2101", HOLD])
def test_the_person_of_another_sale_is_not_remembered(ledger: Ledger, infno: str) -> None:
    """A trial answers by its own card, and a hold by the ledger as it is then."""
    from sscard_chip.dayfile.msgid import person_msgid, trial_msgid
    from sscard_chip.settlement.ledger import CardService, change_status, find_card
    from tests.settlement.platform.centre import person

    open_centre(ledger)
    platform = open_platform(ledger)
    assert platform.handle(message("1101", person_msgid(msgid(1)), person()))["infcode"] == 0
    with ledger.transaction() as t:
        change_status(t, find_card(t, "Z00000001"), CardService.TEMPORARY_LOSS, TIME)
    whose = trial_msgid(msgid(2)) if infno == "2101" else msgid(1)
    node = bill("10.00", extra=f"{{{WITH_CARD}}}")
    assert "4 临时挂失" in platform.handle(message(infno, whose, node))["err_msg"]


def test_the_messages_of_a_pharmacy_are_its_own(ledger: Ledger) -> None:
    open_centre(ledger)
    platform = open_platform(ledger)
    info = platform.handle(message(HOLD, 1, SALES[0]))["output"]["setlinfo"]
    foreign = msgid(7, "P51010000002")
    answer = platform.handle(message("2102", foreign, confirmation(info)))
    assert answer["err_msg"] == "the centre knows no such settlement"
    assert PHARMACY in info["medins_setl_id"]
