# SPDX-License-Identifier: Apache-2.0
"""``sscard pos load`` and ``pos balance``: a card's account beside selling."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from sscard_chip.dayfile.loads import LoadCentre
from sscard_chip.dayfile.text import read_day
from sscard_chip.standard.dates import TIME
from sscard_chip.standard.settlement_mode import SettlementMode, SettlementRegion
from sscard_chip.terminal.medical import AccountBalances
from sscard_chip.terminal.pos import (
    Desk,
    HotlistFile,
    TillSettings,
    UnfinishedSaleError,
    load_card,
    show_balance,
)
from sscard_chip.terminal.pos.pending import PendingJournal
from sscard_chip.terminal.pos.psam import Psam
from sscard_cli.options import check_time, json_option
from sscard_cli.output import print_json
from sscard_cli.pos.centre import CentreOptions, open_load_centre
from sscard_cli.pos.options import desk_options, holder_pin_option, pin_entry, sale_time_option
from sscard_cli.pos.till import open_slots, warn


@dataclass(frozen=True, slots=True)
class _Service:
    """A desk, the centre if one is named, and the time."""

    desk: Desk
    centre: LoadCentre | None
    time: str


@click.command()
@desk_options
@holder_pin_option
@sale_time_option
@json_option
def load(pin: str | None, when: str | None, as_json: bool, **options: Any) -> None:
    """Load onto the card what the centre has posted and it has not got (账户划入).

    Allocations, account parts of refunds, and after a replacement what the old card had. Needs
    the centre (--authorisations) and the PSAM. Whatever breaks, do it again: nothing is loaded
    twice.

    \b
    Example:
      sscard pos load --card zhang.ssc --psam psam.ssc --pin 135790 \\
        --authorisations city.db --keys roots.json
    """
    with _open_service(pin, when, options) as service:
        if service.centre is None:
            raise click.UsageError("a load is made on line: --authorisations names the centre")
        outcome = load_card(service.desk, service.centre, service.time)
        result = outcome.result
    warn(result.warnings)
    if as_json:
        loads = [
            {"number": one.number, "fen": one.fen, "tac": one.tac.hex().upper(),
             "earlier": one.earlier}
            for one in result.loads
        ]  # fmt: skip
        document = {"loaded_fen": result.fen, "loads": loads}
        print_json(document | _balances(result.balances) | {"slip": outcome.slip.text()})
        return
    click.echo(outcome.slip.text(), nl=False)
    if not result.loads:
        click.echo("nothing to load: the card has what the centre has posted")


@click.command()
@desk_options
@holder_pin_option
@sale_time_option
@json_option
def balance(pin: str | None, when: str | None, as_json: bool, **options: Any) -> None:
    """Print a slip with what the card has; nothing is sold. Needs the PIN where one is set.

    With --authorisations the slip says what the card may load, too.

    \b
    Example:
      sscard pos balance --card zhang.ssc --psam psam.ssc --pin 135790
    """
    with _open_service(pin, when, options) as service:
        outcome = show_balance(service.desk, service.time, service.centre)
    warn(outcome.warnings)
    if as_json:
        due = {"due_fen": outcome.due_fen}
        print_json(_balances(outcome.balances) | due | {"slip": outcome.slip.text()})
    else:
        click.echo(outcome.slip.text(), nl=False)


def _balances(balances: AccountBalances | None) -> dict[str, Any]:
    if balances is None:
        return {"balance_fen": None}
    return {
        "balance_fen": balances.account_fen,
        "year": balances.year,
        "self_paid_total_fen": balances.self_paid_total_fen,
        "pooled_total_fen": balances.pooled_total_fen,
    }


@contextmanager
def _open_service(pin: str | None, when: str | None, options: dict[str, Any]) -> Iterator[_Service]:
    """What the options describe."""
    time = check_time(when) or datetime.now().strftime(TIME)
    day_path: Path | None = options["day_path"]
    if day_path is not None and PendingJournal.beside(day_path).sale is not None:
        raise UnfinishedSaleError(f"{day_path}: a sale broke off: recover it first, or give it up")
    with ExitStack() as stack:
        _, card, psam = open_slots(
            stack,
            options["card_path"],
            options["reader"],
            options["psam_path"],
            options["psam_reader"],
            options["interface"],
        )
        sam = Psam(psam)
        terminal_id = sam.identify()[0] if psam is not None else "0" * 12
        area = options["division"] or terminal_id[:6]
        code = options["pharmacy_code"] or f"P{terminal_id[:6]}00001"
        if options["pharmacy_code"] is None and day_path is not None and day_path.exists():
            code = read_day(day_path).header.pharmacy_code
        try:
            region = SettlementRegion(area, SettlementMode.OFFLINE)
            settings = TillSettings(code, region, options["pharmacy_name"])
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        path = options["hotlist_path"]
        desk = Desk(
            settings=settings,
            card=card,
            sam=sam,
            pin_entry=pin_entry(pin),
            listed=HotlistFile(path) if path else None,
        )
        stack.callback(sam.power_off)
        centre = CentreOptions(
            options["authoriser_location"],
            options["roots"],
            options["passphrase_file"],
            options["policy_path"],
            options["test_clock"],
        )
        yield _Service(desk, open_load_centre(stack, centre, code, area), time)
