# SPDX-License-Identifier: Apache-2.0
"""``sscard transit issue-keys`` and ``load``: what needs the transport issuer's keys."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import click

from issuance.psam import make_transport_psam
from sscard_chip import Card
from sscard_chip.standard.amounts import MAX_COUNTER, yuan
from sscard_chip.standard.dates import TIME, is_digits
from sscard_chip.standard.errors import CardReaderError
from sscard_chip.standard.identifiers import TRANSIT_AID
from sscard_chip.standard.purse_transactions import TransactionType
from sscard_chip.terminal.bank.purse_host import TRANSPORT_ROOTS, PurseHost
from sscard_chip.terminal.bank.purse_terminal import PurseTerminal
from sscard_cli.bank.options import connected, reader_options
from sscard_cli.errors import RefusedError
from sscard_cli.images import write_image
from sscard_cli.issuing.transport import open_transport, transport_options
from sscard_cli.options import (
    ALGORITHMS,
    amount_option,
    check_time,
    force_option,
    json_option,
    out_option,
    time_option,
)
from sscard_cli.output import print_json, refuse_to_overwrite, say

_LOAD: Final = TransactionType.PURSE_LOAD


@click.command()
@transport_options(required=True)
@click.option(
    "--algorithm",
    type=ALGORITHMS,
    help="The environment that gets keys; both without it.  Example: --algorithm 3des",
)
@click.option(
    "--terminal-id",
    required=True,
    metavar="12DIGITS",
    help="终端机编号 of the gate.  Example: --terminal-id 510100000001",
)
@click.option(
    "--serial",
    metavar="DIGITS",
    help="PSAM序列号, up to 20 digits; else random.  Example: --serial 51010000000100000001",
)
@out_option("PSAM.ssc", "Image file to write.", "gate.ssc", "psam_path")
@force_option
@json_option
def issue_keys(
    transport_roots: str,
    transport_passphrase_file: Path | None,
    algorithm: str | None,
    terminal_id: str,
    serial: str | None,
    psam_path: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Give the transport issuer's keys to a gate, a bus or a desk: make its PSAM.

    The issuer's root keys are made by sscard keys create --transport. The PSAM has two of them,
    for purchases and for the lock of cards.

    \b
    Example:
      sscard transit issue-keys --transport-keys t.json --terminal-id 510100000001 --out p.ssc
    """
    refuse_to_overwrite(psam_path, force=force)
    with open_transport(transport_roots, transport_passphrase_file) as issuer:
        memory = make_transport_psam(
            issuer.store, terminal_id=terminal_id, algorithm=algorithm, serial=serial
        )
    card = Card(memory)
    write_image(psam_path, card, force=force)
    atr = card.atr.hex().upper()
    if as_json:
        print_json({"psam": str(psam_path), "terminal": terminal_id, "atr": atr})
    else:
        say(f"{psam_path}: PSAM of transport, terminal {terminal_id}, ATR {atr}")


@click.command()
@reader_options
@transport_options(required=True)
@amount_option("What is loaded; with --prove, what was to be", "5000")
@click.option(
    "--prove",
    "number",
    type=click.IntRange(0, MAX_COUNTER - 1),
    metavar="NUMBER",
    help="After a cut: was the load done that the card opened with this number (联机交易序号)?"
    " Loads nothing.  Example: --prove 4",
)
@click.option(
    "--terminal-id",
    default="000000000001",
    show_default=True,
    metavar="12DIGITS",
    help="终端机编号.  Example: --terminal-id 510100000001",
)
@time_option("Local time")
@json_option
def load(
    transport_roots: str,
    transport_passphrase_file: Path | None,
    amount_fen: int,
    number: int | None,
    terminal_id: str,
    when: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Load the purse of a transport application (圈存); the issuer's host checks MAC1 and TAC.

    A load that is cut off says its number, terminal and time. The same line with these and with
    --prove asks the card for its proof (GET TRANSACTION PROVE), which the host checks: done, or
    not, and then it can be made again. The card keeps the proof of its last transaction only.

    \b
    Example:
      sscard transit load card.ssc --amount-fen 5000 --transport-keys transport.json
      sscard transit load card.ssc --amount-fen 5000 --transport-keys transport.json \\
        --prove 4 --time 20260315101112
    """
    if not is_digits(terminal_id, 12):
        raise click.UsageError("--terminal-id: must be 12 digits")
    if number is not None and when is None:
        raise click.UsageError("--prove: needs the --time of the load")
    now = bytes.fromhex(check_time(when) or time.strftime(TIME))
    with (
        open_transport(transport_roots, transport_passphrase_file) as issuer,
        connected(options["card_path"], options["reader"], contactless=True) as connection,
    ):
        connection.power_on()
        terminal = PurseTerminal(connection, bytes.fromhex(terminal_id), aid=TRANSIT_AID)
        terminal.select()
        host = PurseHost(issuer.store, roots=TRANSPORT_ROOTS)
        if number is not None:
            balance = terminal.credited(host, _LOAD, amount_fen, number, now)
        else:
            opened = terminal.initialize(_LOAD, amount_fen)
            number = opened.number
            try:
                terminal.credit(host, opened, now)
            except CardReaderError as error:
                asks = f"--prove {number} --time {now.hex()} --terminal-id {terminal_id}"
                raise RefusedError(
                    f"load {number} was cut off ({error}): ask with {asks}"
                ) from None
            balance = opened.balance_fen + amount_fen
    done = balance is not None
    if as_json:
        facts = {"number": number, "amount_fen": amount_fen if done else 0}
        print_json({**facts, "balance_fen": balance, "done": done})
    elif balance is None:
        say(f"load {number}: not done, the card has no proof of it; load again")
    else:
        say(f"load {number}: {yuan(amount_fen)} yuan, purse {yuan(balance)} yuan")
