# SPDX-License-Identifier: Apache-2.0
"""``sscard settle claim``: monthly claims of pharmacies, one by one and all of a month."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import click

from sscard_chip.settlement.clearing.claims import (
    Claim,
    apply_all,
    apply_claim,
    cancel_claim,
    claims_of,
    find_claim,
    month_days,
    pay_claim,
    unpaid,
)
from sscard_chip.settlement.clearing.claims import due as find_due
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.standard.amounts import yuan
from sscard_cli.options import json_option
from sscard_cli.output import print_json, say
from sscard_cli.settle.options import (
    business_date,
    date_option,
    ledger_option,
    month_option,
    open_ledger,
    pharmacy_choice,
    pharmacy_option,
    run_exclusive,
)
from sscard_cli.settle.statement import print_claims

_note_option: Final = click.option(
    "--note", default="", metavar="TEXT", help="Kept with the step.  Example: --note 批次7"
)
_claim_argument: Final = click.argument("number", metavar="NUMBER")


@click.group()
def claim() -> None:
    """Monthly claims of pharmacies (清算申请, 3203 to 3205) and their payment.

    \b
    Example:
      sscard settle claim apply --all --month 202603 --ledger city.db
      sscard settle claim list --month 202603 --ledger city.db
      sscard settle claim pay --month 202603 --date 20260415 --ledger city.db
    """


@claim.command()
@pharmacy_option
@month_option
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
    say(f"{pharmacy} {month}: {request.visits} visits, {yuan(request.total_fen)} yuan")
    say(
        f"fund {yuan(request.claimed_fen)}, account {yuan(request.account_fen)},"
        f" cash {yuan(request.cash_fen)}"
    )


@claim.command(name="apply")
@pharmacy_choice
@click.option(
    "--all", "of_all", is_flag=True, help="For every pharmacy with something to claim and no claim."
)
@month_option
@ledger_option
@json_option
def apply_(pharmacy: str | None, of_all: bool, month: str, ledger_url: str, as_json: bool) -> None:
    """Claim a month (3203). Claimed already is no error: the claim is shown.

    \b
    Example:
      sscard settle claim apply --pharmacy P51010000001 --month 202603 --ledger city.db
      sscard settle claim apply --all --month 202603 --ledger city.db
    """
    if of_all == (pharmacy is not None):
        raise click.UsageError("say --pharmacy CODE or --all")
    if pharmacy is None:
        _print_claims(
            run_exclusive(ledger_url, lambda t: apply_all(t, month)), "claimed", as_json=as_json
        )
        return

    def work(t: LedgerTransaction) -> Claim:
        for one in claims_of(t, pharmacy):
            if one.request.month == month and one.state.value != "cancelled":
                return one
        return apply_claim(t, find_due(t, pharmacy, month))

    _print_claim(run_exclusive(ledger_url, work), as_json=as_json)


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
    _print_claim(
        run_exclusive(ledger_url, lambda t: cancel_claim(t, number, note)), as_json=as_json
    )


@claim.command()
@click.argument("number", metavar="NUMBER", required=False)
@click.option(
    "--month", metavar="YYYYMM", help="All claims of a month instead.  Example: --month 202603"
)
@date_option
@_note_option
@ledger_option
@json_option
def pay(
    number: str | None,
    month: str | None,
    when: str | None,
    note: str,
    ledger_url: str,
    as_json: bool,
) -> None:
    """Pay a claim, or all of a month: one entry each in the ledger. Paid already changes nothing.

    A claim that comes to less than nothing stays: its pharmacy owes the centre.

    \b
    Example:
      sscard settle claim pay 510100202603410000000001 --date 20260415 --ledger city.db
      sscard settle claim pay --month 202603 --date 20260415 --ledger city.db
    """
    date = business_date(when)
    if (number is None) == (month is None):
        raise click.UsageError("say NUMBER or --month")
    if month is not None:
        month_days(month)

        def pay_all(t: LedgerTransaction) -> list[Claim]:
            standing = [one for one in claims_of(t, month=month) if one.unpaid_fen > 0]
            return [pay_claim(t, one.number, date, note) for one in standing]

        _print_claims(run_exclusive(ledger_url, pay_all), "paid", as_json=as_json)
        return
    name = str(number)
    paid = run_exclusive(ledger_url, lambda t: pay_claim(t, name, date, note))
    _print_claim(paid, as_json=as_json)


@claim.command(name="list")
@pharmacy_choice
@click.option("--month", metavar="YYYYMM", help="Of this month alone.  Example: --month 202603")
@click.option("--unpaid", "only_unpaid", is_flag=True, help="Only what is still to be paid.")
@ledger_option
@json_option
def list_claims(
    pharmacy: str | None, month: str | None, only_unpaid: bool, ledger_url: str, as_json: bool
) -> None:
    """List claims, what of each is unpaid, and what pharmacies are owed that no claim has.

    \b
    Example:
      sscard settle claim list --month 202603 --unpaid --ledger city.db
    """
    if month is not None:
        month_days(month)
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        found = claims_of(t, pharmacy, month)
        owed = unpaid(t, pharmacy)
    if only_unpaid:
        found = [one for one in found if one.unpaid_fen]
    if as_json:
        rows = [one.to_dict() | {"unpaid_fen": one.unpaid_fen} for one in found]
        print_json({"claims": rows, "owed": asdict(owed) | {"total_fen": owed.total_fen}})
    else:
        print_claims(found, owed)


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


def _print_claims(found: list[Claim], done: str, *, as_json: bool) -> None:
    if as_json:
        print_json([one.to_dict() for one in found])
        return
    for one in found:
        say(f"{one.number} {one.request.pharmacy} {yuan(one.payable_fen)}")
    total = sum(one.payable_fen for one in found)
    say(f"{len(found):,} claims {done}, {yuan(total)} yuan")


def _print_claim(found: Claim, *, as_json: bool) -> None:
    if as_json:
        print_json(found.to_dict())
        return
    request = found.request
    say(f"{found.number}: {found.state.value} {found.state.chinese}")
    say(
        f"{request.pharmacy} {request.month}: {request.visits} visits,"
        f" {yuan(found.payable_fen)} yuan to pay"
    )
