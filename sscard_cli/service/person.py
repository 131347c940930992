# SPDX-License-Identifier: Apache-2.0
"""``sscard service person``: persons and their insurance data."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from sscard_chip.standard.dates import TIME
from sscard_cli.options import FILE, json_option
from sscard_cli.output import print_json
from sscard_cli.service.options import keys_option
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
        click.echo(
            f"{done.added} persons added, {done.changed} changed, {done.same} the same;"
            f" {done.records} records"
        )
