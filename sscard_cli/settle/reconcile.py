# SPDX-License-Identifier: Apache-2.0
"""``sscard settle reconcile``: a card or a pharmacy's day against the ledger."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from sscard_chip import Card
from sscard_chip.dayfile.text import read_day
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.reconciliation import UploadRow, compare_details, zip_details
from sscard_chip.settlement.reconciliation.card_books import read_card_books
from sscard_chip.settlement.reconciliation.card_ledger import compare_card
from sscard_chip.settlement.reconciliation.cards import CardState, read_state, state_of_image
from sscard_chip.settlement.reconciliation.centre import LedgerCentre, centre_rows
from sscard_chip.settlement.reconciliation.differences import Report
from sscard_chip.settlement.reconciliation.pharmacy import compare_pharmacy, rows_of_day
from sscard_chip.settlement.reconciliation.tasks import DayResult, reconcile_day
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_cli.options import FILE, file_option, json_option, pin_option, reader_option
from sscard_cli.output import print_json, write_file
from sscard_cli.settle.options import check_day, ledger_option, open_ledger
from sscard_cli.settle.statement import print_report


@click.group()
def reconcile() -> None:
    """Compare two sides, name each difference and its likely cause (对账).

    Exit code 1 when there are differences.

    \b
    Example:
      sscard settle reconcile card zhang.ssc --ledger city.db
      sscard settle reconcile pharmacy DAY.tsv --ledger city.db
    """


@reconcile.command()
@click.argument("card_path", metavar="[CARD.ssc]", required=False, type=FILE)
@reader_option("The card in this PC/SC reader.", "'PCD 00'")
@pin_option("For --reader: what the holder types; asked for without it.")
@ledger_option
@json_option
def card(
    card_path: Path | None, reader: str | None, pin: str | None, ledger_url: str, as_json: bool
) -> None:
    """A card against the ledger: balance, counters, the details in its log.

    The card is an image, read as it lies, or in a reader, where the PIN is needed. Nothing on it
    changes.

    \b
    Example:
      sscard settle reconcile card zhang.ssc --ledger city.db
    """
    if (card_path is None) == (reader is None):
        raise click.UsageError("give CARD.ssc or --reader")
    if pin is not None and not re.fullmatch("[0-9]{4,12}", pin):
        raise click.UsageError("--pin: must be 4 to 12 digits")
    state = _of_image(card_path) if card_path else _of_reader(str(reader), pin)
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        report = compare_card(state, read_card_books(t, state))
    _show(report, as_json=as_json)


def _of_image(path: Path) -> CardState:
    with Card.open(path) as opened:
        return state_of_image(opened)


def _of_reader(name: str, pin: str | None) -> CardState:
    digits = pin or click.prompt("PIN", hide_input=True, default="", show_default=False, err=True)
    with PcscConnection(name) as connection:
        return read_state(connection, digits or None)


@reconcile.command()
@click.argument("day_paths", metavar="DAY.tsv...", nargs=-1, required=True, type=FILE)
@click.option("--date", "day", metavar="YYYYMMDD",
              help="The day, by settlement time; the business date of the first file without it."
              "  Example: --date 20260315")  # fmt: skip
@click.option("--force", is_flag=True,
              help="Reconcile again a day that was even.")  # fmt: skip
@file_option(
    "--details",
    "details_path",
    "FILE.zip",
    "Write the detail file of 3202.  Example: --details up.zip",
)
@file_option(
    "--result",
    "result_path",
    "FILE.zip",
    "Write the centre's result file.  Example: --result result.zip",
)
@ledger_option
@json_option
def pharmacy(
    day_paths: tuple[Path, ...],
    day: str | None,
    force: bool,
    details_path: Path | None,
    result_path: Path | None,
    ledger_url: str,
    as_json: bool,
) -> None:
    """Day files of a pharmacy against the ledger: totals (3201), then details (3202).

    Give all files that have sales of the day: a file takes also sales of the night after its
    business date. A day that is even is not asked again.

    \b
    Example:
      sscard settle reconcile pharmacy DAY.tsv --ledger city.db
    """
    days = [read_day(path) for path in day_paths]
    codes = {one.header.pharmacy_code for one in days}
    if len(codes) != 1:
        raise click.UsageError("the day files are of different pharmacies")
    (code,) = codes
    date = day or days[0].header.business_date
    check_day("--date", date)
    rows = rows_of_day(days, date)
    uploads = [UploadRow.of(row) for row in rows]

    def work(t: LedgerTransaction) -> tuple[Report, DayResult, bytes]:
        done = reconcile_day(t, LedgerCentre(t), code, date, uploads, force=force)
        theirs, memos = centre_rows(t, code, date, date)
        answer = zip_details(compare_details(uploads, theirs, memos), "result.txt")
        return compare_pharmacy(t, code, date, rows), done, answer

    with open_ledger(ledger_url) as ledger:
        report, done, answer = ledger.run(work, exclusive=True)
    upload = zip_details(uploads, f"{code}_{date}.txt")
    for path, content in ((details_path, upload), (result_path, answer)):
        if path is not None:
            write_file(path, _writer(content), force=True)
    extra = {
        "date": date,
        "attempt": done.total.attempt,
        "skipped": done.skipped,
        "stmt_rslt": int(done.total.statement),
    }
    _show(report, extra, as_json=as_json)


def _writer(content: bytes) -> Any:
    return lambda path: path.write_bytes(content)


def _show(report: Report, extra: dict[str, Any] | None = None, *, as_json: bool) -> None:
    if as_json:
        print_json({**report.to_dict(), **(extra or {})})
    else:
        print_report(report)
    if not report.even:
        click.get_current_context().exit(1)
