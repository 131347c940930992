# SPDX-License-Identifier: Apache-2.0
"""``sscard bank``: the linked bank account, from the counter to a payment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from issuance.bank.authority import BankAuthority
from issuance.bank.desk import BankDesk
from issuance.bank.head import BEGINNING, LedgerSeal
from issuance.bank.ledger import BankLedgerEntry, read_ledger, seal_ledger, shown_head
from sscard_chip import Card
from sscard_chip.memory import Memory
from sscard_cli.bank.options import (
    bank_options,
    connected,
    ledger_options,
    load_account,
    open_bank,
    reader_options,
)
from sscard_cli.bank.pay import load, pay
from sscard_cli.images import replace_image
from sscard_cli.options import FILE, card_argument, file_option, force_option, json_option, together
from sscard_cli.output import print_json, refuse_to_overwrite, say, write_file
from sscard_cli.screen import listing, show

_ACCOUNT = file_option(
    "--account",
    "account_path",
    "ACCOUNT.json",
    "The account, as the object bank of a holder file.  Example: --account account.json",
    required=True,
)
_SUB_ACCOUNT = click.option(
    "--sub-account",
    metavar="NUMBER",
    help="The social security account (子账户) in the ledger; the card number (卡号) without it."
    "  Example: --sub-account Z00000013",
)

_desk_options = together(bank_options(), ledger_options(), json_option)


@click.group()
def bank() -> None:
    """The bank's part of a card (金融应用): link, activate, pay, load.

    The main account (主账户) is at the bank, the social security account (子账户) is another;
    nothing here moves money between them.

    \b
    Example:
      sscard keys create --bank bank.json
      sscard bank link zhang.ssc --account account.json --bank-keys bank.json \\
        --ledger ledger.jsonl --operator 0012
      sscard bank pay zhang.ssc --amount-fen 1000 --bank-keys bank.json
    """


@bank.command()
@click.argument("path", metavar="CA.json", type=FILE)
@click.option(
    "--identifier",
    required=True,
    metavar="DIGITS",
    help="3 to 8 digits with which the bank's account numbers begin.  Example: --identifier 623999",
)
@click.option(
    "--expiry",
    default="1249",
    show_default=True,
    metavar="MMYY",
    help="When the certificates end.  Example: --expiry 1236",
)
@click.option(
    "--scheme",
    "schemes",
    multiple=True,
    type=click.Choice(["rsa", "sm2"]),
    default=("rsa", "sm2"),
    show_default=True,
    help="Which keys; may be repeated. SM2 needs the extra sm2.  Example: --scheme rsa",
)
@force_option
@json_option
def authority(
    path: Path,
    identifier: str,
    expiry: str,
    schemes: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Create a test authority and the bank's certificates under it in CA.json.

    The file has private keys and is readable by its owner alone.

    \b
    Example:
      sscard bank authority ca.json --identifier 623999
    """
    refuse_to_overwrite(path, force=force)
    made = BankAuthority.create(identifier, expiry, schemes)
    write_file(path, made.save, force=force)
    indexes = {name: f"{keys.index:02X}" for name, keys in made.keys.items()}
    if as_json:
        print_json({"authority": str(path), "indexes": indexes})
    else:
        shown = ", ".join(f"{name} with key index {index}" for name, index in indexes.items())
        say(f"{path}: test authority and certificates, {shown}; for tests only")


@bank.command()
@card_argument
@_ACCOUNT
@_SUB_ACCOUNT
@_desk_options
def link(
    card_path: Path, account_path: Path, sub_account: str | None, as_json: bool, **options: Any
) -> None:
    """Link a bank account with CARD.ssc, a card that has none or whose account was unlinked.

    \b
    Example:
      sscard bank link zhang.ssc --account account.json --bank-keys bank.json \\
        --ledger ledger.jsonl --operator 0012
    """
    account = load_account(account_path)
    with _counter(options) as counter, Card.open(card_path) as card:
        save = _saver(card, card_path)
        entry = counter.link(card, account, save, sub_account=sub_account)
    _print_entry(entry, as_json=as_json)


@bank.command()
@card_argument
@_SUB_ACCOUNT
@_desk_options
def record(card_path: Path, sub_account: str | None, as_json: bool, **options: Any) -> None:
    """Write CARD.ssc down, which has its bank application and is not in the ledger.

    It was issued without --ledger, or the ledger could not be written after a link.

    \b
    Example:
      sscard bank record zhang.ssc --bank-keys bank.json --ledger ledger.jsonl --operator 0012
    """
    with _counter(options) as counter, Card.open(card_path) as card:
        entry = counter.record(card, sub_account=sub_account)
    _print_entry(entry, as_json=as_json)


