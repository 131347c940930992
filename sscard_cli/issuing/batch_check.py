# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a table of holders, before people's eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from issuance.batch.check import CheckProgress, checked_batch
from sscard_chip.standard.escape import escape
from sscard_cli.output import print_json
from sscard_cli.progress import progress_bar


def check_shown(holders: Path, *, as_json: bool, **options: Any) -> bool:
    """Print every finding, a line each, and a last line; whether there is none."""
    rows, bad, found = 0, set[int](), []
    with progress_bar("rows", quiet=as_json) as update:

        def progress(done: CheckProgress) -> None:
            nonlocal rows
            rows = done.rows
            update(done.rows, done.total)

        with checked_batch(holders=holders, progress=progress, **options) as findings:
            for finding in findings:
                bad.add(finding.row)
                if as_json:
                    found.append(finding._asdict())
                else:
                    column = f", {finding.column}" if finding.column else ""
                    click.echo(escape(f"row {finding.row}{column}: {finding.rule}"))
    if as_json:
        print_json({"rows": rows, "rejected": len(bad), "findings": found})
    else:
        click.echo(escape(f"{holders}: {rows} rows, {len(bad)} would be rejected"))
    return not bad
