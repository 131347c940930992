# SPDX-License-Identifier: Apache-2.0
"""``sscard transit day-file``: what a gate has recorded, for the centre."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_chip.dayfile.transit import TapRecord, TransitDay, read_transit_day, write_transit_day
from sscard_chip.standard.dates import parse_date
from sscard_chip.terminal.transit import FileTapJournal
from sscard_cli.errors import RefusedError
from sscard_cli.options import FILE, force_option, json_option, out_option
from sscard_cli.output import print_json, refuse_to_overwrite, say


@click.command()
@click.argument("journal_path", metavar="JOURNAL", type=FILE)
@out_option("DAY.trd", "Day file to write.", "gate-1.trd", "day_path")
@click.option(
    "--date",
    "day",
    metavar="YYYYMMDD",
    help="Business date; else that of the last record.  Example: --date 20260315",
)
@force_option
@json_option
def day_file(
    journal_path: Path, day_path: Path, day: str | None, force: bool, as_json: bool
) -> None:
    """Write the records of a gate's journal as a day file, and begin the next one.

    Written again after a break, a record is booked once all the same. Debits whose answer was lost
    stay in the journal until their cards come back.

    \b
    Example:
      sscard transit day-file gate.journal --out gate-1.trd
    """
    refuse_to_overwrite(day_path, force=force)
    if day is not None and parse_date(day) is None:
        raise click.UsageError("--date: must be a real date, YYYYMMDD")
    if not journal_path.exists():
        raise RefusedError(f"{journal_path}: there is no such journal")
    with FileTapJournal(journal_path) as journal:
        if not journal.records:
            raise RefusedError(f"{journal_path}: no records since the last day file")
        last = TapRecord.decode(journal.records[-1])
        found = TransitDay(
            last.terminal,
            day or last.date.hex(),
            journal.file_number,
            last.merchant,
            b"".join(journal.records),
        )
        write_transit_day(day_path, found)
        waiting = len(journal.waiting)
        journal.closed()
    total = sum(tap.amount_fen for tap in read_transit_day(day_path).taps())
    if as_json:
        print_json(
            {
                "day_file": str(day_path),
                "number": found.number,
                "records": found.count,
                "amount_fen": total,
                "waiting": waiting,
            }
        )
        return
    say(
        f"{day_path}: day file {found.number}, {found.count} records, {total} fen;"
        f" {waiting} waiting for their cards"
    )
