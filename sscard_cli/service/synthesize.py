# SPDX-License-Identifier: Apache-2.0
"""``sscard service synthesize``: invented citizens for the cards of a register."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sscard_cli.options import FILE, FOLDER, file_option, json_option, out_option
from sscard_cli.output import print_json, say


@click.command()
@click.argument("register", metavar="CARDS.tsv", type=FILE)
@file_option(
    "--holders",
    "holders",
    "FILE",
    "A list of sscard batch synthesize, or a HOLDER.json: whose card is in the register is its"
    " holder.  Example: --holders people.csv",
)
@click.option(
    "--months",
    type=click.IntRange(1, 240),
    default=24,
    show_default=True,
    metavar="N",
    help="Months of contributions, up to the register's day.  Example: --months 36",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    metavar="N",
    help="Another number, other people.  Example: --seed 7",
)
@out_option(
    "FOLDER", "A new folder, for persons.jsonl, cards.tsv and photo.jpg.", "people", kind=FOLDER
)
@json_option
def synthesize(
    register: Path, holders: Path | None, months: int, seed: int, out: Path, as_json: bool
) -> None:
    """Invent the persons of a register's cards, with their insurance data; nobody exists.

    What medical insurance has put into an account sums to its opening balance in the register.
    cards.tsv is the register with a person for every card, photo.jpg a drawn one for applications.

    \b
    Example:
      sscard settle synthesize --keys roots.json --out trial
      sscard service synthesize trial/cards.tsv --out people
      sscard settle cards people/cards.tsv --ledger city.db
      sscard service person load people/persons.jsonl \\
        --ledger city.db --service-keys service.keys
    """
    from sscard_service.synthesize import synthesize_persons

    made = synthesize_persons(register, out, holders=holders, months=months, seed=seed)
    if as_json:
        print_json(asdict(made))
    else:
        say(f"{out}: {made.persons} persons, {made.cards} cards, {made.records} records")
