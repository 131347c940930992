# SPDX-License-Identifier: Apache-2.0
"""``sscard demo``: a card of each generation from its keys to a pharmacy debit, explained."""

from __future__ import annotations

import os
import tempfile
from itertools import cycle
from pathlib import Path

import click

from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.psam import make_psam
from issuance.roots import create_roots
from sscard_chip import Card
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.profile.generations import generations
from sscard_chip.standard.errors import ExtraMissingError, require
from sscard_cli.demo.bank import ACCOUNT, create_bank, pay
from sscard_cli.demo.certificates import certify
from sscard_cli.demo.metro import RIDER, create_transport, ride
from sscard_cli.demo.pcsc import show_to_pcsc
from sscard_cli.demo.pharmacy import sell
from sscard_cli.demo.terminal import DemoTerminal

# Invented people: common names, and numbers whose area 990000 does not exist.
HOLDERS = (
    {
        "social_security_number": "99000019650312001X",
        "name": "张建国",
        "sex": "1",
        "nation": "01",
        "birthplace": "510104",
        "birth_date": "19650312",
        "card_number": "A10000015",
        "city": "510100",
        "account": {"balance_fen": 20000},
    },
    {
        "social_security_number": "990000198807040026",
        "name": "李秀英",
        "sex": "2",
        "nation": "01",
        "birthplace": "330106",
        "birth_date": "19880704",
        "card_number": "B20000024",
        "city": "330100",
        "account": {"balance_fen": 0},
    },
    {
        "social_security_number": "990000200105060049",
        "name": "古丽娜尔·阿不都热依木·买买提明江",
        "sex": "2",
        "nation": "05",
        "birthplace": "650100",
        "birth_date": "20010506",
        "card_number": "C30000033",
        "city": "440300",
        "account": {"balance_fen": 130050},
    },
)


@click.command()
def demo() -> None:
    """Issue a card of each generation, power it on, authenticate, read, load and debit it; then
    pay with one from its bank account, at the gates of a metro and in a pharmacy, sign with its
    certificate, and settle the sale.

    Nothing is kept on disk. Where pcscd with vpcd is installed the last card is also shown to
    them.

    \b
    Example:
      sscard demo
    """
    roots, bank = create_roots(), create_bank(os.urandom)
    transport = create_transport(os.urandom)
    click.echo("Root keys: random, for both algorithm suites")
    for generation, person in zip(generations(), cycle(HOLDERS), strict=False):
        last = generation is generations()[-1]
        linked = {"bank": ACCOUNT, "transport": RIDER, "certificates": {}} if last else {}
        holder = Holder.from_object(person | linked)
        # A card of generation 1 has an account only where the region settles off-line.
        profile = for_generation(generation.number, settlement_mode=SettlementMode.OFFLINE)
        card = Card(
            issue_card(
                generation.number, roots, holder, profile=profile, bank=bank, transport=transport
            )
        )
        click.secho(
            f"\nGeneration {generation.version[:3]}: a card for {holder.name}, {holder.city}",
            bold=True,
        )
        terminal = DemoTerminal(card, profile, roots, holder.city, click.echo)
        terminal.open_environment()
        terminal.authenticate_card()
        terminal.read_issuer_data()
        terminal.read_holder()
        terminal.open_account(holder.pin or "")
        terminal.load(50000)
        terminal.debit(account_fen=12850, self_paid_fen=0, pooled_fen=3000)
    click.secho("\nPC/SC: the same card in a virtual reader", bold=True)
    show_to_pcsc(card, click.echo)
    click.secho("\nBank: the same card pays from its linked account", bold=True)
    pay(card, bank, click.echo)
    click.secho("\nMetro: the same card goes in and out at the gates", bold=True)
    ride(card, transport, click.echo)
    click.secho("\nCertificates: the same card signs", bold=True)
    try:
        certify(card, holder.name, click.echo)
    except ExtraMissingError as error:
        click.echo(f"  not shown: {error}")
    click.secho("\nPharmacy: the same card pays at a till", bold=True)
    psam = Card(make_psam(roots, level=3, terminal_id=f"{holder.city}000001", city=holder.city))
    with tempfile.TemporaryDirectory() as folder:
        day = Path(folder) / "DAY.tsv"
        sell(card, psam, holder.city, holder.pin or "", day, click.echo)
        click.secho("\nSettlement: the centre takes the day file", bold=True)
        try:
            from sscard_cli.demo.settlement import settle_day
        except ExtraMissingError as error:
            click.echo(f"  not shown: {error}")
        else:
            settle_day(day, card, roots, click.echo)
    click.secho("\nCard services: the card is lost", bold=True)
    try:
        require("service", "card services", "PIL", "argon2", "fastapi", "holidays")
        from sscard_cli.demo.services import serve_citizen
    except ExtraMissingError as error:
        click.echo(f"  not shown: {error}")
    else:
        serve_citizen(card, person, roots, click.echo)