@bank.command()
@card_argument
@_ACCOUNT
@_desk_options
def change(card_path: Path, account_path: Path, as_json: bool, **options: Any) -> None:
    """Put another account in place of the one that CARD.ssc is linked with.

    The old application goes with its keys, electronic cash and log.

    \b
    Example:
      sscard bank change zhang.ssc --account new.json --bank-keys bank.json \\
        --ledger ledger.jsonl --operator 0012
    """
    account = load_account(account_path)
    with _counter(options) as counter, Card.open(card_path) as card:
        entry = counter.change(card, account, _saver(card, card_path))
    _print_entry(entry, as_json=as_json)


@bank.command()
@reader_options
@_desk_options
def activate(card_path: Path | None, reader: str | None, as_json: bool, **options: Any) -> None:
    """Wake the dormant bank application of a card, by command under the application's key.

    \b
    Example:
      sscard bank activate zhang.ssc --bank-keys bank.json --ledger ledger.jsonl --operator 0012
    """
    with _counter(options) as counter, connected(card_path, reader) as connection:
        entry = counter.activate(connection)
    _print_entry(entry, as_json=as_json)


@bank.command()
@reader_options
@_desk_options
def unlink(card_path: Path | None, reader: str | None, as_json: bool, **options: Any) -> None:
    """End the link of a card: its bank application goes to sleep and is not found any more.

    \b
    Example:
      sscard bank unlink zhang.ssc --bank-keys bank.json --ledger ledger.jsonl --operator 0012
    """
    with _counter(options) as counter, connected(card_path, reader) as connection:
        entry = counter.unlink(connection)
    _print_entry(entry, as_json=as_json)


@bank.command()
@click.argument("ledger_path", metavar="LEDGER.jsonl", type=FILE)
@bank_options(required=False, authority=False)
@json_option
def ledger(
    ledger_path: Path, bank_roots: str | None, bank_passphrase_file: Path | None, as_json: bool
) -> None:
    """Show a ledger of links, account numbers masked.

    A line that was tampered with is found, an end that is cut off and lines that were written
    anew by the head beside it; whether the head is the bank's is checked with --bank-keys.

    \b
    Example:
      sscard bank ledger ledger.jsonl --bank-keys bank.json
    """
    seal = None
    if bank_roots is not None:
        with open_bank(bank_roots, bank_passphrase_file, None) as own:
            seal = LedgerSeal(own.store)
    entries = [entry.shown() for entry in read_ledger(ledger_path, seal)]
    if as_json:
        print_json(entries)
        return
    names = ("number", "when", "operator", "operation", "main_account", "sub_account", "card")
    table = listing(*(name.replace("_", " ") for name in names))
    for entry in entries:
        table.add_row(*(str(entry[name]) for name in names))
    show(table)
    head = shown_head(len(entries), str(entries[-1]["digest"]) if entries else BEGINNING)
    unchecked = "" if seal else "; its MAC is checked with --bank-keys"
    say(f"{ledger_path}: {head}{unchecked}")


@bank.command()
@click.argument("ledger_path", metavar="LEDGER.jsonl", type=FILE)
@bank_options(authority=False)
@json_option
def seal(
    ledger_path: Path, bank_roots: str, bank_passphrase_file: Path | None, as_json: bool
) -> None:
    """Make the head of a ledger of links that has none: of an earlier release, or lost.

    The lines are checked. That none is missing at the end is for you to know: compare with the
    cards, or with what the last command printed.

    \b
    Example:
      sscard bank seal ledger.jsonl --bank-keys bank.json
    """
    with open_bank(bank_roots, bank_passphrase_file, None) as own:
        made = seal_ledger(ledger_path, LedgerSeal(own.store))
    if as_json:
        print_json({"ledger": str(ledger_path), "count": made.count, "head": made.head})
    else:
        say(f"{ledger_path}: {shown_head(made.count, made.head)}")


@contextmanager
def _counter(options: dict[str, Any]) -> Iterator[BankDesk]:
    """The bank's counter, of :data:`_desk_options`."""
    names = ("bank_roots", "bank_passphrase_file", "authority_path")
    with open_bank(*(options[name] for name in names)) as own:
        yield BankDesk(own, options["ledger_path"], options["operator"])


def _saver(card: Card, path: Path) -> Callable[[Memory], None]:
    """Keeps a new memory in place of the card's file, which is let go of then."""

    def save(memory: Memory) -> None:
        replace_image(path, memory)
        card.close()

    return save


def _print_entry(entry: BankLedgerEntry, *, as_json: bool) -> None:
    if as_json:
        print_json(entry.shown())
        return
    shown = entry.shown()
    account = f"main account {shown['main_account']}"
    if shown["former_account"]:
        account += f" for {shown['former_account']}"
    say(f"{entry.number} {entry.operation}: {account}, sub-account {entry.sub_account}")
    say(f"ledger: {shown_head(entry.number, entry.digest)}")


bank.add_command(pay)
bank.add_command(load)
