# SPDX-License-Identifier: Apache-2.0
"""``sscard pos``: the pharmacy till, one sale at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sscard_chip.dayfile.text import read_day
from sscard_chip.standard.amounts import MAX_FEN, yuan
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.pos import Bill, SaleOutcome
from sscard_chip.terminal.pos.hotlist import update_hotlist
from sscard_cli.errors import RefusedError
from sscard_cli.options import FEN, FILE, check_time, file_option, json_option
from sscard_cli.output import print_json, say
from sscard_cli.pos.account import balance, load
from sscard_cli.pos.options import holder_pin_option, pin_entry, sale_time_option, till_options
from sscard_cli.pos.till import Counter, open_counter, run_till, sale_document, save_parquet


@click.group()
def pos() -> None:
    """A pharmacy's till (定点药店): sales with card and PSAM, receipts, day file.

    \b
    Example:
      sscard pos sale --card zhang.ssc --psam psam.ssc --pin 135790 \\
        --account-fen 1000 --self-fen 0 --pool-fen 0 --day-file DAY.tsv
      sscard pos close --day-file DAY.tsv
    """


@pos.command()
@till_options
@holder_pin_option
@click.option(
    "--account-fen",
    type=FEN,
    required=True,
    metavar="N",
    help="Paid by the personal account (个人账户), fen.  Example: --account-fen 1000",
)
@click.option(
    "--self-fen",
    type=FEN,
    required=True,
    metavar="N",
    help="Paid by the holder in cash (个人自付), fen.  Example: --self-fen 500",
)
@click.option(
    "--pool-fen",
    type=FEN,
    required=True,
    metavar="N",
    help="Paid by the pooled fund (统筹基金), fen.  Example: --pool-fen 2000",
)
@click.option(
    "--category",
    type=click.Choice(["1", "2", "3"]),
    help="结算类别: 1 work injury, 2 maternity, 3 medical aid; noted on the card."
    "  Example: --category 3",
)
@sale_time_option
@json_option
def sale(
    account_fen: int,
    self_fen: int,
    pool_fen: int,
    category: str | None,
    when: str | None,
    pin: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Sell to the card in the reader and print the receipt.

    A sale that broke off is settled first; when the card turns out to have paid it, its receipt
    is printed and nothing is charged again. Exit code 1 means that this sale is not paid.

    \b
    Example:
      sscard pos sale --card zhang.ssc --psam psam.ssc --pin 135790 \\
        --account-fen 1000 --self-fen 500 --pool-fen 2000 --day-file DAY.tsv
    """
    split = Split(account_fen, self_fen, pool_fen)
    if not 0 < split.total_fen <= MAX_FEN:
        raise click.UsageError(f"the three amounts must add up to 1 to {MAX_FEN} fen")
    with open_counter(pin=pin_entry(pin), when=check_time(when), **options) as counter:
        outcome = counter.till.sell(Bill(split, category), when)
        _print(counter, outcome, as_json=as_json)
        row = outcome.row
        asked = (account_fen, self_fen, pool_fen)
        if outcome.recovered and (row.account_fen, row.cash_fen, row.fund_fen) != asked:
            raise RefusedError(
                "the receipt is of an earlier sale that had broken off; this one is not made"
            )


