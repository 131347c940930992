# SPDX-License-Identifier: Apache-2.0
"""``sscard transit``: a day of a card from the gate's PSAM to the day file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.dayfile.transit import read_transit_day
from sscard_chip.reader.failures import ReaderError
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_cli.bank import options
from sscard_cli.main import main
from sscard_cli.transit import issue
from tests.bank import bank

GATE = "--psam gate.ssc --region transit.toml --journal gate.journal"
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    shutil.copy(Path(__file__).parents[2] / "examples" / "transit.toml", tmp_path)

    def run(line: str, code: int = 0) -> str:
        assert main(line.split()) == code, line
        out, err = capsys.readouterr()
        return out + err

    run("keys create roots.json")
    run("keys create transport.json --transport")
    transport = {"balance_fen": 5000, "city": "5510", "start_date": "20260101"}
    transport["serial"] = "3104510000000012345"
    document = {**bank.HOLDER, "transport": transport}
    Path("holder.json").write_text(json.dumps(document), encoding="utf-8")
    keys = "--keys roots.json --transport-keys transport.json"
    run(f"issue --generation 3 --holder holder.json --out card.ssc {keys}")
    run(
        "transit issue-keys --transport-keys transport.json --terminal-id 510100000001"
        " --out gate.ssc"
    )
    return run


def test_a_day(run: Run) -> None:
    tap = f"card.ssc {GATE} --station"
    assert run(f"transit tap-in {tap} 00010001 --time 20260315080000") == (
        "entry 0: 0.00 yuan, purse 50.00 yuan\n"
    )
    assert "entered a moment ago" in run(
        f"transit tap-in {tap} 00010001 --time 20260315081000", code=1
    )
    assert run(f"transit tap-out {tap} 00010003 --time 20260315082000") == (
        "exit 1: 4.00 yuan, purse 46.00 yuan\n"
    )
    shown = json.loads(
        run(f"transit bus card.ssc {GATE} --stop 01010001 --time 20260315083000 --json")
    )
    assert (shown["amount_fen"], shown["due_fen"], shown["mac2_right"]) == (100, 200, True)
    asked = f"transit update {tap} 00010001 --time 20260315090000"
    assert run(f"{asked} --kind 00") == "update 10 add entry: 200 fen\n"
    assert run(f"{asked} --payment cash") == "update 3: 0.00 yuan, purse 45.00 yuan\n"
    assert "needs another update" in run(f"{asked} --outside --kind 10", code=1)
    loaded = run("transit load card.ssc --amount-fen 500 --transport-keys transport.json")
    assert loaded == "load 0: 5.00 yuan, purse 50.00 yuan\n"
    state = json.loads(run("transit show card.ssc --json"))
    assert (state["balance_fen"], state["journey"]["status"]) == (5000, "03")
    assert [one["type"] for one in state["trips"]] == ["03", "06", "04", "03"]
    for text in ("3104510000000012345", "补进站", "00010003, 4.00 yuan", "load 5.00 yuan"):
        assert text in run("transit show card.ssc")
    assert run(f"transit lock {tap} 00010001 --time 20260315100000").startswith("lock 4:")
    assert "locked" in run(f"transit tap-in {tap} 00010001 --time 20260315100000", code=1)
    assert run("transit day-file gate.journal --out 1.trd") == (
        "1.trd: day file 1, 5 records, 500 fen; 0 waiting for their cards\n"
    )
    day = read_transit_day("1.trd")
    assert (day.terminal.hex(), day.day, day.number) == ("510100000001", "20260315", 1)
    assert [tap.kind for tap in day.taps()] == [0x0C, 0x0D, 0x0D, 0x11, 0x16]
    assert "no records since" in run("transit day-file gate.journal --out 2.trd", code=1)
    settle = "transit settle 1.trd --transport-keys transport.json --ledger city.db"
    assert run(f"{settle} --verdicts taps.tsv") == "1.trd: 5 taps, 5 booked, 5.00 yuan\n"
    rows = Path("taps.tsv").read_text().splitlines()
    assert rows == ["file\ttap\tcode", *(f"1.trd\t{at}\t0" for at in range(1, 6))]
    again = run(settle)
    assert "5 taps, 0 booked" in again
    assert "106 已入账 booked before: 5" in again
    owed = "operator 00000001: 1 entries, 2 exits, 1 updates, 1 locks, 5.00 yuan; owed 5.00 yuan\n"
    assert run("transit statement --ledger city.db") == owed
    (one,) = json.loads(run("transit statement --ledger city.db --json"))["operators"]
    assert one["owed_fen"] == 500
    assert "transit_operator 00000001 5.00" in run("settle balances --ledger city.db")
    assert "the books balance" in run("settle check --ledger city.db")
    run("keys create other.json --transport")
    refused = json.loads(run(f"{settle} --json".replace("transport.json", "other.json")))
    assert refused["day_files"][0]["verdicts"] == {"1": 5}


def test_a_black_list(run: Run) -> None:
    Path("black.txt").write_text(f"{'01015510':11}{'3104510000000012345':19}\n")
    line = f"transit tap-in card.ssc {GATE} --station 00010001 --time 20260315080000"
    assert "black list" in run(f"{line} --black-list black.txt", code=1)
    assert "locked" in run(line, code=1)
    Path("black.txt").write_text("x\n")
    assert "black.txt: rows must be" in run(f"{line} --black-list black.txt", code=2)


@pytest.mark.parametrize(
    ("line", "text", "code"),
    [
        ("tap-in card.ssc --region transit.toml --journal j --station 00010001", "one of", 2),
        (f"tap-in card.ssc {GATE} --station 1", "8 hex digits", 2),
        (f"tap-in {GATE} --station 00010001", "one of CARD.ssc and --reader", 2),
        (f"tap-in card.ssc {GATE} --station 00010001 --time x", "YYYYMMDD", 2),
        (f"tap-in card.ssc {GATE} --station 00010001 --region gate.ssc", "UTF-8", 2),
        (
            "tap-in card.ssc --psam card.ssc --region transit.toml --journal j --station 00010001",
            "the PSAM does not answer",
            1,
        ),
        (
            "load card.ssc --amount-fen 1 --terminal-id 1 --transport-keys transport.json",
            "12 digits",
            2,
        ),
        (f"update card.ssc {GATE} --station 00010001 --payment free", "it is not free", 1),
        (f"update card.ssc {GATE} --station 00010001 --payment auto-load", "no host", 1),
        ("day-file none.journal --out d.trd", "there is no such journal", 1),
        ("show card.ssc --journey 2702", "no record for journeys", 1),
        ("show card.ssc --journey x", "4 hex digits", 2),
    ],
)
def test_wrong_lines(run: Run, line: str, text: str, code: int) -> None:
    assert text in run(f"transit {line}", code)


class CutCard(ForwardingConnection):
    """A card that is taken away before or after it has done CREDIT FOR LOAD."""

    done = False

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[:2] != b"\x80\x52":
            return super().transmit(apdu)
        if self.done:
            super().transmit(apdu)
        raise ReaderError("the card was taken away")


@pytest.mark.parametrize("done", [False, True])
def test_a_load_that_is_cut_off_is_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """The line that the error names, then with another amount or time."""
    load = "transit load card.ssc --transport-keys transport.json --amount-fen"
    run(f"{load} 100 --time 20260315080000")

    @contextmanager
    def connected(*given: Any, **more: Any) -> Iterator[CutCard]:
        with options.connected(*given, **more) as slot:
            cut = CutCard(slot)
            cut.done = done
            yield cut

    with monkeypatch.context() as patched:
        patched.setattr(issue, "connected", connected)
        said = run(f"{load} 500 --time 20260315080100", code=1)
    asks = "--prove 1 --time 20260315080100 --terminal-id 000000000001"
    assert "load 1 was cut off (the card was taken away)" in said
    assert said.rstrip().endswith(f"ask with {asks}")
    for _ in range(2):  # asking changes nothing
        found = json.loads(run(f"{load} 500 {asks} --json"))
        assert found == {
            "number": 1,
            "amount_fen": 500 if done else 0,
            "balance_fen": 5600 if done else None,
            "done": done,
        }
    answer = run(f"{load} 500 {asks}")
    assert answer.startswith("load 1: 5.00 yuan, purse 56.00" if done else "load 1: not done")
    if done:
        assert "TAC" in run(f"{load} 400 {asks}", code=1)
        assert "TAC" in run(f"{load} 500 {asks}".replace("0100 ", "0200 "), code=1)
    # The load before is proven by the card no longer, if another came.
    before = run(f"{load} 100 --prove 0 --time 20260315080000")
    assert before.startswith("load 0: not done" if done else "load 0: 1.00 yuan")


def test_a_proof_needs_the_time(run: Run) -> None:
    line = "transit load card.ssc --transport-keys transport.json --amount-fen 1 --prove 0"
    assert "needs the --time of the load" in run(line, code=2)
