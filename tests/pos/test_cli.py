# SPDX-License-Identifier: Apache-2.0
"""``sscard pos``: sales, refusals and the end of the day from the command line."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from issuance.roots import RootKeys
from sscard_chip.card import Card
from sscard_chip.terminal.pos import Hotlist, HotRange, read_day
from sscard_cli.main import main
from tests.bench.shop import PIN, TERMINAL, TIME, card_memory, psam_memory

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``sscard pos`` beside a card, a PSAM and a day file: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    Card(card_memory(3, "sm4")).save("card.ssc")
    Card(card_memory(2, "3des", changes='{"card_number": "Y12345679"}')).save("other.ssc")
    Card(psam_memory()).save("psam.ssc")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["pos", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def sale(*options: str, card: str = "card.ssc", pin: str = PIN, fen: str = "1000") -> list[str]:
    arguments = [
        "sale",
        "--card",
        card,
        "--psam",
        "psam.ssc",
        "--pin",
        pin,
        "--day-file",
        "DAY.tsv",
    ]
    amounts = ["--account-fen", fen, "--self-fen", "500", "--pool-fen", "2000"]
    return [*arguments, *amounts, "--time", TIME, *options]


def refused(result: tuple[int, str, str]) -> str:
    """One clear line and code 1."""
    code, out, err = result
    assert (code, out) == (1, "")
    assert err.startswith("sscard: error: ")
    assert err.count("\n") == 1
    return err.removeprefix("sscard: error: ").strip()


def test_a_day(run: Run) -> None:
    code, out, err = run(*sale())
    assert (code, err) == (0, "")
    assert "医保购药凭证" in out
    assert "990.00" in out
    code, out, _ = run(*sale("--json", card="other.ssc"))
    document = json.loads(out)
    assert code == 0
    assert document["paid"] is document["mac2"] is True
    assert document["balance_fen"] == 99000
    assert document["row"]["card_number"] == "Y12345679"
    assert document["row"]["medfee_sumamt"] == "35.00"
    assert document["row"]["setl_id"] is None
    msgid = document["row"]["msgid"]
    code, out, _ = run("refund", msgid, "--day-file", "DAY.tsv", "--psam", "psam.ssc",
                       "--time", TIME, "--self-fen", "200")  # fmt: skip
    assert code == 0
    assert "-2.00" in out
    code, out, _ = run("close", "--day-file", "DAY.tsv", "--parquet", "DAY.parquet")
    assert (code, out) == (
        0,
        "DAY.tsv: closed, 3 rows, 68.00 yuan\nfund 40.00, account 20.00, cash 8.00\n",
    )
    assert Path("DAY.parquet").read_bytes()[:4] == b"PAR1"
    day = read_day("DAY.tsv")
    assert (day.header.pharmacy_code, day.header.terminal_id) == ("P51010000001", TERMINAL)
    assert day.header.business_date == TIME[:8]
    assert day.trailer is not None
    assert refused(run("close", "--day-file", "DAY.tsv")).endswith("the day is closed")
    assert refused(run(*sale())).endswith("the day is closed")


def test_what_is_refused_is_told_in_one_line(run: Run) -> None:
    assert refused(run(*sale(pin="999999"))) == "PIN wrong: 5 tries left"
    for left in (4, 3, 2):
        assert refused(run(*sale(pin="999999"))) == f"PIN wrong: {left} tries left"
    assert refused(run(*sale(pin="999999"))) == "PIN wrong: 1 try left"
    assert refused(run(*sale(pin="999999"))) == "PIN locked"
    assert refused(run(*sale())) == "PIN locked"
    money = refused(run(*sale(card="other.ssc", fen="100001")))
    assert money.startswith("not enough money on the card: command B0280101: 9401")
    Hotlist("1", ranges=[HotRange("Y00000000", "Y99999999")]).save("hot.tsv")
    hot = refused(run(*sale("--hotlist", "hot.tsv", card="other.ssc")))
    assert hot == "card on the hotlist"
    expired = sale(card="other.ssc")
    expired[expired.index(TIME)] = "20360315101112"
    expired[expired.index("DAY.tsv")] = "LATE.tsv"
    assert refused(run(*expired)) == "card expired: on 2035-01-02"
    assert refused(run(*sale("--mode", "1", card="other.ssc"))) == (
        "refused by the centre: it cannot be reached"
    )
    assert refused(run(*sale("--mode", "2", card="other.ssc"))).startswith("not allowed by the")
    no_card = sale()
    del no_card[1:3]
    assert refused(run(*no_card)) == "no card: no card in the slot"
    assert read_open("DAY.tsv") == 0


def read_open(path: str) -> int:
    """Rows of a day that is still open."""
    return len(read_day(path).rows)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["sale"], "Missing option"),
        (sale(pin="12ab"), "--pin: must be 4 to 12 digits"),
        (sale("--time", "20261340000000"), "--time"),
        (sale("--region", "51"), "--region"),
        (sale("--pharmacy-code", "P1"), "--pharmacy-code"),
        (sale("--reader", "x"), "--card or --reader"),
        (sale(card="nothere.ssc"), "nothere.ssc: No such file"),
        (sale("--hotlist", "card.ssc"), "card.ssc"),
        (["close", "--day-file", "none.tsv"], "none.tsv: No such file"),
        (["recover", "--day-file", "none.tsv"], "a new day file needs --psam"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], part: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert part in err
    assert "12ab" not in err


def test_nothing_to_pay_is_wrong_usage(run: Run) -> None:
    arguments = sale(fen="0")
    arguments[arguments.index("500")] = arguments[arguments.index("2000")] = "0"
    assert run(*arguments)[0] == 2


def test_a_sale_that_broke_off_is_settled_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies when the card has paid; the same command again prints that sale."""
    assert run(*sale(card="other.ssc"))[0] == 0
    real, calls = Card.transmit, []

    def dying(self: Card, apdu: bytes) -> bytes:
        answer = real(self, apdu)
        if apdu[:2] == b"\xb0\x2c":
            calls.append(apdu)
            raise KeyboardInterrupt
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Card, "transmit", dying)
        assert run(*sale())[0] == 130
    assert calls
    message = refused(run(*sale(card="other.ssc")))
    assert message == "another card is in the reader: put in the one that paid"
    assert refused(run("close", "--day-file", "DAY.tsv")).startswith("a sale broke off")
    code, out, err = run(*sale("--json"))
    assert (code, err) == (0, "")
    assert json.loads(out)["recovered"] is True
    assert read_open("DAY.tsv") == 2
    with monkeypatch.context() as patch:
        patch.setattr(Card, "transmit", dying)
        assert run(*sale(fen="700"))[0] == 130
    code, out, err = run(*sale(fen="800"))
    assert code == 1
    assert "7.00" in out
    assert "this one is not made" in err
    assert read_open("DAY.tsv") == 3


