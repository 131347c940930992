# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks``: measure every row, print the table, write the figures as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.rows import Row, UnavailableError

MODULES: Final = (
    "debit",
    "commands",
    "pcsc",
    "durable",
    "startup",
    "opening",
    "thousand",
    "batch",
    "bulk",
    "settle",
    "sales",
    "service",
    "transit",
    "growth",
    "libcrypto",
)
"""Modules of this package; each has ``rows()``."""

_OUTPUT: Final = Path(__file__).resolve().parent.parent / "build" / "benchmarks.json"


def measure(modules: Sequence[str], console: Console) -> tuple[list[Row], dict[str, str]]:
    """The rows of ``modules``, by number, and why others could not be measured."""
    rows: list[Row] = []
    missing: dict[str, str] = {}
    for name in modules:
        with console.status(f"measuring {name}"):
            try:
                rows += importlib.import_module(f"benchmarks.{name}").rows()
            except UnavailableError as error:
                missing[name] = str(error)
    return sorted(rows, key=lambda row: row.number), missing


def table(rows: Sequence[Row]) -> Table:
    """The rows as people read them."""
    shown = Table(title="Ratios, each taken in one run")
    for heading, justify in (("#", "right"), ("what", "left"), ("ratio", "right"),
                             ("goal", "right"), ("", "left"), ("figures", "left")):  # fmt: skip
        shown.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for row in rows:
        sign = "≤" if row.better == "<=" else "≥"
        reached = "[green]reached[/]" if row.passed else "[red]missed[/]"
        goal = f"{sign} {row.goal:.4g}"
        shown.add_row(str(row.number), row.what, f"{row.ratio:.2f}", goal, reached, row.detail)
    return shown


def document(rows: Sequence[Row], missing: dict[str, str]) -> dict[str, Any]:
    """What goes into the JSON file."""
    return {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cryptography": version("cryptography"),
        "rows": [asdict(row) | {"passed": row.passed} for row in rows],
        "not_measured": missing,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 with ``--check`` when a goal is missed or not measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"any of {', '.join(MODULES)}")
    parser.add_argument("--json", type=Path, default=_OUTPUT, help="where the figures go")
    parser.add_argument("--check", action="store_true", help="exit 1 unless all is reached")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.modules if name not in MODULES]
    if unknown:
        parser.error(f"no such module: {unknown[0]}")
    console = Console()
    rows, missing = measure(options.modules or MODULES, console)
    console.print(table(rows))
    for name, reason in missing.items():
        console.print(f"not measured: {name}: {reason}", style="yellow")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(rows, missing), ensure_ascii=False, indent=1)
    options.json.write_text(text + "\n", encoding="utf-8")
    console.print(f"written to {options.json}")
    return int(options.check and bool(missing or not all(row.passed for row in rows)))


if __name__ == "__main__":
    sys.exit(main())
