# SPDX-License-Identifier: Apache-2.0
"""``sscard service person``: persons and their insurance data."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from issuance.privatefile import write_private
from sscard_chip.standard.dates import TIME
from sscard_cli.options import FILE, json_option, out_option
from sscard_cli.output import print_json, say, write_file
from sscard_cli.service.options import centre_options, keys_option, open_centre
from sscard_cli.settle.options import ledger_option


@click.group()
def person() -> None:
    """Persons and their insurance data.

    \b
    Example:
      sscard service person load persons.jsonl --ledger city.db --service-keys service.keys
    """


@person.command()
@click.argument("path", metavar="PERSONS.jsonl", type=FILE)
@ledger_option
@keys_option
@json_option
def load(path: Path, ledger_url: str, key_path: Path, as_json: bool) -> None:
    """Load persons with their insurance data: JSON lines, sscard-persons/1.

    A file may come again: of a person who is there only what has changed is kept, as a new
    version. The cards of a person are those of the register with the same psn_no.

    \b
    Example:
      sscard service person load persons.jsonl --ledger city.db --service-keys service.keys
    """
    from sscard_chip.settlement.ledger import Ledger
    from sscard_service.loading import load_persons
    from sscard_service.store.secrets import ServiceKeys

    keys = ServiceKeys.load(key_path)
    with Ledger.open(ledger_url, create=False) as ledger:
        done = load_persons(ledger, keys, path, datetime.now().strftime(TIME))
    if as_json:
        print_json(asdict(done))
    else:
        say(
            f"{done.added} persons added, {done.changed} changed, {done.same} the same;"
            f" {done.records} records"
        )


@person.command()
@click.argument("identity", metavar="IDENTITY")
@out_option("FILE.json", "The file to write, for its owner only.", "lin.json")
@centre_options
def export(
    identity: str, out: Path, ledger_url: str, key_path: Path, region_path: Path | None
) -> None:
    """Write all that the service keeps of a person: for the person who asks for it.

    \b
    Example:
      sscard service person export 990000200102030012 --out lin.json \\
        --ledger city.db --service-keys service.keys
    """
    with open_centre(ledger_url, key_path, region_path) as centre:
        from sscard_service.disclosure import export_person

        document = export_person(centre, identity)
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    write_file(out, lambda path: write_private(path, text.encode()), force=False)
    say(f"{out}: written")


@person.command()
@click.argument("identity", metavar="IDENTITY")
@click.option("--yes", is_flag=True, help="Do it: what is enciphered is lost for good.")
@centre_options
@json_option
def erase(
    identity: str,
    yes: bool,
    ledger_url: str,
    key_path: Path,
    region_path: Path | None,
    as_json: bool,
) -> None:
    """Delete a person's key: name, number, documents are readable to nobody any more.

    Books, states of cards and the audit stay, under numbers that lead to nobody.

    \b
    Example:
      sscard service person erase 990000200102030012 --yes \\
        --ledger city.db --service-keys service.keys
    """
    if not yes:
        raise click.UsageError("--yes is needed: this cannot be undone")
    with open_centre(ledger_url, key_path, region_path) as centre:
        from sscard_service.disclosure import erase

        erase(centre, identity)
    if as_json:
        print_json({"erased": True})
    else:
        click.echo("erased")
