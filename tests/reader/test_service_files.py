# SPDX-License-Identifier: Apache-2.0
"""The unit file and the container file: parsed, and their command lines against the options."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

from sscard_cli.card.serve import serve

EXAMPLES = Path(__file__).parents[2] / "examples"
UNIT = EXAMPLES / "systemd" / "sscard-serve@.service"
CONTAINER = EXAMPLES / "container"
OPTIONS = {option for parameter in serve.params for option in parameter.opts}


def options_of(command: str) -> set[str]:
    return {word for word in shlex.split(command) if word.startswith("--")}


def test_the_unit_file() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text())
    assert set(unit) == {"DEFAULT", "Unit", "Service", "Install"}
    command = unit["Service"]["ExecStart"]
    assert command.startswith("/opt/sscard/bin/sscard serve /var/lib/sscard/%i.ssc ")
    assert options_of(command) == {"--vpcd", "--control", "--json"}
    assert options_of(command) <= OPTIONS
    assert unit["Service"]["User"] == "sscard"


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:  # the parser above has read it
        return
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace("/opt/sscard/bin/sscard", "/bin/true"))
    done = subprocess.run(
        [program, "verify", str(here)], capture_output=True, text=True, timeout=60, check=False
    )
    own = [line for line in done.stderr.splitlines() if "sscard" in line]
    assert own == []


def test_the_container_file() -> None:
    lines = (CONTAINER / "Containerfile").read_text().replace("\\\n", "").splitlines()
    parsed = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    assert [word for word, _ in parsed] == [
        "FROM",
        "RUN",
        "COPY",
        "RUN",
        "COPY",
        "ENTRYPOINT",
        "CMD",
    ]
    assert parsed[0][1] == "debian:12-slim"
    assert {"pcscd", "vsmartcard-vpcd", "python3-venv"} <= set(parsed[1][1].split())
    source, target = parsed[4][1].split()
    assert (EXAMPLES.parent / source).stat().st_mode & 0o111
    assert parsed[5][1] == f'["{target}"]'


def test_the_start_script() -> None:
    script = CONTAINER / "start"
    subprocess.run(["sh", "-n", str(script)], check=True)
    (line,) = [one for one in script.read_text().splitlines() if "sscard serve" in one]
    assert options_of(line.rstrip("& ")) <= OPTIONS
