# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: cards, status, allocations, holds, the proof; and the till at a ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from sscard_chip.card import Card
from sscard_chip.settlement.ledger import AccountKind, Ledger, write_allocations, write_cards
from sscard_cli.main import main
from tests.bench.issued import roots
from tests.bench.shop import PIN, TIME, card_memory, psam_memory
from tests.settlement.ledger.people import cards

ROOT: Final = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str, str]]
AT: Final = ("--time", TIME, "--reason", "reported by post")


@pytest.fixture
def run(
    tmp_path: Path,
    ledger_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run ``sscard settle`` (or another group) in a folder with cards: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCARD_LEDGER", ledger_url)
    write_cards("CARDS.tsv", cards(3, opening_fen=700), "20260301")

    def call(*arguments: str, group: str = "settle") -> tuple[int, str, str]:
        code = main([group, *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_a_register_is_loaded_once(run: Run) -> None:
    assert run("cards", "CARDS.tsv")[:2] == (
        0,
        "CARDS.tsv: 3 new cards, 0 known\n3 accounts opened with 21.00 yuan\n",
    )
    code, out, _ = run("cards", "CARDS.tsv", "--json")
    assert code == 0
    assert json.loads(out) == {"cards": 0, "known": 3, "accounts": 0, "opening_fen": 0}
    assert "the books balance: 1 entries, 4 lines, 4 accounts" in run("check")[1]


def test_a_bad_register_leaves_nothing(run: Run) -> None:
    run("cards", "CARDS.tsv")
    write_cards("OTHER.tsv", cards(4, opening_fen=700, valid_to=20300101), "20260301")
    code, _, err = run("cards", "OTHER.tsv")
    assert code == 2
    assert err == ("sscard: error: OTHER.tsv: row 2: card_id_code: is registered with other data\n")
    assert json.loads(run("check", "--json")[1])["accounts"] == 4


def test_an_allocation(run: Run, ledger_url: str) -> None:
    run("cards", "CARDS.tsv")
    write_allocations("MARCH.tsv", "202603", "20260305", "1", [("P0001", 100)])
    assert run("allocate", "MARCH.tsv")[:2] == (0, "MARCH.tsv: 1.00 yuan to 1 accounts\n")
    assert run("allocate", "MARCH.tsv")[1] == "MARCH.tsv: was posted before, nothing changed\n"
    write_allocations("MARCH.tsv", "202603", "20260305", "1", [("P0001", 101)])
    code, _, err = run("allocate", "MARCH.tsv")
    assert (code, err) == (
        1,
        "sscard: error: batch 1 of 202603 was posted from another file\n",
    )
    write_allocations("APRIL.tsv", "202604", "20260405", "1", [("P0009", 100)])
    code, _, err = run("allocate", "APRIL.tsv")
    assert (code, err) == (2, "sscard: error: APRIL.tsv: row 2: has no account here\n")
    with Ledger.open(ledger_url) as ledger, ledger.reading() as t:
        assert t.balances_of(AccountKind.PERSONAL)["P0001"] == 800


def test_status_and_replacement(run: Run) -> None:
    run("cards", "CARDS.tsv")
    write_cards("NEW.tsv", cards(1, first=9, psn_no="P0001"), "20260301")
    code, out, _ = run("card-status", "Z00000001", "temporary-loss", *AT)
    assert (code, out) == (
        0,
        f"at {TIME}: 4 临时挂失\n{TIME} 临时挂失, until 20260325101112\n",
    )
    code, _, err = run("card-replace", "Z00000001", "NEW.tsv", "--time", TIME)
    assert code == 1
    assert "reported formally" in err
    run("card-status", "Z00000001", "formal-loss", *AT)
    code, _, err = run("card-status", "Z00000001", "lift", *AT)
    assert code == 1
    assert "正式挂失" in err
    assert run("card-replace", "Z00000001", "NEW.tsv", "--time", TIME)[:2] == (0, "replaced\n")
    assert "before" in run("card-replace", "Z00000001", "NEW.tsv", "--time", TIME)[1]
    document = json.loads(run("card-status", "Z00000001", "--time", TIME, "--json")[1])
    assert document["status"] == 9
    assert [one["status"] for one in document["history"]] == [4, 2, 9]
    assert document["history"][0] == {
        "status": 4,
        "since": TIME,
        "until": "20260325101112",
        "operator": "centre",
        "channel": "counter",
        "reason": "reported by post",
        "agent": "",
    }
    assert run("card-status", "Z99999999")[::2] == (
        2,
        "sscard: error: card: is not in the register\n",
    )


def test_a_report_says_who_and_why_and_is_not_of_the_future(run: Run) -> None:
    run("cards", "CARDS.tsv")
    for option in ("--operator", "--channel"):
        assert run("card-status", "Z00000001", "cancel", option, " ")[0] == 2
    assert run("card-status", "Z00000001", "cancel", "--reason", "a\x1b[2J")[0] == 2
    code, _, err = run("card-status", "Z00000001", "formal-loss", "--time", "29991231235959")
    assert (code, err) == (1, "sscard: error: card: a report is not dated in the future\n")
    code, _, err = run("card-status", "Z00000001", "formal-loss", "--time", TIME)
    assert (code, err) == (
        1,
        "sscard: error: card: a report back-dated by more than an hour needs a reason\n",
    )
    who = ("--operator", "0017", "--channel", "hotline", "--agent", "the son")
    code, out, _ = run("card-status", "Z00000001", "formal-loss", *who)
    assert code == 0
    assert "正式挂失" in out
    out = run("card-status", "Z00000001", "--reports")[1]
    assert out.splitlines()[-1] == "    operator 0017, channel hotline, agent: the son"


def test_the_hotlist_follows_the_reports(run: Run) -> None:
    run("cards", "CARDS.tsv")

    def issue(*options: str, out: str = "hot.tsv") -> dict[str, object]:
        code, text, err = run("hotlist", "--out", out, "--json", *options)
        assert (code, err) == (0, "")
        document: dict[str, object] = json.loads(text)
        return document

    empty = issue()
    assert empty["cards"] == 0
    run("card-status", "Z00000001", "temporary-loss")
    run("card-status", "Z00000002", "cancel")
    first = issue()
    assert first["cards"] == 2
    assert issue()["version"] == first["version"] != empty["version"]
    run("card-status", "Z00000001", "lift")
    run("card-status", "Z00000003", "formal-loss")
    second = issue(out="now.tsv")
    lines = Path("now.tsv").read_text().splitlines()
    assert lines[0] == f"H\tsscard-hotlist/1\t{second['version']}"
    assert [line.split("\t")[2] for line in lines[1:-1]] == ["Z00000002", "Z00000003"]
    assert lines[-1].split("\t")[2] == second["sha256"]
    delta = issue("--since", str(first["version"]), out="delta.tsv")
    assert (delta["version"], delta["added"], delta["removed"]) == (second["version"], 1, 1)
    assert run("hotlist", "hot.tsv", "delta.tsv", group="pos")[:2] == (
        0,
        f"hot.tsv: version {second['version']}, 2 cards\n",
    )
    assert Path("hot.tsv").read_bytes() == Path("now.tsv").read_bytes()
    code, _, err = run("hotlist", "hot.tsv", "delta.tsv", group="pos")
    assert code == 2
    assert "the delta is for" in err
    code, _, err = run("hotlist", "--out", "x.tsv", "--since", "1")
    assert (code, err) == (
        2,
        "sscard: error: hotlist: version: this ledger has issued no such list\n",
    )
    assert not Path("x.tsv").exists()
    Path("x.tsv").write_text("mine")
    code, _, err = run("hotlist", "--out", "x.tsv")
    assert (code, err) == (1, "sscard: error: x.tsv: exists already and is no hotlist\n")
    assert Path("x.tsv").read_text() == "mine"


def test_the_till_asks_the_ledger(run: Run, ledger_url: str) -> None:
    Card(card_memory(3, "sm4")).save("card.ssc")
    Card(psam_memory()).save("psam.ssc")
    roots().save("roots.json")
    assert run("card-list", "card.ssc", "--opening-fen", "2000", "--out", "MINE.tsv")[0] == 0
    assert run("cards", "MINE.tsv")[0] == 0

    def sell(time: str) -> tuple[int, str, str]:
        return run(
            *("sale", "--card", "card.ssc", "--psam", "psam.ssc", "--pin", PIN, "--time", time),
            *("--account-fen", "1500", "--self-fen", "0", "--pool-fen", "0", "--mode", "1"),
            *("--day-file", "DAY.tsv", "--authorisations", ledger_url),
            *("--keys", "roots.json", "--test-clock"),
            group="pos",
        )

    code, out, err = sell(TIME)
    assert (code, err) == (0, "")
    assert "联网结算" in out
    assert "账户余额                    5.00" in out
    code, _, err = sell("20260315111112")
    assert code == 1
    assert "not enough money" in err
    assert run("holds")[1] == "0 holds\n"


def test_holds_are_shown_and_released(run: Run, ledger_url: str) -> None:
    from sscard_chip.settlement.platform import HOLD
    from tests.settlement.platform.centre import bill, message, msgid, open_platform

    run("cards", "CARDS.tsv")
    with Ledger.open(ledger_url) as ledger:
        answer = open_platform(ledger).handle(message(HOLD, 1, bill("5.00")))
        assert answer["infcode"] == 0
    assert run("holds", "--before", TIME)[1] == "0 holds\n"
    assert run("holds")[1] == f"{TIME} {msgid(1)} 5.00\n1 holds\n"
    assert json.loads(run("holds", "--release", "--json")[1]) == {
        "released": True,
        "holds": [{"msgid": msgid(1), "time": TIME, "account_fen": 500}],
    }
    assert run("holds")[1] == "0 holds\n"


def test_a_wrong_address(run: Run, tmp_path: Path) -> None:
    secret = "postgresql://clerk:pa55@127.0.0.1:1/books?password=pa55"
    for address, code, part in (
        (secret, 1, "postgresql://127.0.0.1:1/books: cannot be reached"),
        ("mysql://clerk:pa55@db/books", 2, "must be a path"),
        ("postgresql://clerk:pa55@[::1/x", 2, "is no database URL"),
        ("sqlite://", 2, "SQLite needs a file"),
        ("", 2, "must be a path"),
        ("nothere.db", 1, "nothere.db: there is no such ledger"),
        ("CARDS.tsv", 1, "CARDS.tsv: is no ledger"),
    ):
        found, out, err = run("check", "--ledger", address)
        assert (found, out) == (code, ""), address
        assert part in err
        assert "pa55" not in err
        assert "clerk" not in err
    assert not (tmp_path / "nothere.db").exists()


def test_books_that_do_not_balance(run: Run, tmp_path: Path, ledger_url: str) -> None:
    """Only somebody who takes the rules away gets there; the proof tells."""
    run("cards", "CARDS.tsv")
    with Ledger.open(ledger_url) as ledger, ledger.transaction() as t:
        trigger = "balance_guard ON balance" if "://" in ledger_url else "balance_update"
        t.connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        t.connection.exec_driver_sql("UPDATE balance SET fen = fen + 1 WHERE account = 1")
    code, out, err = run("check")
    assert code == 1
    assert out == "account 1: its balance is not the sum of its lines\n"
    assert "the books do not balance" in err


@pytest.mark.parametrize("package", ["numpy", "sqlalchemy"])
def test_without_the_extra_one_line_tells(package: str) -> None:
    """In a process of its own, where the package cannot be imported."""
    code = (
        f"import sys; sys.modules[{package!r}] = None; from sscard_cli.main import main;"
        " sys.exit(main(['settle', 'check', '--ledger', 'city.db']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        f"sscard: error: settlement needs {package}, which is not installed:"
        " pip install '.[settlement]' in a clone of sscard-chip\n"
    )
