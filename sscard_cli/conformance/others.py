# SPDX-License-Identifier: Apache-2.0
"""``sscard conformance psam``, ``bank`` and ``terminal``: what else is judged."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which
from typing import Any

import click

from issuance.bank.authority import BankAuthority
from issuance.mutants.workshop import IssuedWorkshop, OurTill, own_secrets
from issuance.roots import create_roots
from sscard_chip.reader.pcscd import find_pcscd
from sscard_chip.standard.commands import READ_BINARY, SELECT
from sscard_chip.standard.escape import escape
from sscard_chip.standard.identifiers import SX1_NAME
from sscard_chip.terminal.conformance import LEVELS
from sscard_chip.terminal.conformance.banking import bank_catalogue, run_bank_suite
from sscard_chip.terminal.conformance.psam import psam_catalogue, run_psam_suite
from sscard_chip.terminal.conformance.subject import ask
from sscard_chip.terminal.conformance.tills import (
    CommandTerminal,
    TerminalMaker,
    run_terminal_suite,
    terminal_catalogue,
)
from sscard_chip.terminal.conformance.tills.command import SALE_SECONDS
from sscard_cli.bank.options import bank_options, open_bank
from sscard_cli.conformance.reports import Reports, report_options
from sscard_cli.conformance.subjects import (
    consent,
    destroy_option,
    interface_option,
    level_option,
    most_option,
    open_target,
    require_one,
    require_pin,
    target_options,
)
from sscard_cli.errors import RefusedError
from sscard_cli.named import named_function
from sscard_cli.options import pin_option
from sscard_cli.stores import keys_option, open_keys

_OURS = "ours"
_SERIAL = READ_BINARY.apdu(0x95, 0x01, le=10)
_SX1 = SELECT.apdu(0x04, 0x00, SX1_NAME)


@click.command()
@target_options
@level_option
@keys_option(required=False, use=" of the cards, for cryptograms")
@click.option(
    "--city",
    metavar="DIGITS",
    help="The area whose keys it has, 6 digits; else the first digits of its terminal's number."
    "  Example: --city 510100",
)
@click.option(
    "--own-keys",
    is_flag=True,
    help="Its own keys come from --keys and its serial number, as sscard psam makes them:"
    " for the cases that bring keys into it.",
)
@destroy_option
@most_option
@report_options
def psam(
    card_path: Path | None,
    reader: str | None,
    factory: str | None,
    roots: str | None,
    passphrase_file: Path | None,
    city: str | None,
    own_keys: bool,
    destroy: str | None,
    level: str,
    most_commands: int,
    **report: Any,
) -> None:
    """Judge a PSAM: files, session keys, MAC1 and MAC2, in the environments that it has.

    The level read changes nothing, session uses its keys, write takes transaction numbers,
    destructive gives wrong proofs and brings keys into it.

    \b
    Example:
      sscard conformance psam --card psam.ssc --keys roots.json --level write --out psam.html
      sscard conformance psam --reader 'PCD 00 01'
    """
    require_one(card_path, reader, factory)
    if city is not None and (len(city) != 6 or not city.isdecimal()):
        raise click.UsageError("--city: must be 6 digits")
    if own_keys and roots is None:
        raise click.UsageError("--own-keys needs --keys")
    reports = Reports(**report)
    reports.check()
    resumed = reports.resumed(psam_catalogue())
    with ExitStack() as stack:
        target = open_target(stack, card_path, reader, factory)
        consent(target, LEVELS[level], destroy)
        store = stack.enter_context(open_keys(roots, passphrase_file)) if roots else None
        own = None
        if own_keys and store is not None:
            connection = target.connect()
            connection.power_on()
            ask(connection, _SX1)
            own = own_secrets(store, ask(connection, _SERIAL)[0] or bytes(10))
        with reports.progress() as observer:
            found = run_psam_suite(
                target,
                city=city or "",
                store=store,
                own=own,
                level=LEVELS[level],
                only=reports.only,
                observer=observer,
                resumed=resumed,
                most_commands=most_commands,
            )
    reports.finish(found)


@click.command()
@target_options
@interface_option
@level_option
@bank_options(required=False)
@pin_option("The bank PIN. Without it none is ever sent.")
@destroy_option
@most_option
@report_options
def bank(
    card_path: Path | None,
    reader: str | None,
    factory: str | None,
    bank_roots: str | None,
    bank_passphrase_file: Path | None,
    authority_path: Path | None,
    pin: str | None,
    destroy: str | None,
    interface: str,
    level: str,
    most_commands: int,
    **report: Any,
) -> None:
    """Judge the bank application: what a strict terminal reads, and transactions against our host.

    The level session begins transactions, and with --bank-authority checks certificates and
    signatures; write completes transactions with --bank-keys, destructive gives wrong PINs.

    \b
    Example:
      sscard conformance bank --card zhang.ssc --bank-keys bank.json --level write
      sscard conformance bank --reader 'PCD 00 00' --interface contactless --level session
    """
    require_one(card_path, reader, factory)
    require_pin(pin, 4, 12)
    reports = Reports(**report)
    reports.check()
    resumed = reports.resumed(bank_catalogue())
    with ExitStack() as stack:
        target = open_target(
            stack, card_path, reader, factory, contactless=interface == "contactless"
        )
        consent(target, LEVELS[level], destroy)
        authorities = None
        if authority_path is not None:
            authorities = BankAuthority.load(authority_path).for_terminals()
        store = None
        if bank_roots is not None:
            opened = open_bank(bank_roots, bank_passphrase_file, None)
            store = stack.enter_context(opened).store
        with reports.progress() as observer:
            found = run_bank_suite(
                target,
                interface=interface,
                pin=pin or "",
                store=store,
                authorities=authorities,
                level=LEVELS[level],
                only=reports.only,
                observer=observer,
                resumed=resumed,
                most_commands=most_commands,
            )
    reports.finish(found)


@click.command()
@click.option(
    "--python",
    "factory",
    metavar="MODULE:FACTORY",
    help="A function that is given a workplace and gives a terminal, see the page; without it the"
    " till of this project.  Example: --python myshop:terminal",
)
@click.option(
    "--command",
    metavar="LINE",
    help="A program in any language that finds card and PSAM in PC/SC readers and is told what to"
    " sell in lines of JSON, see the page. No shell reads the line."
    '  Example: --command "./mytill --test"',
)
@click.option(
    "--sale-seconds",
    metavar="SECONDS",
    type=click.IntRange(1, 600),
    default=SALE_SECONDS,
    show_default=True,
    help="How long the program of --command may take for one sale.  Example: --sale-seconds 10",
)
@report_options
def terminal(factory: str | None, command: str | None, sale_seconds: int, **report: Any) -> None:
    """Judge a terminal: cards and PSAMs of our own watch what it does in a sale.

    Order of the steps, PIN, hotlist, expiry, amounts, MAC1 and MAC2, recovery by proof, and every
    command that may fail. Nothing real is touched: cards and keys are made for the run.

    \b
    Example:
      sscard conformance terminal
      sscard conformance terminal --python myshop:terminal --out terminal.html
      sscard conformance terminal --command "java -jar mytill.jar" --out terminal.html
    """
    if factory is not None and command is not None:
        raise click.UsageError("one of --python and --command")
    arguments = None if command is None else _program(command)
    reports = Reports(**report)
    reports.check()
    resumed = reports.resumed(terminal_catalogue())
    with ExitStack() as stack:
        made: TerminalMaker = OurTill
        if arguments is not None:
            stack.enter_context(_quiet_readers())
            made = stack.enter_context(CommandTerminal(arguments, seconds=sale_seconds))
        elif factory not in (None, _OURS):
            made = named_function("--python", str(factory), "MODULE:FACTORY")
        observer = stack.enter_context(reports.progress())
        found = run_terminal_suite(
            made,
            IssuedWorkshop(create_roots()),
            name=command or factory or _OURS,
            only=reports.only,
            observer=observer,
            resumed=resumed,
        )
    reports.finish(found)


@contextmanager
def _quiet_readers() -> Iterator[None]:
    """Cards that fail in the readers are what a case wants, and no news."""
    log = logging.getLogger("sscard_chip.reader")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _program(line: str) -> list[str]:
    """The words of ``--command``, of which the first is a program; and pcscd is there."""
    try:
        words = shlex.split(line)
    except ValueError:
        raise click.UsageError("--command: has a quotation mark that is not closed") from None
    if not words or "\0" in line:
        raise click.UsageError("--command: must be a program and its arguments")
    if which(words[0]) is None:
        raise RefusedError(f"--command: no program {escape(words[0])} can be run")
    find_pcscd()
    return words