def test_recover_and_give_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--card", "card.ssc", "--psam", "psam.ssc", "--pin", PIN, "--day-file", "DAY.tsv"]
    assert run("recover", *options, "--hotlist", "none.tsv")[0] == 2
    code, out, _ = run("recover", *options)
    assert (code, out) == (0, "no sale was open\n")
    real = Card.transmit

    def dying(self: Card, apdu: bytes) -> bytes:
        if apdu[:2] == b"\xb0\x2c":
            raise KeyboardInterrupt
        return real(self, apdu)

    def die() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Card, "transmit", dying)
            assert run(*sale("--time", TIME))[0] == 130

    Path("DAY.tsv").unlink()
    die()
    code, out, _ = run("recover", *options)
    assert (code, out) == (0, "not paid, not recorded\n")
    die()
    code, out, _ = run("recover", "--json", *options)
    assert json.loads(out) == {"paid": False}
    die()
    code, out, _ = run("recover", "--give-up", "--day-file", "DAY.tsv")
    assert code == 0
    assert "存疑" in out
    assert read_day("DAY.tsv").rows[0].grey
    assert refused(run("recover", "--give-up", *options)).endswith("no sale is open")


def test_modes_1_and_2(run: Run, tmp_path: Path) -> None:
    code, out, err = run(*sale("--mode", "1", "--authorisations", "centre.jsonl"))
    assert (code, err) == (0, "")
    assert "联网结算" in out
    assert read_day("DAY.tsv").rows[0].setl_id is not None
    assert len(Path("centre.jsonl").read_text().splitlines()) == 2


