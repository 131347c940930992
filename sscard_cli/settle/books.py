# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: the proof of the books, anchors, balances."""

from __future__ import annotations

from dataclasses import asdict, replace

import click

from sscard_chip.settlement.clearing.proof import recompute_lines
from sscard_chip.settlement.ledger import AccountKind
from sscard_chip.settlement.transit import recompute_journeys
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.escape import escape
from sscard_cli.errors import RefusedError
from sscard_cli.options import json_option
from sscard_cli.output import print_json, say
from sscard_cli.settle.options import ledger_option, open_ledger


@click.command()
@click.option(
    "--anchor",
    metavar="HEX",
    help="An anchor that a run has printed: prove that it lies in the past of this ledger, so that"
    " nothing posted before it has changed.  Example: --anchor 7d6fcf…bd2f57",
)
@ledger_option
@json_option
def check(anchor: str | None, ledger_url: str, as_json: bool) -> None:
    """Prove that the books balance: every entry, every balance, the sum of all, and that the
    lines are those of the rows and on-line sales that were settled.

    Exit code 1 when they do not, when the database has not the rules of a ledger any more, or
    when what is posted is not what it was at an anchor.

    \b
    Example:
      sscard settle check --ledger city.db
    """
    with open_ledger(ledger_url, check_rules=False) as ledger:
        done = ledger.check(anchor)
        with ledger.reading() as t:
            done = replace(
                done, problems=(*done.problems, *recompute_lines(t), *recompute_journeys(t))
            )
        name = ledger.name
    if as_json:
        print_json({"even": done.even, **asdict(done)})
    elif done.even:
        counts = f"{done.entries} entries, {done.lines} lines, {done.accounts} accounts"
        say(f"{name}: the books balance: {counts}")
        if anchor is not None:
            say(f"{name}: the anchor is in their past")
    else:
        for problem in (*done.problems, *done.past):
            click.echo(escape(problem))
    faults = ["the books do not balance"] if done.problems else []
    faults += ["the books are not what they were"] if done.past else []
    if done.rules:
        faults.append(f"its rules are not those of a ledger: {', '.join(done.rules)}")
    if faults:
        raise RefusedError(f"{name}: {'; '.join(faults)}")


@click.command(name="anchor")
@ledger_option
@json_option
def anchor_(ledger_url: str, as_json: bool) -> None:
    """Chain what is posted by now to what was before, and print the anchor.

    Each run does this too. Keep anchors outside of the database: with one of them, settle check
    proves that nothing posted before it was changed, left out or put in.

    \b
    Example:
      sscard settle anchor --ledger city.db
    """
    with open_ledger(ledger_url) as ledger:
        found = ledger.anchor()
    if as_json:
        print_json({"anchor": found})
    else:
        click.echo(found)


@click.command()
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in AccountKind]),
    help="Of this kind of account only.  Example: --kind pharmacy",
)
@ledger_option
@json_option
def balances(kind: str | None, ledger_url: str, as_json: bool) -> None:
    """Show every account, by kind and key, with its balance.

    Above zero is what the centre owes to the owner, below zero what it has to get.

    \b
    Example:
      sscard settle balances --kind pharmacy --ledger city.db
    """
    kinds = list(AccountKind) if kind is None else [AccountKind(kind)]
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        found = [(one, key, fen) for one in kinds for key, fen in t.balances_of(one).items()]
    if as_json:
        rows = [{"kind": one.value, "key": key, "balance_fen": fen} for one, key, fen in found]
        print_json({"balances": rows})
        return
    for one, key, fen in found:
        click.echo(f"{one.value} {escape(key) or '-'} {yuan(fen)}")
