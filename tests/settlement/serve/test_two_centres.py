# SPDX-License-Identifier: Apache-2.0
"""Two serving processes on one PostgreSQL with sixteen tills each; one of them is killed."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from benchmarks.sales import make_city
from benchmarks.tills import Client, confirm
from sscard_chip.dayfile.authoriser import CentreNoAnswerError, CentreUnreachableError
from sscard_chip.settlement.ledger import AccountKind, Ledger
from sscard_chip.settlement.schema.platform import message
from sscard_chip.terminal.pos.online import HttpCentre
from sscard_cli.main import main
from tests.settlement.serve.test_serve import Centre

TILLS: Final = 16
SALES: Final = 2


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_one_of_two_centres_is_killed(ledger_url: str, tmp_path: Path) -> None:
    """Whoever gets no answer asks the other centre with the same message: every msgid once."""
    make_city(ledger_url, 2 * TILLS)
    centres = []
    for at in range(2):
        folder = tmp_path / str(at)
        folder.mkdir()
        centres.append(Centre(folder, ledger_url))
    roots = str(tmp_path / "0" / "roots.json")
    told = threading.Semaphore(0)
    answers: dict[str, Any] = {}
    asked: dict[str, Any] = {}

    def sell(number: int) -> None:
        client = Client(number, roots)
        urls = [centres[(number + turn) % 2].url for turn in range(2)]
        lines = [HttpCentre(url, seconds=30) for url in urls]

        def ask(node: dict[str, Any]) -> Any:
            asked[node["msgid"]] = node
            try:
                found = lines[0](node)
            except (CentreNoAnswerError, CentreUnreachableError):
                found = lines[1](node)
            assert found["infcode"] == 0, found["err_msg"]
            answers[node["msgid"]] = found
            told.release()
            return found

        for _ in range(SALES):
            hold, row = client.sale()
            ask(confirm(hold, row, ask(hold)["output"]["setlinfo"]))
        for line in lines:
            line.close()

    try:
        with ThreadPoolExecutor(2 * TILLS) as tills:
            selling = [tills.submit(sell, number) for number in range(2 * TILLS)]
            for _ in range(TILLS):
                assert told.acquire(timeout=60)
            centres[0].end(signal.SIGKILL)
            for one in selling:
                one.result(120)
        with HttpCentre(centres[1].url) as line:
            for msgid, node in asked.items():
                assert line(node) == answers[msgid]
    finally:
        for centre in centres:
            centre.end(signal.SIGKILL)
    assert len(answers) == 2 * TILLS * SALES * 2
    assert main(["settle", "check", "--ledger", ledger_url]) == 0
    with Ledger.open(ledger_url) as ledger, ledger.reading() as t:
        assert t.balances_of(AccountKind.PHARMACY) == {
            f"P510100{number:05d}": 500 * SALES for number in range(2 * TILLS)
        }
        assert not any(t.balances_of(AccountKind.HELD).values())
        kept = t.connection.execute(sa.select(message.c.msgid)).scalars().all()
        assert sorted(kept) == sorted(answers)