def test_a_contactless_sale(run: Run) -> None:
    assert run(*sale("--interface", "contactless"))[0] == 0
    code, _, err = run(*sale("--interface", "contactless", card="other.ssc"))
    assert code == 2
    assert "contacts only" in err


def test_parquet_without_pyarrow_leaves_the_day_open(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*sale())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = refused(run("close", "--day-file", "DAY.tsv", "--parquet", "x.parquet"))
    assert "pip install '.[tables]' in a clone of sscard-chip" in message
    assert read_day("DAY.tsv").trailer is None


def test_the_till_on_the_screen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass

    typed = [
        "x",
        "1", "10.00", "5", "", "card.ssc",  # paid
        "1", "nonsense",
        "1", "1", "", "", "nothere.ssc",
        "1", "1", "", "", "135790",  # the PIN, a question too early
        "1", "1", "", "", "13 57 90",
        "3",
        "4",
        "5",
        "6",
    ]  # fmt: skip
    pins: list[Any] = [PIN]
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(typed) + "\n"))
    monkeypatch.setattr(getpass, "getpass", lambda *_args, **_more: pins.pop(0))
    code, out, err = run("run", "--psam", "psam.ssc", "--day-file", "DAY.tsv")
    assert (code, err) == (0, "")
    assert "医保购药凭证" in out
    assert "an amount is yuan with at most two decimals" in out
    assert "nothere.ssc: No such file or directory" in out
    assert out.count("no card image has this name") == 2
    assert "135790" not in out
    assert "13 57 90" not in out
    assert "Card image, its file name (Enter: leave the slot empty): " in out
    assert "no sale is open" in out
    assert "closed: 1 rows, 15.00 yuan" in out
    assert pins == []
    (row,) = read_day("DAY.tsv").rows
    assert (row.account_fen, row.cash_fen, row.fund_fen) == (1000, 500, 0)
    (shown,) = [line for line in out.splitlines() if line.startswith(row.time[8:])]
    assert shown.split() == [row.time[8:], row.msgid, "15.00", "0.00", "10.00", "5.00"]


def test_roots_of_the_command_line_and_defaults(
    run: Run, tmp_path: Path, sscard_roots: RootKeys, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cards and PSAM made by the command line, nothing said but what must be."""
    sscard_roots.save("roots.json")
    holder = {
        "social_security_number": "990000200102030012",
        "name": "林知夏",
        "sex": "1",
        "nation": "01",
        "birthplace": "510104",
        "birth_date": "20010203",
        "card_number": "Z00000013",
        "city": "510100",
        "account": {"balance_fen": 5000},
    }
    Path("holder.json").write_text(json.dumps(holder), encoding="utf-8")
    keys = ["--keys", "roots.json"]
    made = ["--level", "2", "--terminal-id", "510100000077", "--out", "p.ssc"]
    assert main(["psam", *keys, *made]) == 0
    for generation in ("1", "2", "3"):
        out = f"g{generation}.ssc"
        issue = ["--generation", generation, "--holder", "holder.json", "--out", out]
        assert main(["issue", *keys, *issue]) == 0
        arguments = ["--card", out, "--psam", "p.ssc", "--pin", "123456", "--account-fen", "4999"]
        amounts = ["--self-fen", "0", "--pool-fen", "1", "--day-file", "D.tsv"]
        assert main(["pos", "sale", *arguments, *amounts]) == 0, capsys.readouterr().err
        assert "0.01" in capsys.readouterr().out
    assert read_open("D.tsv") == 3
