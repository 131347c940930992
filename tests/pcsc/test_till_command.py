# SPDX-License-Identifier: Apache-2.0
"""A terminal that is a program: judged over PC/SC, and nothing of it left behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from issuance.mutants.workshop import IssuedWorkshop
from sscard_chip.standard.settlement_mode import SettlementMode
from sscard_chip.terminal.conformance import CaseVerdict
from sscard_chip.terminal.conformance.tills import (
    CardWish,
    CommandTerminal,
    SaleOrder,
    run_terminal_suite,
    terminal_catalogue,
)
from sscard_chip.terminal.conformance.tills.program import ProgramError, ProgramInLines
from sscard_chip.terminal.conformance.tills.trial import TillTrial
from sscard_cli.main import main
from tests.bench.issued import roots
from tests.pcsc.stack import ROOT
from tests.terminal.conformance.judged import bad

pytestmark = pytest.mark.pcsc

TILL = ROOT / "examples" / "till" / "till.py"
ALL = bool(os.environ.get("SSCARD_TILL"))
"""By hand: every case over PC/SC, some five minutes."""
SOME = ("BEGIN-07", "CARD-11", "CARD-21", "PIN-04", "SALE-10", "PULLED-01", "PULLED-03",
        "PULLED-05", "ONLINE-08", "SPARE-01")  # fmt: skip


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children() -> set[int]:
    """Processes that this one has started and that live."""
    here = Path(f"/proc/{os.getpid()}/task")
    found = {pid for task in here.iterdir() for pid in (task / "children").read_text().split()}
    return {int(pid) for pid in found if lives(int(pid))}


def judge(program: Path, *cases: str) -> Any:
    with CommandTerminal([sys.executable, str(program)]) as made:
        return run_terminal_suite(
            made, IssuedWorkshop(roots()), only=[f"SSC-32.8-{case}" for case in cases]
        )


@pytest.mark.timeout(1800)
def test_the_example_sells_over_pcsc() -> None:
    before = children()
    run = judge(TILL, *(() if ALL else SOME))
    assert bad(run) == []
    assert run.counts[CaseVerdict.PASS] == (len(terminal_catalogue()) if ALL else len(SOME))
    assert children() <= before


@pytest.mark.parametrize(
    ("line", "instead", "case"),
    [
        ("        self.pin(card)\n", "", "PIN-01"),
        ('raise RefusedError("the card is on the hotlist")', "pass", "CARD-12"),
    ],
)
def test_a_till_with_a_fault_is_caught(line: str, instead: str, case: str, tmp_path: Path) -> None:
    source = TILL.read_text(encoding="utf-8")
    assert source.count(line) == 1
    faulty = tmp_path / "till.py"
    faulty.write_text(source.replace(line, instead), encoding="utf-8")
    run = judge(faulty, case)
    assert [one.verdict for one in run.results] == [CaseVerdict.FAIL]


ODD = """
import json, os, pathlib, signal, subprocess, sys, time
folder = pathlib.Path(os.environ["SSCARD_FOLDER"])
with (folder / "pids").open("a") as file:
    print(os.getpid(), file=file)
turn = len((folder / "pids").read_text().split())
def say(line):
    sys.stdout.write(line + "\\n")
    sys.stdout.flush()
order = json.loads(sys.stdin.readline())
if turn == 1:
    other = subprocess.Popen(["sleep", "600"])
    (folder / "other").write_text(str(other.pid))
    say("{}")
elif turn == 2:
    sys.exit(7)
elif turn == 3:
    os.kill(os.getpid(), signal.SIGKILL)
elif turn == 4:
    sys.stdout.write("x" * 100_000)
    sys.stdout.flush()
elif turn == 5:
    say("hello")
elif turn == 6:
    say('{"outcome": "paid", "tac": "12"}')
elif turn == 7:
    say('{"hold": [1, 2, 3]}')
elif turn == 8:
    say('{"ask_pin": true}')
elif turn == 9:
    say('{"price": 1}')
elif turn == 10:
    say("[" * 4000)
else:
    say('{"outcome": "open"}')
signal.signal(signal.SIGHUP, signal.SIG_IGN)
time.sleep(600)
"""
REASONS = (
    "the program wrote a line that has no meaning here",
    "the program has ended with exit code 7",
    "the program was ended by signal 9",
    "the program wrote a line of more than 4096 bytes",
    "the program wrote a line that is no JSON object",
    "the program wrote a line 'outcome' that has not its form",
    "the program asked the centre in a region of mode 3",
    "the program wrote a line 'ask_pin' that has not its form",
    "the program wrote a line that has no meaning here",
    "the program wrote a line that is no JSON object",
)


def test_a_program_that_misbehaves_is_a_refused_sale(tmp_path: Path) -> None:
    """Each time it is ended with the reason, and started again; at last nothing is left."""
    before = children()
    program = tmp_path / "odd.py"
    program.write_text(ODD)
    folder = tmp_path / "case"
    folder.mkdir()
    with CommandTerminal([sys.executable, "-S", str(program)]) as made:
        trial = TillTrial(made, IssuedWorkshop(roots()), folder)
        trial.place()
        said = []
        for _ in REASONS:
            assert trial.sell().outcome == "refused"
            said.append(trial.raised)
        assert said == list(REASONS)
        assert trial.sell().outcome == "open"
        trial.restore()
    pids = [int(pid) for pid in (folder / "1" / "pids").read_text().split()]
    assert len(pids) == 11
    assert not [pid for pid in pids if lives(pid)]
    deadline = time.monotonic() + 10  # whose parent has died is reaped by another
    while lives(int((folder / "1" / "other").read_text())):
        assert time.monotonic() < deadline, "what the program had started is still there"
        time.sleep(0.05)
    assert children() <= before


ANSWERS = """
import json, os, sys
def ask(**line):
    print(json.dumps(line), flush=True)
    return json.loads(sys.stdin.readline())
