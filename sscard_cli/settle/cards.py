# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: status and replacement of cards, and the hotlist that comes of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.dayfile.hotlist import FORMAT as HOTLIST_FORMAT
from sscard_chip.settlement.ledger import (
    CardService,
    LedgerTransaction,
    ReportClock,
    StatusReport,
    change_status,
    find_card,
    history_of,
    read_cards,
    replace_card,
    reports_of,
    status_of,
)
from sscard_chip.settlement.ledger.hotlists import hotlist_delta, issue_hotlist
from sscard_chip.standard.dates import TIME
from sscard_chip.standard.escape import escape
from sscard_chip.standard.inputfile import open_regular
from sscard_cli.errors import RefusedError
from sscard_cli.options import (
    FILE,
    check_time,
    json_option,
    out_option,
    time_option,
    together,
)
from sscard_cli.output import print_json, say, write_file
from sscard_cli.settle.options import ledger_option, open_ledger

_SERVICES: Final = {
    "temporary-loss": CardService.TEMPORARY_LOSS,
    "formal-loss": CardService.FORMAL_LOSS,
    "lift": CardService.LIFT,
    "cancel": CardService.CANCEL,
}
_card_argument = click.argument("card_name", metavar="CARD")
_time_option = time_option("From when on, local time; never in the future")
_report_options: Final[Callable[[Any], Any]] = together(
    click.option(
        "--operator",
        default="centre",
        show_default=True,
        metavar="TEXT",
        help="Who records it.  Example: --operator 0017",
    ),
    click.option(
        "--channel",
        default="counter",
        show_default=True,
        metavar="TEXT",
        help="By what way it was asked for.  Example: --channel hotline",
    ),
    click.option(
        "--reason",
        default="",
        metavar="TEXT",
        help="Why; needed when --time is more than an hour ago.  Example: --reason 'police report'",
    ),
    click.option(
        "--agent",
        default="",
        metavar="TEXT",
        help="Who came in the holder's place (代办人).  Example: --agent 'son, 510100…'",
    ),
)


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
@_report_options
@click.option("--reports", is_flag=True, help="Show who reported each change, and why.")
@ledger_option
@json_option
def card_status(
    card_name: str,
    service: str | None,
    when: str | None,
    lapse_days: int,
    operator: str,
    channel: str,
    reason: str,
    agent: str,
    reports: bool,
    ledger_url: str,
    as_json: bool,
) -> None:
    """Show a card's status and its history, or change it (挂失, 解挂, 注销).

    CARD is a 卡号 or a 卡识别码. A formal loss cannot be withdrawn; a card is cancelled for good.

    \b
    Example:
      sscard settle card-status Z00000013 temporary-loss --channel hotline --ledger city.db
      sscard settle card-status Z00000013 --reports --ledger city.db
    """
    now = _now()
    time = check_time(when) or now
    report = StatusReport(operator, channel, reason, agent)

    def change(t: LedgerTransaction) -> bool:
        if service is None:
            return False
        return change_status(
            t,
            find_card(t, card_name),
            _SERVICES[service],
            time,
            lapse_days=lapse_days or None,
            report=report,
            clock=ReportClock(now, may_back_date=True),
        )

    with open_ledger(ledger_url) as ledger:
        changed = ledger.run(change)
        with ledger.reading() as t:
            card = find_card(t, card_name)
            status, history = status_of(t, card, time), history_of(t, card)
            reported = reports_of(t, card)
    if as_json:
        document = [
            {"status": int(one), "since": since, "until": until}
            | (asdict(by) if by else dict.fromkeys(("operator", "channel", "reason", "agent")))
            for (one, since, until), by in zip(history, reported, strict=True)
        ]
        print_json({"changed": changed, "status": int(status), "history": document})
        return
    if service is not None and not changed:
        click.echo("is in that status already")
    say(f"at {time}: {int(status)} {status.chinese}")
    for (one, since, until), by in zip(history, reported, strict=True):
        say(f"{since} {one.chinese}{f', until {until}' if until else ''}")
        if reports:
            say(f"    {_said(by)}")


