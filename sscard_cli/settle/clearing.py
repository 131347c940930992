# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: statements of pharmacies, disputes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import click

from sscard_chip.dayfile.pharmacies import Pharmacies
from sscard_chip.settlement.clearing.claims import month_days
from sscard_chip.settlement.clearing.disputes import (
    Dispute,
    DisputeState,
    accept_appeal,
    disputes_of,
    file_appeal,
    reject_appeal,
)
from sscard_chip.settlement.clearing.files import file_stem
from sscard_chip.settlement.clearing.page import render_page
from sscard_chip.settlement.clearing.pdf import render_pdf, require_pdf
from sscard_chip.settlement.clearing.period import all_statements, period_statement
from sscard_chip.settlement.clearing.statement import Statement
from sscard_chip.standard.amounts import yuan
from sscard_chip.wholefile import private_folder
from sscard_cli.errors import RefusedError
from sscard_cli.options import FOLDER, file_option, force_option, json_option, out_option
from sscard_cli.output import print_json, refuse_to_overwrite, say, write_file
from sscard_cli.progress import progress_bar
from sscard_cli.settle.options import (
    business_date,
    check_day,
    date_option,
    ledger_option,
    month_option,
    open_ledger,
    pharmacy_option,
    run_exclusive,
)
from sscard_cli.settle.statement import print_disputes, print_statement

_operator_option: Final = click.option(
    "--operator", required=True, metavar="NAME", help="Who decides.  Example: --operator 王敏"
)
_reason_option: Final = click.option(
    "--reason", required=True, metavar="TEXT", help="Why.  Example: --reason 卡内明细可证"
)
_dispute_argument: Final = click.argument("name", metavar="DISPUTE")


@click.command()
@pharmacy_option
@click.option("--from", "first", required=True, metavar="YYYYMMDD",
              help="First day of settlement.  Example: --from 20260301")  # fmt: skip
@click.option("--to", "last", metavar="YYYYMMDD",
              help="Last day; the first without it.  Example: --to 20260331")  # fmt: skip
@click.option("--name", metavar="TEXT",
              help="Name of the pharmacy, for the page.  Example: --name 长生堂大药房")  # fmt: skip
@file_option(
    "--page",
    "page_path",
    "FILE.html",
    "Write the page to read and print; as PDF when it ends in .pdf (extra pdf)."
    "  Example: --page march.pdf",
)
@ledger_option
@force_option
@json_option
def statement(
    pharmacy: str,
    first: str,
    last: str | None,
    name: str | None,
    page_path: Path | None,
    ledger_url: str,
    force: bool,
    as_json: bool,
) -> None:
    """Show the clearing statement (清算单) of a pharmacy for some days, from the books.

    \b
    Example:
      sscard settle statement --pharmacy P51010000001 --from 20260301 --to 20260331 \\
        --ledger city.db --page march.html
    """
    last = last or first
    for option, day in (("--from", first), ("--to", last)):
        check_day(option, day)
    if page_path is not None:
        refuse_to_overwrite(page_path, force=force)
        if page_path.suffix == _PDF:
            require_pdf()
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        found = period_statement(t, pharmacy, first, last, name)
    if found is None:
        raise RefusedError(f"{pharmacy}: has no rows on these days")
    if page_path is not None:
        page = _page(found, page_path.suffix)
        write_file(page_path, partial(_write, content=page), force=force)
    if as_json:
        print_json(found.to_dict())
    else:
        print_statement(found)


@click.command()
@month_option
@out_option("DIR", "New or empty folder for a file of each pharmacy.", "march", kind=FOLDER)
@file_option(
    "--pharmacies",
    "pharmacies_path",
    "FILE",
    "The list of pharmacies (sscard-pharmacies/1), for their names."
    "  Example: --pharmacies pharmacies.tsv",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["pdf", "html"]),
    default="pdf",
    show_default=True,
    help="PDF needs the extra pdf.  Example: --format html",
)
@ledger_option
@json_option
def statements(
    month: str,
    out: Path,
    pharmacies_path: Path | None,
    form: str,
    ledger_url: str,
    as_json: bool,
) -> None:
    """Write the clearing statements (清算单) of all pharmacies for a month, as PDF files.

    \b
    Example:
      sscard settle statements --month 202603 --ledger city.db --out march
    """
    if form == "pdf":
        require_pdf()
    if out.exists() and any(out.iterdir()):
        raise click.UsageError(f"{out}: must be a new or empty folder")
    first, last = month_days(month)
    names = None if pharmacies_path is None else Pharmacies.load(pharmacies_path).names()
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        found = all_statements(t, first, last, names)
    private_folder(out)
    with progress_bar("statements", quiet=as_json) as update:
        for done, one in enumerate(found, 1):
            path = out / f"{file_stem(one.pharmacy)}.{form}"
            page = _page(one, path.suffix)
            write_file(path, partial(_write, content=page), force=False)
            update(done, len(found))
    total = sum(one.payable_fen for one in found)
    if as_json:
        payable = {one.pharmacy: one.payable_fen for one in found}
        print_json({"statements": len(found), "payable_fen": total, "pharmacies": payable})
    else:
        say(f"{out}: {len(found):,} statements, {yuan(total)} yuan")