told = [json.loads(sys.stdin.readline())]
told += [ask(hold=[1, 2, 3]), ask(settle="0a1B2c3D"), ask(ask_pin=3), ask(ask_pin=2)]
print(json.dumps({"outcome": "paid", "tac": "0A1B2C3D", "suspect": True}), flush=True)
told.append(json.loads(sys.stdin.readline()))
told.append({name: text for name, text in os.environ.items() if name.startswith("SSCARD_")})
open(sys.argv[1], "w").write(json.dumps(told))
print(json.dumps({"day_ended": True}), flush=True)
sys.stdin.readline()
"""


def test_every_word_of_a_workplace_reaches_the_program(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    folder = tmp_path / "case"
    folder.mkdir()
    with CommandTerminal([sys.executable, "-S", "-c", ANSWERS, str(told)]) as made:
        trial = TillTrial(made, IssuedWorkshop(roots()), folder)
        wish = CardWish(mode=SettlementMode.TEMPORARY_OFFLINE)
        trial.place(wish, typed=("2468", None), refuses=True)
        order = SaleOrder(1, 2, 3, "20260315101113", SettlementMode.TEMPORARY_OFFLINE)
        answer = trial.sell(order)
        trial.end_day()
        trial.restore()
    assert (answer.outcome, answer.tac, answer.suspect) == ("paid", bytes.fromhex("0A1B2C3D"), True)
    assert trial.centre.holds == [(1, 2, 3)]
    assert trial.centre.tacs == [bytes.fromhex("0A1B2C3D")]
    assert trial.asked == [3, 2]
    *words, environment = json.loads(told.read_text())
    sold = {"account_fen": 1, "self_paid_fen": 2, "pooled_fen": 3, "time": "20260315101113",
            "mode": 2, "online": True}  # fmt: skip
    assert words == [
        {"sell": sold},
        {"refused": "the centre settles nothing for this card"},
        {"use": None},
        {"pin": "2468"},
        {"pin": None},
        {"end_day": True},
    ]
    assert environment["SSCARD_CARD_READER"] == "Virtual PCD 00 00"
    assert environment["SSCARD_PSAM_READER"] == "Virtual PCD 00 01"
    assert environment["SSCARD_FOLDER"] == str(folder / "1")
    caps = [environment[f"SSCARD_{name}"] for name in ("MODE", "CAP_FEN", "CAP_TIMES")]
    assert caps == ["2", "100000", "10"]


def test_a_program_that_is_silent_or_deaf_is_ended() -> None:
    with ProgramInLines(["sleep", "600"], os.environ) as program:
        with pytest.raises(ProgramError, match="is silent"):
            program.read(time.monotonic() + 0.3)
        with pytest.raises(ProgramError, match="does not read its lines"):
            program.write({"sell": "x" * 200_000}, time.monotonic() + 0.3)
        program.kill()
        assert not program.running


_OWNER = """
import os, sys, time
from sscard_chip.terminal.conformance.tills.program import ProgramInLines
program = ProgramInLines(["sleep", "600"], os.environ)
print(program._process.pid, flush=True)
time.sleep(600)
"""


def test_a_program_ends_with_its_owner() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert lives(pid)
    owner.send_signal(signal.SIGKILL)
    owner.wait(10)
    deadline = time.monotonic() + 10
    while lives(pid):
        assert time.monotonic() < deadline, "the program is still there"
        time.sleep(0.05)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "r.json"
    line = ["conformance", "terminal", "--only", "SSC-32.8-SALE-01", "--json-out", str(report)]
    ends = f"{shlex.quote(sys.executable)} -S -c 'raise SystemExit(3)'"
    assert main([*line, "--command", ends]) == 1
    case = json.loads(report.read_bytes())["cases"][0]
    assert case["received"] == "refused (the program has ended with exit code 3)"
    capsys.readouterr()
    for words, message in (
        (["--command", "no/such/till"], "--command: no program no/such/till can be run"),
        (["--command", "'"], "--command: has a quotation mark that is not closed"),
        (["--command", " "], "--command: must be a program and its arguments"),
        (["--command", "true", "--python", "ours"], "one of --python and --command"),
    ):
        assert main([*line, "--force", *words]) in (1, 2)
        assert message in capsys.readouterr().err
