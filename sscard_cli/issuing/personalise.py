# SPDX-License-Identifier: Apache-2.0
"""``sscard personalise``: a blank card becomes a holder's, by real commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from issuance.holder import Holder, HolderError
from issuance.keyfile import KEY_LENGTH, read_key_file
from issuance.personalise import prepare
from issuance.plan import CardTakenError, Plan, make_plan, run_plan, write_script
from sscard_chip import Card
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.profile.blank import make_blank
from sscard_chip.profile.local import load_local_file
from sscard_chip.terminal.connection import Connection, TerminalConnectionError, connect_card
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_chip.terminal.session import open_session
from sscard_cli.errors import RefusedError
from sscard_cli.images import replace_image
from sscard_cli.options import (
    algorithm_option,
    file_option,
    generation_option,
    holder_option,
    json_option,
    local_files_option,
    reader_option,
    serial_option,
    transport_options,
)
from sscard_cli.output import print_json, say
from sscard_cli.stores import keys_option, open_keys

_SERIAL_LENGTH = 4
_LONGEST_LINE = 256


@click.command()
@file_option(
    "--blank",
    "blank_path",
    "CARD.ssc",
    "Blank card image, changed in place; see sscard blank.  Example: --blank blank.ssc",
)
@reader_option("PC/SC reader with a blank card: its name or a part of it.", "'ACS'")
@file_option(
    "--script",
    "script_path",
    "FILE.json",
    "Write the plan as a script for a machine.  Example: --script zhang.plan.json",
)
@generation_option
@keys_option()
@holder_option
@algorithm_option
@serial_option("Serial number; else the one that the blank card has.")
@transport_options
@file_option(
    "--temporary-key-file",
    "temporary_key_file",
    "FILE",
    "Has the temporary master key of the project; without it the transport key and the card's"
    " factor give it.  Example: --temporary-key-file project.key",
)
@local_files_option
@click.option(
    "--force",
    is_flag=True,
    help="Make an image that is another person's blank again first, with nothing of theirs left;"
    " the present card number (卡号) is read from one line of standard input.",
)
@json_option
def personalise(
    blank_path: Path | None,
    reader: str | None,
    script_path: Path | None,
    generation: int,
    roots: str,
    passphrase_file: Path | None,
    holder_path: Path,
    algorithm: str | None,
    serial: bytes | None,
    transport_key_file: Path | None,
    transport_algorithm: str,
    temporary_key_file: Path | None,
    local_paths: tuple[Path, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Personalise a blank card: CREATE FILE, WRITE KEY, FREEZE MF and what follows.

    On an image, on a card in a PC/SC reader, or into a script file for a machine. A card that
    was broken off is taken up again by the same command. One that is another person's already is
    refused: with another number or another card number (卡号).

    \b
    Example:
      sscard blank --generation 3 --out zhang.ssc
      sscard personalise --blank zhang.ssc --generation 3 --keys roots.json --holder zhang.json
    """
    if (blank_path is None) == (reader is None) and not (script_path and not reader):
        raise click.UsageError("one of --blank and --reader, or --script, is needed")
    transport = read_key_file(transport_key_file) if transport_key_file else bytes(KEY_LENGTH)
    temporary = read_key_file(temporary_key_file) if temporary_key_file else None
    holder = Holder.load(holder_path)
    if holder.bank is not None:
        rule = "no command puts an application on a blank card, sscard bank link adds it afterwards"
        raise HolderError(holder.source, "bank", rule)
    if holder.transport is not None:
        rule = "no command puts the application on a blank card"
        raise HolderError(holder.source, "transport", rule)
    if holder.certificates is not None:
        rule = "no command puts the application on a blank card, sscard pki init adds it afterwards"
        raise HolderError(holder.source, "certificates", rule)
    try:
        profile = for_generation(
            generation,
            with_account=holder.account is not None,
            local_files=[load_local_file(path) for path in local_paths],
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with _connected(blank_path, reader) as (connection, card):
        if serial is None and connection is not None:
            serial = connection.power_on()[-_SERIAL_LENGTH:]
        if serial is None:
            raise click.UsageError("--script without a card needs --serial")
        with open_keys(roots, passphrase_file) as store:
            data = prepare(profile, store, holder, algorithm=algorithm, serial=serial)
        plan = make_plan(
            data,
            transport_key=transport,
            transport_algorithm=transport_algorithm,
            temporary_key=temporary,
        )
        if script_path is not None:
            write_script(plan, script_path)
        atr = ""
        if connection is not None:
            try:
                atr = _play(plan, connection)
            except CardTakenError as error:
                if not force:
                    raise RefusedError(f"{error}; --force replaces an image") from None
                if card is None or blank_path is None:
                    rule = "after FREEZE MF no command empties a card; take a blank one"
                    raise RefusedError(f"{error}; {rule}") from None
                _ask_for_present_number(connection)
                again = Card(_blank_again(card, transport, transport_algorithm))
                atr = _play(plan, connect_card(again))
                replace_image(blank_path, again.files.memory)
    if as_json:
        shown = {"generation": generation, "steps": len(plan.steps), "atr": atr or None}
        print_json(shown | {"script": str(script_path) if script_path else None})
        return
    if script_path is not None:
        say(f"{script_path}: script of {len(plan.steps)} steps")
    if atr:
        say(f"{blank_path or reader}: generation {generation}, ATR {atr}")


@contextmanager
def _connected(
    blank_path: Path | None, reader: str | None
) -> Iterator[tuple[Connection | None, Card | None]]:
    """The card to personalise, None for a script alone; and the card of an image itself."""
    if blank_path is not None:
        with Card.open(blank_path) as card:
            yield connect_card(card), card
    elif reader is not None:
        try:
            with PcscConnection(reader) as connection:
                yield connection, None
        except TerminalConnectionError as error:
            raise RefusedError(f"{reader}: {error}") from error
    else:
        yield None, None


def _ask_for_present_number(connection: Connection) -> None:
    """Go on only for one who knows whose card it is; nothing has changed on it yet."""
    if sys.stdin.isatty():
        click.echo("Card number (卡号) of the present card: ", nl=False, err=True)
    typed = sys.stdin.readline(_LONGEST_LINE).strip()
    if not typed or typed != open_session(connection).card_number:
        rule = "the first line of standard input is not the card number (卡号) of the present card"
        raise RefusedError(f"{rule}; nothing was changed")


def _blank_again(card: Card, transport_key: bytes, algorithm: str) -> Memory:
    """The same chip as its maker delivered it: no file, no key, no counter of anybody's."""
    return make_blank(
        transport_key,
        algorithm=algorithm,
        historical_bytes=card.historical_bytes,
        contactless=card.contactless,
    )


def _play(plan: Plan, connection: Connection) -> str:
    """Play the plan, with a bar on a terminal; the card's ATR in the end, in hex."""
    total = len(plan.steps)
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=total, file=sys.stderr, hidden=hidden) as bar:

        def progress(done: int, steps: int, name: str) -> None:
            bar.update(done + total - steps - bar.pos)

        run_plan(plan, connection, progress)
        bar.update(total - bar.pos)
    return connection.atr.hex().upper()
