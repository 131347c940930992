# SPDX-License-Identifier: Apache-2.0
"""The wheel in an empty environment, with its core dependencies alone, does the work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
HOLDER: Final = {
    "social_security_number": "990000200102030012",
    "name": "林知夏",
    "sex": "1",
    "nation": "01",
    "birthplace": "510104",
    "birth_date": "20010203",
    "card_number": "Z00000013",
    "city": "510100",
}
SELECT: Final = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that has the wheel and nothing of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True, timeout=120)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    only_wheels = ["--only-binary", ":all:", "--disable-pip-version-check"]
    subprocess.run([*pip, *only_wheels, str(wheel)], cwd=folder, check=True, timeout=240)
    return environment / "bin"


def run(programs: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of the environment, which must not find the sources."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(programs / arguments[0]), *arguments[1:]],
        cwd=folder,
        env=clean | {"PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_card_is_issued_and_read(programs: Path, tmp_path: Path) -> None:
    def sscard(*arguments: str) -> str:
        done = run(programs, tmp_path, "sscard", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    (tmp_path / "holder.json").write_text(json.dumps(HOLDER), encoding="utf-8")
    sscard("keys", "create", "roots.json")
    issue = ("issue", "--generation", "3", "--keys", "roots.json", "--holder", "holder.json")
    assert sscard(*issue, "--out", "card.ssc").startswith("card.ssc: generation 3, ATR 3B6D")
    answers = sscard("apdu", "card.ssc", SELECT, "00B2072C00").splitlines()
    assert answers[0].endswith(" 9000")
    assert answers[1] == "07095A3030303030303133 9000"
    assert "990000200102030012" in sscard("info", "card.ssc")
    assert json.loads(sscard("info", "card.ssc", "--json"))["generation"] == 3


def test_it_is_the_wheel_that_runs(programs: Path, tmp_path: Path) -> None:
    where = "import sscard_chip, issuance; print(sscard_chip.__file__); print(issuance.__file__)"
    done = run(programs, tmp_path, "python", "-c", where)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert Path(line).is_relative_to(programs.parent)


def test_what_needs_an_extra_names_it(programs: Path, tmp_path: Path) -> None:
    done = run(programs, tmp_path, "sscard", "settle", "check", "--ledger", "city.db")
    assert done.returncode == 2
    assert done.stderr.endswith(": pip install '.[settlement]' in a clone of sscard-chip\n")
    assert len(done.stderr.splitlines()) == 1


def test_no_command_needs_an_extra_before_it_is_used(programs: Path, tmp_path: Path) -> None:
    listed = run(programs, tmp_path, "sscard", "--help").stdout.partition("Commands:\n")[2]
    commands = [line.split()[0] for line in listed.splitlines()]
    assert {"issue", "pos", "bank", "batch", "settle", "shell"} < set(commands)
    for command in commands:
        done = run(programs, tmp_path, "sscard", command, "--help")
        assert (done.returncode, done.stderr) == (0, ""), command
