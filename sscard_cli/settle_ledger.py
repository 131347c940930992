# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: card register, status of cards, allocations, the proof of the books."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from sscard_cli.options import json_option
from sscard_cli.pos_options import FILE, check_time
from sscard_cli.settle_options import ledger_option, open_ledger

_SERVICES: Final = {
    "temporary-loss": "01",
    "formal-loss": "02",
    "lift": "03",
    "cancel": "04",
}
_card_argument = click.argument("card_name", metavar="CARD")
_time_option = click.option(
    "--time",
    "when",
    metavar="YYYYMMDDhhmmss",
    help="From when on, local time; now without it.  Example: --time 20260315101112",
)


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
    from sscard_chip.settlement.ledger import CardRegisterError, read_cards, register_cards
    from sscard_cli.output import print_json
    from sscard_cli.tables import yuan

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
    click.echo(f"{path}: {done.cards} new cards, {done.known} known")
    click.echo(f"{done.accounts} accounts opened with {yuan(done.opening_fen)} yuan")


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
    from sscard_chip.settlement.ledger import CardRegisterError, read_allocations
    from sscard_chip.settlement.ledger import allocate as post
    from sscard_cli.output import print_json
    from sscard_cli.tables import yuan

    file = read_allocations(path)
    with open_ledger(ledger_url) as ledger:
        try:
            done = ledger.run(lambda t: post(t, file), exclusive=True)
        except CardRegisterError as error:
            raise CardRegisterError(f"{path}: {error}") from None
    if as_json:
        print_json(asdict(done))
    elif done.posted:
        click.echo(f"{path}: {yuan(done.fen)} yuan to {done.accounts} accounts")
    else:
        click.echo(f"{path}: was posted before, nothing changed")


@click.command(name="card-status")
@_card_argument
@click.argument("service", required=False, type=click.Choice(list(_SERVICES)))
@_time_option
@click.option(
    "--lapse-days",
    type=click.IntRange(0, 3650),
    default=10,
    show_default=True,
    metavar="N",
    help="After how many days a temporary report lapses; 0 for never.  Example: --lapse-days 5",
)
@ledger_option
@json_option
def card_status(
    card_name: str,
    service: str | None,
    when: str | None,
    lapse_days: int,
    ledger_url: str,
    as_json: bool,
) -> None:
    """Show a card's status and its history, or change it (挂失, 解挂, 注销).

    CARD is a 卡号 or a 卡识别码. A formal loss cannot be withdrawn; a card is cancelled for good.

    \b
    Example:
      sscard settle card-status Z00000013 temporary-loss --ledger city.db
      sscard settle card-status Z00000013 --ledger city.db
    """
    from sscard_chip.settlement.ledger import (
        CardService,
        Transaction,
        change_status,
        find_card,
        history_of,
        status_of,
    )
    from sscard_cli.output import print_json

    time = check_time(when) or _now()

    def change(t: Transaction) -> bool:
        if service is None:
            return False
        return change_status(
            t,
            find_card(t, card_name),
            CardService(_SERVICES[service]),
            time,
            lapse_days=lapse_days or None,
        )

    with open_ledger(ledger_url) as ledger:
        changed = ledger.run(change)
        with ledger.reading() as t:
            card = find_card(t, card_name)
            status, history = status_of(t, card, time), history_of(t, card)
    if as_json:
        document = [
            {"status": int(one), "since": since, "until": until} for one, since, until in history
        ]
        print_json({"changed": changed, "status": int(status), "history": document})
        return
    if service is not None and not changed:
        click.echo("is in that status already")
    click.echo(f"at {time}: {int(status)} {status.chinese}")
    for one, since, until in history:
        click.echo(f"{since} {one.chinese}{f', until {until}' if until else ''}")


@click.command(name="card-replace")
@_card_argument
@click.argument("path", metavar="NEW.tsv", type=FILE)
@click.option("--damaged", is_flag=True, help="Exchange a card that is not lost.")
@_time_option
@ledger_option
@json_option
def card_replace(
    card_name: str, path: Path, damaged: bool, when: str | None, ledger_url: str, as_json: bool
) -> None:
    """Give the account of CARD to a new card and cancel the old one (补换卡).

    NEW.tsv is a register (sscard-cards/1) of the one new card. A lost card must have been
    reported formally.

    \b
    Example:
      sscard settle card-status Z00000013 formal-loss --ledger city.db
      sscard settle card-replace Z00000013 NEW.tsv --ledger city.db
    """
    from sscard_chip.settlement.ledger import find_card, read_cards, replace_card
    from sscard_cli.output import print_json

    time = check_time(when) or _now()
    new = read_cards(path).cards
    with open_ledger(ledger_url) as ledger:
        changed = ledger.run(
            lambda t: replace_card(t, find_card(t, card_name), new, time, damaged=damaged)
        )
    if as_json:
        print_json({"changed": changed})
    else:
        click.echo("replaced" if changed else "was replaced before, nothing changed")


@click.command()
@ledger_option
@json_option
def check(ledger_url: str, as_json: bool) -> None:
    """Prove that the books balance: every entry, every balance, the sum of all.

    Exit code 1 when they do not.

    \b
    Example:
      sscard settle check --ledger city.db
    """
    from sscard_cli.errors import RefusedError
    from sscard_cli.output import print_json

    with open_ledger(ledger_url) as ledger:
        done = ledger.check()
        name = ledger.name
    if as_json:
        print_json({"even": done.even, **asdict(done)})
    elif done.even:
        counts = f"{done.entries} entries, {done.lines} lines, {done.accounts} accounts"
        click.echo(f"{name}: the books balance: {counts}")
    else:
        for problem in done.problems:
            click.echo(problem)
    if not done.even:
        raise RefusedError(f"{name}: the books do not balance")


def _now() -> str:
    from datetime import datetime

    return datetime.now().strftime("%Y%m%d%H%M%S")


COMMANDS: Final = (cards, card_status, card_replace, allocate, check)
