# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: the register of persons, and what an institution has in stock."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from sscard_chip import Card
from sscard_chip.settlement.credential import CredentialStore
from sscard_chip.settlement.platform.images import persons_of
from sscard_chip.settlement.platform.persons import write_persons
from sscard_chip.settlement.platform.stock import levels
from sscard_cli.options import FILE, force_option, json_option, out_option
from sscard_cli.output import print_json, say, write_file
from sscard_cli.settle.options import ledger_option, open_ledger, pharmacy_option


@click.command()
@click.argument("paths", metavar="CARD.ssc...", nargs=-1, required=True, type=FILE)
@out_option("PERSONS.tsv", "The register to write.", "persons.tsv")
@force_option
def persons(paths: tuple[Path, ...], out: Path, force: bool) -> None:
    """Write a register of the holders of card images, for sscard settle serve --persons.

    It is a table with a header line: further columns (insutype, psn_type, ec_token, filings …)
    and persons are added in any editor, see docs/platform.md. It has names and identity numbers.

    \b
    Example:
      sscard settle persons zhang.ssc li.ssc --out persons.tsv
    """
    with ExitStack() as stack:
        found = persons_of((str(path), stack.enter_context(Card.open(path))) for path in paths)
    write_file(out, lambda path: write_persons(path, found), force=force)
    say(f"{out}: {len(found)} persons")


@click.command()
@pharmacy_option
@ledger_option
@json_option
def stock(pharmacy: str, ledger_url: str, as_json: bool) -> None:
    """What an institution has of each batch, by its messages 3501 to 3507.

    \b
    Example:
      sscard settle stock --pharmacy P51010000001 --ledger city.db
    """
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        found = levels(t, pharmacy)
    if as_json:
        rows = [
            {
                "batch": one.batch,
                "goods": one.goods,
                "name": one.name,
                "quantity": str(one.quantity),
            }
            for one in found
        ]
        print_json({"pharmacy": pharmacy, "stock": rows})
        return
    for one in found:
        click.echo(f"{one.batch}\t{one.goods}\t{one.name}\t{one.quantity.normalize():f}")
    say(f"{pharmacy}: {len(found)} batches")


@click.command()
@click.argument("path", metavar="CARD.ssc", type=FILE)
@ledger_option
@json_option
def qr(path: Path, ledger_url: str, as_json: bool) -> None:
    """Print what the QR code of a card's electronic credential (医保电子凭证) says: 28 digits.

    They are read once, within 60 s, by the service of sscard settle serve; those of a card that
    may not pay, which is lost or expired, are not to be had. --json gives the token as well.

    \b
    Example:
      sscard settle qr zhang.ssc --ledger city.db
    """
    with Card.open(path) as card:
        (person,) = persons_of([(str(path), card)])
    (card_sn,) = person.card_id_codes
    with open_ledger(ledger_url) as ledger:
        store = CredentialStore(ledger)
        shown = store.new_code(card_sn)
        token = store.token(card_sn)
    if as_json:
        print_json({"code": shown.code, "until": shown.until, "token": token})
    else:
        click.echo(shown.code)
