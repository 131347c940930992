# SPDX-License-Identifier: Apache-2.0
"""``make`` on any machine: the right Python in its own environment, and apt that waits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
BOOTSTRAP: Final = ROOT / "scripts" / "bootstrap"


def bootstrap(*arguments: str, path: Path | None = None, timeout_s: int = 600) -> tuple[int, str]:
    """Run it with the programs in ``path`` before all others; its code and what it says."""
    before = f"{path}{os.pathsep}" if path else ""
    environment = os.environ | {"PATH": f"{before}{os.environ['PATH']}"}
    done = subprocess.run(
        [str(BOOTSTRAP), *arguments],
        env=environment | {"LOCK_TIMEOUT": str(timeout_s)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    """A folder with an ``apt-get`` that writes down how it is called; we are root."""
    program(tmp_path / "bin" / "id", "echo 0\n")
    program(
        tmp_path / "bin" / "apt-get",
        f"""echo "$@" >> {tmp_path}/calls
case "$*" in *update*)
    if [ "$(grep -c update {tmp_path}/calls)" -le "$(cat {tmp_path}/busy)" ]; then
        cat {tmp_path}/why >&2; exit 100
    fi
esac
""",
    )
    (tmp_path / "why").write_text("E: Could not get lock /var/lib/apt/lists/lock. It is held by 7")
    return tmp_path


def test_apt_waits_for_its_locks(apt: Path) -> None:
    (apt / "busy").write_text("1")
    code, said = bootstrap("apt_install", "swig", "opensc", path=apt / "bin")
    assert code == 0
    assert said == "bootstrap: apt-get install swig opensc\nbootstrap: waiting for another apt\n"
    assert (apt / "calls").read_text().splitlines() == [
        "-q -o DPkg::Lock::Timeout=600 update",
        "-q -o DPkg::Lock::Timeout=600 update",
        "-q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends swig opensc",
    ]


@pytest.mark.parametrize(
    ("why", "calls"), [("E: Could not get lock", 2), ("E: no network here", 1)]
)
def test_apt_waits_no_longer_than_it_should(apt: Path, why: str, calls: int) -> None:
    (apt / "busy").write_text("9")
    (apt / "why").write_text(why)
    code, said = bootstrap("apt_install", "swig", path=apt / "bin", timeout_s=2)
    assert code == 1
    assert said.endswith(f"bootstrap: apt-get update: {why}\n")
    assert (apt / "calls").read_text().count("update") == calls
    assert "install" not in (apt / "calls").read_text()


def test_an_environment_of_another_python_is_made_anew(tmp_path: Path) -> None:
    other = program(
        tmp_path / "venv" / "bin" / "python",
        f'case "$1" in -c) echo 3.9.1-00000000 ;; *) exec {sys.executable} "$@" ;; esac\n',
    )
    assert bootstrap("key", str(other)) == (0, "3.9.1-00000000\n")
    code, said = bootstrap("venv", sys.executable, str(tmp_path / "venv"))
    assert (code, said) == (0, "")
    key = bootstrap("key", sys.executable)
    assert bootstrap("key", str(tmp_path / "venv" / "bin" / "python")) == key
    assert key[1].startswith("{}.{}.{}-".format(*sys.version_info[:3]))
    ours = tmp_path / "venv" / "kept"
    ours.touch()
    assert bootstrap("venv", sys.executable, str(tmp_path / "venv"))[0] == 0
    assert ours.exists()


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    old = program(tmp_path / "python3.9", "exit 1\n")
    code, said = bootstrap("venv", str(old), str(tmp_path / "venv"))
    assert (code, said) == (1, f"bootstrap: {old} is older than 3.11\n")
    code, said = bootstrap("venv", "python3.99", str(tmp_path / "venv"))
    assert (code, said) == (1, "bootstrap: python3.99 not found\n")


@pytest.mark.parametrize(
    ("python", "environment"),
    [("python3", ".venv"), ("python3.13", ".venv-python3.13"), ("/opt/x/python3", ".venv-python3")],
)
def test_make_has_an_environment_for_each_python(python: str, environment: str) -> None:
    for target in ("demo", "docs", "test"):
        command = ["make", "--dry-run", "--always-make", target, f"PYTHON={python}"]
        clean = {name: v for name, v in os.environ.items() if name not in ("MAKEFLAGS", "VENV")}
        done = subprocess.run(
            command, cwd=ROOT, env=clean, capture_output=True, text=True, check=True
        )
        assert f"scripts/bootstrap venv {python} {environment}\n" in done.stdout
        used = {word for word in done.stdout.split() if word.startswith(".venv")}
        assert {word.strip('"').partition("/")[0] for word in used} == {environment}
