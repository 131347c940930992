# SPDX-License-Identifier: Apache-2.0
"""A folder of hostile deliveries: each is refused by name, the rest is settled, memory is bounded,
and what is written is private and harmless."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from sscard_chip.settlement.columnar.parquet import UNPACKING_BYTES
from sscard_cli.main import main
from tests.bench.issued import roots
from tests.settlement import hostile

PROJECT = Path(__file__).parents[3]
MIB = 1 << 20
FILE_MIB = 8
SCRIPT = """
import re, sys
from pathlib import Path
from sscard_cli.main import main
code = main(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
children = " ".join(one.read_text() for one in Path("/proc/self/task").glob("*/children"))
limits = [Path(f"/proc/{one}/limits").read_text() for one in children.split()]
limits = [re.search(r"Max address space\\s+(\\S+)", one)[1] for one in limits]
print(code, peak, *limits)
"""
ACTIVE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]{2})?")


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder, and why its files must be refused."""
    place = tmp_path_factory.mktemp("hostile")
    roots().save(place / "roots.json")
    making = [sys.executable, "-m", "tests.settlement.hostile", str(place / "days")]
    made = subprocess.run(making, cwd=PROJECT, capture_output=True, check=True)
    return place, json.loads(made.stdout)


def test_each_is_refused_by_name_and_the_rest_is_settled(
    delivery: tuple[Path, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, refused = delivery
    out = tmp_path / "new" / "out"
    arguments = ["settle", "run", str(place / "days"), "--keys", str(place / "roots.json")]
    arguments += ["--ledger", str(tmp_path / "l.db"), "--out", str(out)]
    arguments += ["--file-limit", str(FILE_MIB), "--workers", "2"]
    umask = os.umask(0)
    try:
        assert main(arguments) == 1
    finally:
        os.umask(umask)
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    reasons = {one["file"]: one["reason"] for one in summary["files_refused"]}
    assert reasons.keys() == refused.keys()
    for name, rule in refused.items():
        assert rule in reasons[name], (name, reasons[name])
        assert _seen(name) in reasons[name]
    assert summary["files"] == 1 + len(hostile.TAKEN) + 1
    assert summary["rows"] == 1 + len(hostile.TAKEN) + len(hostile.FORMULAS)
    assert summary["codes"]["6"] == len(hostile.FORMULAS)
    shown = capsys.readouterr()
    _check_harmless(shown.out.replace("\n", ""))
    lines = [line for line in shown.out.splitlines() if line.startswith("refused: ")]
    assert len(lines) == len(refused)
    _check_outputs(out)
    for path in [out.parent, out, tmp_path / "l.db", *out.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_link_that_is_named_is_refused_whatever_it_leads_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots().save(tmp_path / "roots.json")
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "a.tsv").write_bytes(hostile.day(*hostile.own(1)))
    arguments = ["--keys", str(tmp_path / "roots.json"), "--ledger", str(tmp_path / "l.db")]
    for name, target in (("file", "days/a.tsv"), ("folder", "days"), ("nothing", "nowhere")):
        link = tmp_path / name
        link.symlink_to(target)
        out = ["--out", str(tmp_path / f"out-{name}")]
        assert main(["settle", "run", str(link), *arguments, *out]) == 1
        assert f"refused: {link}: is a link\n" in capsys.readouterr().out


def _seen(name: str) -> str:
    return name.replace("\n", r"\n")


def _check_harmless(text: str) -> None:
    assert not [c for c in text if unicodedata.category(c) in ACTIVE]


def _check_outputs(out: Path) -> None:
    tables = sorted(out.rglob("*.tsv"))
    assert len(tables) >= 5
    for path in tables:
        for line in path.read_text("utf-8").removesuffix("\n").split("\n"):
            for cell in line.split("\t"):
                _check_harmless(cell)
                assert not cell.startswith(("=", "+", "@", '"', "＝", "＋", "－", "＠"))
                assert not cell.startswith("-") or NUMBER.fullmatch(cell), cell
    for path in [*out.rglob("*.json"), *out.rglob("*.jsonl")]:
        _check_harmless(path.read_text("utf-8").replace("\n", ""))


def test_memory_is_bounded_by_the_limit_that_is_said(
    delivery: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """docs/settlement.md: six times the limit of a file for each thread that reads, above what a
    run takes; the process that unpacks Parquet has a limit of its own."""
    place, _ = delivery
    honest, _ = _peak(place, place / "days" / hostile.HONEST, tmp_path / "honest", 0)
    peak, limits = _peak(place, place / "days", tmp_path / "all", 1)
    assert peak < honest + 6 * FILE_MIB * MIB
    (room,) = limits
    assert 0 < room < UNPACKING_BYTES + (2 << 30)


def _peak(place: Path, days: Path, out: Path, code: int) -> tuple[int, list[int]]:
    """Bytes that a run has taken at most, and the address space that its children may have."""
    arguments = ["settle", "run", str(days), "--keys", str(place / "roots.json")]
    arguments += ["--ledger", f"{out}.db", "--out", str(out), "--file-limit", str(FILE_MIB)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], cwd=PROJECT, capture_output=True, check=True
    )
    found, kilobytes, *limits = map(int, done.stdout.splitlines()[-1].split())
    assert found == code, done.stderr
    return kilobytes * 1024, limits
