# SPDX-License-Identifier: Apache-2.0
"""``sscard bank pay`` and ``load``: a test terminal with its issuer."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from issuance.bank.authority import BankAuthority
from issuance.bank.desk import load_electronic_cash
from sscard_chip.standard.amounts import yuan
from sscard_chip.terminal.bank.contactless import ContactlessTerminal
from sscard_chip.terminal.bank.data import APPROVED, NOT_SUFFICIENT
from sscard_chip.terminal.bank.host import IssuerHost
from sscard_chip.terminal.bank.kernel import PaymentTerminal
from sscard_chip.terminal.bank.terminal import BankPurchase, TerminalProfile
from sscard_cli.bank.options import (
    FEN,
    bank_options,
    connected,
    open_bank,
    payment_document,
    reader_options,
)
from sscard_cli.options import INTERFACES, amount_option, json_option, pin_option
from sscard_cli.output import print_json, say
from sscard_cli.pos.options import pin_entry


@click.command()
@reader_options
@amount_option("Amount of the purchase", "1000", fen=FEN)
@click.option(
    "--interface",
    type=INTERFACES,
    default="contact",
    show_default=True,
    help="How the card is held to the terminal.  Example: --interface contactless",
)
@click.option(
    "--ecash",
    is_flag=True,
    help="The terminal offers electronic cash and asks no issuer for it; with contacts, for cards"
    " with PDOL.",
)
@click.option(
    "--offline", is_flag=True, help="The terminal cannot reach the issuer: the card decides."
)
@click.option("--decline", is_flag=True, help="The issuer has no money for it (51).")
@pin_option("What the holder types when the card asks for its bank PIN, with contacts.")
@bank_options(required=False)
@json_option
def pay(
    card_path: Path | None,
    reader: str | None,
    amount_fen: int,
    interface: str,
    ecash: bool,
    offline: bool,
    decline: bool,
    pin: str | None,
    bank_roots: str | None,
    bank_passphrase_file: Path | None,
    authority_path: Path | None,
    as_json: bool,
) -> None:
    """Pay with a card at a test terminal, whose issuer has the keys of --bank-keys.

    With contacts the issuer is asked; without, electronic cash pays off-line where it can. With
    --bank-authority the terminal knows the bank's certificates. Exit code 1: not paid.

    \b
    Example:
      sscard bank pay zhang.ssc --amount-fen 1000 --bank-keys bank.json
      sscard bank pay zhang.ssc --amount-fen 200 --interface contactless --offline
    """
    if offline == (bank_roots is not None):
        raise click.UsageError("either --offline or the issuer's --bank-keys")
    if decline and offline:
        raise click.UsageError("--decline is an answer of the issuer")
    contactless = interface == "contactless"
    if contactless and (ecash or pin is not None):
        raise click.UsageError("--ecash and --pin are for --interface contact")
    typed = pin_entry(pin)
    code = NOT_SUFFICIENT if decline else APPROVED
    with ExitStack() as stack:
        issuer, authorities = None, {}
        if bank_roots is not None:
            own = stack.enter_context(open_bank(bank_roots, bank_passphrase_file, authority_path))
            issuer = IssuerHost(own.store, lambda _request, _data: code)
        if authority_path is not None:
            authorities = BankAuthority.load(authority_path).for_terminals()
        connection = stack.enter_context(connected(card_path, reader, contactless=contactless))
        profile = TerminalProfile(
            authorities=authorities,
            pin_pad=pin is not None,
            floor_limit_fen=amount_fen + 1 if ecash else 0,
        )
        purchase = BankPurchase(amount_fen, datetime.now(), ecash=ecash)
        connection.power_on()
        if contactless:
            outcome = ContactlessTerminal(profile, issuer).pay(connection, purchase)
        else:
            outcome = PaymentTerminal(profile, issuer, typed).pay(connection, purchase)
    document = payment_document(outcome, amount_fen)
    if as_json:
        print_json(document)
    else:
        _print_outcome(document)
    if not outcome.decision.approved:
        click.get_current_context().exit(1)


@click.command()
@reader_options
@amount_option("What is added to the electronic cash", "20000", fen=FEN)
@bank_options()
@json_option
def load(
    card_path: Path | None,
    reader: str | None,
    amount_fen: int,
    bank_roots: str,
    bank_passphrase_file: Path | None,
    authority_path: Path | None,
    as_json: bool,
) -> None:
    """Load the electronic cash (电子现金圈存) of a card, by a script of the issuer.

    \b
    Example:
      sscard bank load zhang.ssc --amount-fen 20000 --bank-keys bank.json
    """
    with (
        open_bank(bank_roots, bank_passphrase_file, authority_path) as own,
        connected(card_path, reader) as connection,
    ):
        balance_fen = load_electronic_cash(connection, own, amount_fen)
    if as_json:
        print_json({"loaded_fen": amount_fen, "balance_fen": balance_fen})
    else:
        say(f"loaded {yuan(amount_fen)} yuan, balance {yuan(balance_fen)} yuan")


def _print_outcome(document: dict[str, Any]) -> None:
    say(f"{document['decision']}: {yuan(document['amount_fen'])} yuan, {document['pan']}")
    say(f"{document['label']} {document['aid']}, ATC {document['atc']}")
    if document["response_code"] is not None:
        say(f"issuer: {document['response_code']}")
    bits = ", ".join(document["tvr_bits"])
    say(f"TVR {document['tvr']}{': ' if bits else ''}{bits}")
    say(f"TSI {document['tsi']}, cryptogram {document['cryptogram']}")
    for script in document["scripts"]:
        say(f"script: {' '.join(script['status_words'])}")
