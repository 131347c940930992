# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: card register, allocations, upgrade, holds."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from sscard_chip import Card
from sscard_chip.settlement.ledger import (
    CardRegisterError,
    read_allocations,
    read_cards,
    register_cards,
    upgrade_ledger,
    write_cards,
)
from sscard_chip.settlement.ledger import allocate as post
from sscard_chip.settlement.ledger.authorisation import open_holds
from sscard_chip.settlement.ledger.authorisation import release as let_go
from sscard_chip.settlement.ledger.images import cards_of
from sscard_chip.standard.amounts import yuan
from sscard_chip.standard.dates import TIME
from sscard_chip.terminal.connection import connect_card
from sscard_cli.options import (
    FEN,
    FILE,
    check_time,
    force_option,
    json_option,
    out_option,
)
from sscard_cli.output import print_json, say, write_file
from sscard_cli.settle.options import ledger_option, open_ledger


@click.command()
@click.argument("path", metavar="FILE", type=FILE)
@ledger_option
@json_option
def cards(path: Path, ledger_url: str, as_json: bool) -> None:
    """Load a register of cards (sscard-cards/1) and open their personal accounts.

    A card that is registered already stays as it is. All of the file or nothing.

    \b
    Example:
      sscard settle cards CARDS.tsv --ledger city.db
    """
    file = read_cards(path)
    source = f"cards:{file.digest.hex()}"
    with open_ledger(ledger_url, create=True) as ledger:
        try:
            done = ledger.run(
                lambda t: register_cards(t, file.cards, file.date, source), exclusive=True
            )
        except CardRegisterError as error:
            raise CardRegisterError(f"{path}: {error}") from None
    if as_json:
        print_json(asdict(done))
        return
    say(f"{path}: {done.cards} new cards, {done.known} known")
    say(f"{done.accounts} accounts opened with {yuan(done.opening_fen)} yuan")


@click.command()
@click.argument("path", metavar="FILE", type=FILE)
@ledger_option
@json_option
def allocate(path: Path, ledger_url: str, as_json: bool) -> None:
    """Post a monthly allocation (划入) to personal accounts (sscard-allocations/1).

    All of the file or nothing; the same file again changes nothing.

    \b
    Example:
      sscard settle allocate MARCH.tsv --ledger city.db
    """
    file = read_allocations(path)
    with open_ledger(ledger_url) as ledger:
        try:
            done = ledger.run(lambda t: post(t, file), exclusive=True)
        except CardRegisterError as error:
            raise CardRegisterError(f"{path}: {error}") from None
    if as_json:
        print_json(asdict(done))
    elif done.posted:
        say(f"{path}: {yuan(done.fen)} yuan to {done.accounts} accounts")
    else:
        say(f"{path}: was posted before, nothing changed")


@click.command()
@ledger_option
@json_option
def upgrade(ledger_url: str, as_json: bool) -> None:
    """Bring a ledger of an earlier version to the tables of this one.

    All of it or nothing, and only when the books balance. Make a copy of the database before;
    no other program may write to it meanwhile.

    \b
    Example:
      sscard settle upgrade --ledger city.db
    """
    done = upgrade_ledger(ledger_url)
    if as_json:
        print_json(asdict(done))
        return
    click.echo(done)


@click.command(name="card-list")
@click.argument("paths", metavar="CARD.ssc...", nargs=-1, required=True, type=FILE)
@out_option("CARDS.tsv", "The register to write.", "CARDS.tsv")
@click.option(
    "--psn-no",
    default="",
    metavar="TEXT",
    help="The person (人员编号) of all these cards, who share one account; without it each has"
    " its own.  Example: --psn-no 51000000000000000001",
)
@click.option(
    "--opening-fen",
    type=FEN,
    default=0,
    show_default=True,
    metavar="N",
    help="The balance that each account begins with.  Example: --opening-fen 20000",
)
@click.option(
    "--date",
    metavar="YYYYMMDD",
    help="The day of the balances; today without it.  Example: --date 20260301",
)
@force_option
def card_list(
    paths: tuple[Path, ...],
    out: Path,
    psn_no: str,
    opening_fen: int,
    date: str | None,
    force: bool,
) -> None:
    """Write the register (sscard-cards/1) of some card images, for sscard settle cards.

    \b
    Example:
      sscard settle card-list zhang.ssc --opening-fen 20000 --out CARDS.tsv
      sscard settle cards CARDS.tsv --ledger city.db
    """
    day = check_time(f"{date}000000" if date else None) or _now()
    if not re.fullmatch("[!-~]{0,30}", psn_no) or psn_no == "null":
        raise click.UsageError("--psn-no: must be at most 30 ASCII characters")
    with ExitStack() as stack:
        connections = [
            (str(path), connect_card(stack.enter_context(Card.open(path)))) for path in paths
        ]
        found = cards_of(connections, psn_no=psn_no, opening_fen=opening_fen)
    write_file(out, lambda path: write_cards(path, found, day[:8]), force=force)
    say(f"{out}: {len(found)} cards")


@click.command()
@click.option(
    "--before",
    metavar="YYYYMMDDhhmmss",
    help="Only those of sales before this time; else all.  Example: --before 20260316000000",
)
@click.option("--release", is_flag=True, help="Reverse them: the money is the holder's again.")
@ledger_option
@json_option
def holds(before: str | None, release: bool, ledger_url: str, as_json: bool) -> None:
    """Show what on-line sales hold and nobody has settled, or let it go.

    A till that has charged the card sends its confirmation again, and the day's settlement
    confirms what the day file proves: release only what neither will bring any more.

    \b
    Example:
      sscard settle holds --before 20260316000000 --ledger city.db
    """
    until = check_time(before) or "99991231235959"
    with open_ledger(ledger_url) as ledger:
        with ledger.reading() as t:
            found = open_holds(t, until)
        for one in found if release else ():
            ledger.run(partial(let_go, settlement=one, time=_now()))
    orders = [one.order for one in found]
    if as_json:
        rows = [
            {"msgid": one.msgid, "time": one.time, "account_fen": one.split.account_fen}
            for one in orders
        ]
        print_json({"released": release, "holds": rows})
        return
    for order in orders:
        say(f"{order.time} {order.msgid} {yuan(order.split.account_fen)}")
    say(f"{len(orders)} holds{' released' if release else ''}")


def _now() -> str:
    return datetime.now().strftime(TIME)
