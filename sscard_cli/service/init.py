# SPDX-License-Identifier: Apache-2.0
"""``sscard service init``: the key file of a service."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_cli.options import json_option
from sscard_cli.output import print_json, say
from sscard_cli.service.options import keys_option
from sscard_cli.settle.options import ledger_option


@click.command()
@ledger_option
@keys_option
@json_option
def init(ledger_url: str, key_path: Path, as_json: bool) -> None:
    """Make the key file of a service, and the ledger if there is none.

    Without the key file nobody reads the persons any more: keep it apart from the database, and
    a copy of it. It is readable by its owner only; one that is there is never replaced.

    \b
    Example:
      sscard service init --ledger city.db --service-keys service.keys
    """
    from sscard_chip.settlement.ledger import Ledger
    from sscard_service.store.secrets import create_key_file

    with Ledger.open(ledger_url) as ledger:
        create_key_file(key_path)
        name = ledger.name
    if as_json:
        print_json({"ledger": name, "keys": str(key_path)})
    else:
        say(f"{key_path}: made; {name} is ready")
