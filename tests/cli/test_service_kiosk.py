# SPDX-License-Identifier: Apache-2.0
"""``sscard service kiosk``: what it refuses before it serves anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sscard_cli.main import cli


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--psam p.ssc", "one of --card and --reader"),
        ("--card c.ssc --reader x --psam p.ssc", "one of --card and --reader"),
        ("--card c.ssc", "one of --psam, --psam-reader and --keys"),
        ("--card c.ssc --psam p.ssc --psam-reader x", "one of --psam, --psam-reader and --keys"),
        ("--card c.ssc --psam p.ssc --listen 0.0.0.0:8099", "this machine alone"),
        ("--card c.ssc --psam p.ssc --listen kiosk.example:8099", "this machine alone"),
        ("--card c.ssc --psam p.ssc --papers nowhere", "is no folder"),
    ],
)
def test_kiosk_refuses(tmp_path: Path, options: str, said: str) -> None:
    given = options.split()
    for name in ("c.ssc", "p.ssc", "city.db", "service.keys"):
        (tmp_path / name).touch()
    line = [str(tmp_path / one) if (tmp_path / one).exists() else one for one in given]
    keys = ["--ledger", str(tmp_path / "city.db"), "--service-keys", str(tmp_path / "service.keys")]
    result = CliRunner().invoke(cli, ["service", "kiosk", *line, *keys])
    assert result.exit_code == 2
    assert said in result.output