_PDF: Final = ".pdf"


def _page(found: Statement, suffix: str) -> bytes:
    return render_pdf(found) if suffix == _PDF else render_page(found).encode()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


# --- disputes ------------------------------------------------------------------------------------


@click.group()
def dispute() -> None:
    """Rows that were refused or held: list, appeal, decide (申诉).

    \b
    Example:
      sscard settle dispute list --ledger city.db
      sscard settle dispute appeal 1.17 --by 长生堂 --reason 卡内明细可证 --ledger city.db
    """


@dispute.command(name="list")
@click.option("--pharmacy", metavar="CODE",
              help="Of this pharmacy alone.  Example: --pharmacy P51010000001")  # fmt: skip
@click.option("--state", type=click.Choice(["open", "appealed", "accepted", "rejected"]),
              help="Only those that stand so.  Example: --state appealed")  # fmt: skip
@ledger_option
@json_option
def list_(pharmacy: str | None, state: str | None, ledger_url: str, as_json: bool) -> None:
    """List the disputes: what was not posted, why, and how it stands.

    \b
    Example:
      sscard settle dispute list --pharmacy P51010000001 --ledger city.db
    """
    states = None if state is None else [DisputeState(state)]
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        found = list(disputes_of(t, pharmacy, states))
    if as_json:
        print_json([one.to_dict() for one in found])
    else:
        print_disputes(found)


@dispute.command()
@_dispute_argument
@click.option("--by", "appellant", required=True, metavar="NAME",
              help="Who appeals.  Example: --by 长生堂")  # fmt: skip
@_reason_option
@ledger_option
@json_option
def appeal(name: str, appellant: str, reason: str, ledger_url: str, as_json: bool) -> None:
    """Appeal against a row that was not posted.

    \b
    Example:
      sscard settle dispute appeal 1.17 --by 长生堂 --reason 卡内明细可证 --ledger city.db
    """
    found = run_exclusive(ledger_url, lambda t: file_appeal(t, name, appellant, reason))
    _print_dispute(found, as_json=as_json)


@dispute.command()
@_dispute_argument
@_operator_option
@_reason_option
@date_option
@ledger_option
@json_option
def accept(
    name: str, operator: str, reason: str, when: str | None, ledger_url: str, as_json: bool
) -> None:
    """Decide for an appeal: the row is posted by an entry of its own.

    \b
    Example:
      sscard settle dispute accept 1.17 --operator 王敏 --reason 属实 --ledger city.db
    """
    date = business_date(when)
    found = run_exclusive(ledger_url, lambda t: accept_appeal(t, name, operator, reason, date))
    _print_dispute(found, as_json=as_json)


@dispute.command()
@_dispute_argument
@_operator_option
@_reason_option
@ledger_option
@json_option
def reject(name: str, operator: str, reason: str, ledger_url: str, as_json: bool) -> None:
    """Decide against an appeal; that closes it.

    \b
    Example:
      sscard settle dispute reject 1.17 --operator 王敏 --reason 重复 --ledger city.db
    """
    found = run_exclusive(ledger_url, lambda t: reject_appeal(t, name, operator, reason))
    _print_dispute(found, as_json=as_json)


def _print_dispute(found: Dispute, *, as_json: bool) -> None:
    if as_json:
        print_json(found.to_dict())
        return
    say(f"{found.name}: {found.state.value} {found.state.chinese}")
    say(f"{found.msgid}, code {found.codes}, {yuan(found.payable_fen)} yuan")
