# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: statements of pharmacies, monthly claims, disputes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.settlement.clearing.claims import (
    Claim,
    apply_claim,
    cancel_claim,
    claims_of,
    find_claim,
    pay_claim,
)
from sscard_chip.settlement.clearing.claims import due as find_due
from sscard_chip.settlement.clearing.disputes import (
    Dispute,
    DisputeState,
    accept_appeal,
    disputes_of,
    file_appeal,
    reject_appeal,
)
from sscard_chip.settlement.clearing.page import render_page
from sscard_chip.settlement.clearing.period import period_statement
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import parse_date
from sscard_cli.errors import RefusedError
from sscard_cli.options import file_option, force_option, json_option
from sscard_cli.output import print_json, refuse_to_overwrite, write_file
from sscard_cli.settle.options import ledger_option, open_ledger
from sscard_cli.settle.statement import print_disputes, print_statement

pharmacy_option: Final = click.option(
    "--pharmacy",
    required=True,
    metavar="CODE",
    help="定点医药机构编号 (fixmedins_code).  Example: --pharmacy P51010000001",
)
_month_option: Final = click.option(
    "--month", required=True, metavar="YYYYMM", help="清算年月 (setlym).  Example: --month 202603"
)
_date_option: Final = click.option(
    "--date",
    "when",
    metavar="YYYYMMDD",
    help="Business date of the entry; today without it.  Example: --date 20260415",
)
_operator_option: Final = click.option(
    "--operator", required=True, metavar="NAME", help="Who decides.  Example: --operator 王敏"
)
_reason_option: Final = click.option(
    "--reason", required=True, metavar="TEXT", help="Why.  Example: --reason 卡内明细可证"
)
_note_option: Final = click.option(
    "--note", default="", metavar="TEXT", help="Kept with the step.  Example: --note 批次7"
)
_dispute_argument: Final = click.argument("name", metavar="DISPUTE")
_claim_argument: Final = click.argument("number", metavar="NUMBER")


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
    "Write the page to read and print.  Example: --page march.html",
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
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        found = period_statement(t, pharmacy, first, last, name)
    if found is None:
        raise RefusedError(f"{pharmacy}: has no rows on these days")
    if page_path is not None:
        page = render_page(found)
        write_file(page_path, lambda path: _write(path, page), force=force)
    if as_json:
        print_json(found.to_dict())
    else:
        print_statement(found)


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


# --- claims --------------------------------------------------------------------------------------


@click.group()
def claim() -> None:
    """Monthly claims of pharmacies (清算申请, 3203 to 3205) and their payment.

    \b
    Example:
      sscard settle claim apply --pharmacy P51010000001 --month 202603 --ledger city.db
    """


@claim.command()
@pharmacy_option
@_month_option
@ledger_option
@json_option
def due(pharmacy: str, month: str, ledger_url: str, as_json: bool) -> None:
    """Show what can be claimed for a month: settled by now and in no claim yet.

    \b
    Example:
      sscard settle claim due --pharmacy P51010000001 --month 202603 --ledger city.db
    """
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        request = find_due(t, pharmacy, month)
    if as_json:
        print_json(asdict(request))
        return
    click.echo(f"{pharmacy} {month}: {request.visits} visits, {yuan(request.total_fen)} yuan")
    click.echo(
        f"fund {yuan(request.claimed_fen)}, account {yuan(request.account_fen)},"
        f" cash {yuan(request.cash_fen)}"
    )


@claim.command(name="apply")
@pharmacy_option
@_month_option
@ledger_option
@json_option
def apply_(pharmacy: str, month: str, ledger_url: str, as_json: bool) -> None:
    """Claim a month (3203). Claimed already is no error: the claim is shown.

    \b
    Example:
      sscard settle claim apply --pharmacy P51010000001 --month 202603 --ledger city.db
    """

    def work(t: LedgerTransaction) -> Claim:
        for one in claims_of(t, pharmacy):
            if one.request.month == month and one.state.value != "cancelled":
                return one
        return apply_claim(t, find_due(t, pharmacy, month))

    _print_claim(_run(ledger_url, work), as_json=as_json)


@claim.command()
@_claim_argument
@_note_option
@ledger_option
@json_option
def cancel(number: str, note: str, ledger_url: str, as_json: bool) -> None:
    """Take a claim back (3204) that is not paid.

    \b
    Example:
      sscard settle claim cancel 510100202603410000000001 --ledger city.db
    """
    _print_claim(_run(ledger_url, lambda t: cancel_claim(t, number, note)), as_json=as_json)


@claim.command()
@_claim_argument
@_date_option
@_note_option
@ledger_option
@json_option
def pay(number: str, when: str | None, note: str, ledger_url: str, as_json: bool) -> None:
    """Pay a claim: one entry in the ledger. Paid already changes nothing.

    \b
    Example:
      sscard settle claim pay 510100202603410000000001 --date 20260415 --ledger city.db
    """
    date = business_date(when)
    _print_claim(_run(ledger_url, lambda t: pay_claim(t, number, date, note)), as_json=as_json)


@claim.command()
@_claim_argument
@ledger_option
@json_option
def status(number: str, ledger_url: str, as_json: bool) -> None:
    """Show a claim (3205).

    \b
    Example:
      sscard settle claim status 510100202603410000000001 --ledger city.db
    """
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        found = find_claim(t, number)
    _print_claim(found, as_json=as_json)


def _print_claim(found: Claim, *, as_json: bool) -> None:
    if as_json:
        print_json(found.to_dict())
        return
    request = found.request
    click.echo(f"{found.number}: {found.state.value} {found.state.chinese}")
    click.echo(
        f"{request.pharmacy} {request.month}: {request.visits} visits,"
        f" {yuan(found.payable_fen)} yuan to pay"
    )


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
    found = _run(ledger_url, lambda t: file_appeal(t, name, appellant, reason))
    _print_dispute(found, as_json=as_json)


@dispute.command()
@_dispute_argument
@_operator_option
@_reason_option
@_date_option
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
    found = _run(ledger_url, lambda t: accept_appeal(t, name, operator, reason, date))
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
    found = _run(ledger_url, lambda t: reject_appeal(t, name, operator, reason))
    _print_dispute(found, as_json=as_json)


def _print_dispute(found: Dispute, *, as_json: bool) -> None:
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(f"{found.name}: {found.state.value} {found.state.chinese}")
    click.echo(f"{found.msgid}, code {found.codes}, {yuan(found.payable_fen)} yuan")


# --- shared --------------------------------------------------------------------------------------


def check_day(option: str, day: str) -> None:
    """Refuse what is no day.

    :raises UsageError:
    """
    if parse_date(day) is None:
        raise click.UsageError(f"{option}: must be a day as YYYYMMDD")


def business_date(when: str | None) -> str:
    """``--date``, or today."""
    if when is None:
        return f"{date.today():%Y%m%d}"
    check_day("--date", when)
    return when


def _run(ledger_url: str, work: Any) -> Any:
    """Do ``work`` in an exclusive transaction of the ledger."""
    with open_ledger(ledger_url) as ledger:
        return ledger.run(work, exclusive=True)