@pos.command()
@till_options
@click.argument("msgid", metavar="MSGID")
@click.option(
    "--account-fen", type=FEN, metavar="N", help="Part of the account.  Example: --account-fen 500"
)
@click.option("--self-fen", type=FEN, metavar="N", help="Part in cash.  Example: --self-fen 0")
@click.option("--pool-fen", type=FEN, metavar="N", help="Part of the fund.  Example: --pool-fen 0")
@click.option(
    "--earlier",
    "earlier_paths",
    metavar="DAY.tsv",
    type=FILE,
    multiple=True,
    help="An earlier day file; may be repeated.  Example: --earlier MONDAY.tsv",
)
@sale_time_option
@json_option
def refund(
    msgid: str,
    account_fen: int | None,
    self_fen: int | None,
    pool_fen: int | None,
    earlier_paths: tuple[Path, ...],
    when: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Refund the sale MSGID (流水号 on its receipt): all that is left of it, or parts.

    \b
    Example:
      sscard pos refund P51010000001202603151011120100 --day-file DAY.tsv
    """
    given = (account_fen, self_fen, pool_fen)
    parts = None if given == (None, None, None) else Split(*(part or 0 for part in given))
    earlier = [row for path in earlier_paths for row in read_day(path).rows]
    with open_counter(when=check_time(when), **options) as counter:
        outcome = counter.till.refund(msgid, when, parts=parts, earlier=earlier)
        _print(counter, outcome, as_json=as_json)


@pos.command()
@till_options
@holder_pin_option
@click.option(
    "--give-up",
    is_flag=True,
    help="The card does not come back: record the sale as one in doubt (grey).",
)
@json_option
def recover(give_up: bool, pin: str | None, as_json: bool, **options: Any) -> None:
    """Settle a sale that broke off, and what the card in the reader is still owed.

    \b
    Example:
      sscard pos recover --card zhang.ssc --psam psam.ssc --pin 135790 --day-file DAY.tsv
      sscard pos recover --give-up --day-file DAY.tsv
    """
    with open_counter(pin=pin_entry(pin), **options) as counter:
        till = counter.till
        open_before = till.unfinished is not None
        outcome = till.give_up() if give_up else till.recover()
        if outcome is not None:
            _print(counter, outcome, as_json=as_json)
        if till.owing and not give_up:
            counter.warn(till.finish_owed())
        if outcome is None and not as_json:
            click.echo("not paid, not recorded" if open_before else "no sale was open")
        elif outcome is None:
            print_json({"paid": False})


@pos.command()
@till_options
@file_option(
    "--parquet",
    "parquet_path",
    "FILE",
    "Write the day as Parquet too (extra tables).  Example: --parquet DAY.parquet",
)
@json_option
def close(parquet_path: Path | None, as_json: bool, **options: Any) -> None:
    """Close the day: write the trailer. A closed day file takes no more rows.

    \b
    Example:
      sscard pos close --day-file DAY.tsv --parquet DAY.parquet
    """
    with open_counter(creating=False, **options) as counter:
        if parquet_path is not None:
            save_parquet(None, parquet_path)
        trailer = counter.till.close_day()
        owing = len(counter.till.owing)
    if parquet_path is not None:
        save_parquet(read_day(options["day_path"]), parquet_path)
    total, fund, account, cash = map(yuan, trailer.sums_fen)
    if as_json:
        sums = {"total": total, "fund": fund, "account": account, "cash": cash}
        digest = trailer.digest.hex().upper()
        print_json({"rows": trailer.count, "yuan": sums, "sha256": digest, "owing": owing})
        return
    say(f"{options['day_path']}: closed, {trailer.count} rows, {total} yuan")
    say(f"fund {fund}, account {account}, cash {cash}")
    if owing:
        say(f"{owing} sales owe something to their card or the centre: see the journal")


@pos.command()
@click.argument("path", metavar="HOTLIST.tsv", type=FILE)
@click.argument("deltas", metavar="DELTA.tsv...", nargs=-1, required=True, type=FILE)
@json_option
def hotlist(path: Path, deltas: tuple[Path, ...], as_json: bool) -> None:
    """Bring the till's hotlist to a newer version by deltas, in their order; all or nothing.

    A till that is open takes it before its next sale.

    \b
    Example:
      sscard pos hotlist hotlist.tsv delta.tsv
    """
    made = update_hotlist(path, deltas)
    if as_json:
        digest = made.digest.hex().upper()
        print_json({"version": made.version, "cards": made.count, "sha256": digest})
    else:
        say(f"{path}: version {made.version}, {made.count} cards")


@pos.command()
@till_options
def run(**options: Any) -> None:
    """A till on the screen: sell, refund, recover, close; until the day is closed or Ctrl-C.

    Put a card in by naming its image, or leave it to the reader.

    \b
    Example:
      sscard pos run --psam psam.ssc --day-file DAY.tsv
    """
    with open_counter(**options) as counter:
        run_till(counter)


pos.add_command(load)
pos.add_command(balance)


def _print(counter: Counter, outcome: SaleOutcome, *, as_json: bool) -> None:
    counter.warn(outcome.warnings)
    if as_json:
        print_json(sale_document(outcome))
    else:
        click.echo(outcome.receipt.text(), nl=False)
