# SPDX-License-Identifier: Apache-2.0
"""``sscard transit settle`` and ``statement``: the centre of a city's transport."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click

from sscard_chip.dayfile.transit import read_transit_day
from sscard_chip.settlement.transit import TapVerdict, book_day, operators
from sscard_chip.settlement.transit.codes import NAMES
from sscard_chip.standard.amounts import yuan
from sscard_chip.wholefile import whole_file
from sscard_cli.issuing.transport import open_transport, transport_options
from sscard_cli.options import FILE, force_option, json_option
from sscard_cli.output import print_json, refuse_to_overwrite, say
from sscard_cli.settle.options import ledger_option, open_ledger


@click.command()
@click.argument("days", metavar="DAY.trd...", nargs=-1, required=True, type=FILE)
@transport_options(required=True)
@ledger_option
@click.option(
    "--verdicts",
    "out",
    type=FILE,
    metavar="FILE.tsv",
    help="Write a row a tap: file, tap from 1, code.  Example: --verdicts taps.tsv",
)
@force_option
@json_option
def settle(
    days: tuple[Path, ...],
    transport_roots: str,
    transport_passphrase_file: Path | None,
    ledger_url: str,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Verify the TACs of day files and book each tap once; what comes again is seen.

    Codes: 0 booked, 1 wrong TAC, 2 another tap has its number, 6 field or sums, 8 no key for its
    issuer, 104 without TAC, 106 booked before.

    \b
    Example:
      sscard transit settle gate-*.trd --transport-keys transport.json --ledger city.db
    """
    if out is not None:
        refuse_to_overwrite(out, force=force)
    found, lines = [], []
    with ExitStack() as stack:
        issuer = stack.enter_context(open_transport(transport_roots, transport_passphrase_file))
        ledger = stack.enter_context(open_ledger(ledger_url, create=True))
        for path in days:
            booked = book_day(ledger, read_transit_day(path), issuer.store)
            verdicts = {int(one): booked.count(one) for one in TapVerdict if booked.count(one)}
            found.append(
                {
                    "day_file": str(path),
                    "taps": len(booked.verdicts),
                    "booked": booked.booked,
                    "amount_fen": booked.amount_fen,
                    "entry": booked.entry,
                    "verdicts": verdicts,
                }
            )
            if not as_json:
                say(
                    f"{path}: {len(booked.verdicts)} taps, {booked.booked} booked,"
                    f" {yuan(booked.amount_fen)} yuan"
                )
                for code, count in verdicts.items():
                    if code != TapVerdict.BOOKED:
                        say(f"  {code} {NAMES[TapVerdict(code)]}: {count}")
            lines += [f"{path}\t{at}\t{code}\n" for at, code in enumerate(booked.verdicts, 1)]
    if out is not None:
        with whole_file(out) as part:
            part.write_text("".join(("file\ttap\tcode\n", *lines)), encoding="utf-8")
    if as_json:
        print_json({"day_files": found})


@click.command()
@ledger_option
@json_option
def statement(ledger_url: str, as_json: bool) -> None:
    """What each operator is owed for the journeys that are booked.

    \b
    Example:
      sscard transit statement --ledger city.db
    """
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        found = operators(t)
    if as_json:
        print_json({"operators": [asdict(one) for one in found]})
        return
    for one in found:
        counts = f"{one.entries} entries, {one.exits} exits, {one.updates} updates"
        say(f"operator {one.merchant}: {counts}, {one.locks} locks,", nl=False)
        say(f" {yuan(one.amount_fen)} yuan; owed {yuan(one.owed_fen)} yuan")