def _said(report: StatusReport | None) -> str:
    """Who reported a change, in a line."""
    if report is None:
        return "not recorded by whom"
    parts = [f"operator {report.operator}", f"channel {report.channel}"]
    parts += [f"reason: {report.reason}"] if report.reason else []
    parts += [f"agent: {report.agent}"] if report.agent else []
    return escape(", ".join(parts))


@click.command(name="card-replace")
@_card_argument
@click.argument("path", metavar="NEW.tsv", type=FILE)
@click.option("--damaged", is_flag=True, help="Exchange a card that is not lost.")
@_time_option
@_report_options
@ledger_option
@json_option
def card_replace(
    card_name: str,
    path: Path,
    damaged: bool,
    when: str | None,
    operator: str,
    channel: str,
    reason: str,
    agent: str,
    ledger_url: str,
    as_json: bool,
) -> None:
    """Give the account of CARD to a new card and cancel the old one (补换卡).

    NEW.tsv is a register (sscard-cards/1) of the one new card. A lost card must have been
    reported formally. The money comes onto the new chip by sscard pos load.

    \b
    Example:
      sscard settle card-status Z00000013 formal-loss --ledger city.db
      sscard settle card-replace Z00000013 NEW.tsv --ledger city.db
    """
    now = _now()
    time = check_time(when) or now
    report = StatusReport(operator, channel, reason, agent)
    clock = ReportClock(now, may_back_date=True)
    new = read_cards(path).cards

    def replace(t: LedgerTransaction) -> bool:
        number = find_card(t, card_name)
        return replace_card(t, number, new, time, damaged=damaged, report=report, clock=clock)

    with open_ledger(ledger_url) as ledger:
        changed = ledger.run(replace)
    if as_json:
        print_json({"changed": changed})
    else:
        click.echo("replaced" if changed else "was replaced before, nothing changed")


@click.command()
@out_option("FILE", "The list to write.", "hotlist.tsv")
@click.option(
    "--since",
    metavar="VERSION",
    help="Only what has changed since this version, for tills that have it; they take it with"
    " sscard pos hotlist.  Example: --since 20260315080000",
)
@time_option("As of this local time")
@ledger_option
@json_option
def hotlist(out: Path, since: str | None, when: str | None, ledger_url: str, as_json: bool) -> None:
    """Write the hotlist (黑名单): cards that are lost, temporarily lost or cancelled.

    The version is the time of its issue. Another state is another version, and what is the same
    an hour later as well, so that tills see how old a list is. A hotlist in the file is replaced,
    in one step; any other file is not.

    \b
    Example:
      sscard settle hotlist --ledger city.db --out hotlist.tsv
      sscard settle hotlist --ledger city.db --out delta.tsv --since 20260315080000
    """
    time = check_time(when) or _now()
    if os.path.lexists(out) and not _is_hotlist(out):
        raise RefusedError(f"{out}: exists already and is no hotlist")
    with open_ledger(ledger_url) as ledger:
        issued = ledger.run(lambda t: issue_hotlist(t, time))
        delta = None
        if since is not None:
            with ledger.reading() as t:
                delta = hotlist_delta(t, since, issued.version)
    write_file(out, (delta or issued.hotlist).save, force=True)
    digest = issued.hotlist.digest.hex().upper()
    if as_json:
        document: dict[str, Any] = {"version": issued.version, "cards": issued.hotlist.count}
        document |= {"sha256": digest, "since": since}
        if delta is not None:
            document |= {"added": len(delta.cards), "removed": len(delta.removed)}
        print_json(document)
        return
    say(f"{out}: version {issued.version}, {issued.hotlist.count} cards")
    if delta is not None:
        changes = f"{len(delta.cards)} on the list, {len(delta.removed)} off it"
        say(f"only what has changed since {since}: {changes}")
    say(f"SHA-256 of the whole list: {digest}")


def _is_hotlist(path: Path) -> bool:
    """Whether a file begins as a list or a delta does."""
    head = f"H\t{HOTLIST_FORMAT}\t".encode()
    with open_regular(path) as file:
        return file.read(len(head)) == head


def _now() -> str:
    return datetime.now().strftime(TIME)
