# SPDX-License-Identifier: Apache-2.0
"""Entry point: finds a command without importing the others, and turns errors into one line.

``sscard --help`` imports click and nothing else, so the one-line help of every command stands
here and not beside its code.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from sscard_cli.lazy import LazyGroup

# command -> (module, attribute, one-line help)
COMMANDS: Final = {
    "keys": ("sscard_cli.issuing.keys", "keys", "Root keys: create, show, import, convert."),
    "issue": ("sscard_cli.issuing.issue", "issue", "Issue a card of any generation."),
    "broken": ("sscard_cli.issuing.broken", "broken", "Cards that are broken in one way each."),
    "blank": ("sscard_cli.issuing.blank", "blank", "Make a blank card in its transport state."),
    "personalise": (
        "sscard_cli.issuing.personalise",
        "personalise",
        "Make a blank card a holder's, by commands.",
    ),
    "psam": ("sscard_cli.issuing.psam", "psam", "Make a PSAM, the terminal's card."),
    "batch": ("sscard_cli.issuing.batch", "batch", "Cards for a whole list of holders."),
    "info": ("sscard_cli.card.info", "info", "Show everything on a card, decoded."),
    "edit": ("sscard_cli.card.edit", "edit", "Change a card by what info --json says of it."),
    "apdu": ("sscard_cli.card.apdu", "apdu", "Exchange raw APDUs with a card."),
    "serve": ("sscard_cli.card.serve", "serve", "Put a card into a virtual PC/SC reader."),
    "record": ("sscard_cli.card.record", "record", "Read a card once, to replay it for ever."),
    "relay": (
        "sscard_cli.card.relay",
        "relay",
        "Show a reader's card in another reader.",
    ),
    "doctor": ("sscard_cli.card.doctor", "doctor", "Why a reader or a card does not work."),
    "reader": ("sscard_cli.card.reader", "reader", "Put cards into a virtual reader and out."),
    "driver": ("sscard_cli.card.driver", "driver", "Call a function of the terminal interface."),
    "driver-server": (
        "sscard_cli.card.driver_server",
        "driver_server",
        "Serve a terminal to programs on Windows.",
    ),
    "driver-dlls": (
        "sscard_cli.card.driver_server",
        "driver_dlls",
        "Write the terminal interface for Windows (DLLs).",
    ),
    "bridge": ("sscard_cli.card.bridge", "bridge", "Let pages in a browser read cards."),
    "shell": ("sscard_cli.card.shell", "shell", "Talk to a card in short lines."),
    "pos": ("sscard_cli.pos", "pos", "A pharmacy's till: sales, refunds, day file."),
    "bank": ("sscard_cli.bank", "bank", "The linked bank account: link, activate, pay, load."),
    "purse": ("sscard_cli.bank.purse", "purse", "Deposit and purse: load, pay, unload."),
    "pki": ("sscard_cli.pki", "pki", "Certificates: key pair, certificates, sign, verify."),
    "transit": ("sscard_cli.transit", "transit", "Transport cards: gates, buses, desk, centre."),
    "settle": ("sscard_cli.settle", "settle", "A settlement centre: cards, accounts, debits."),
    "service": ("sscard_cli.service", "service", "Card services: enquiry, loss, replacement."),
    "conformance": (
        "sscard_cli.conformance",
        "conformance",
        "Judge a card by the standard.",
    ),
    "schema": ("sscard_cli.schema", "schema", "Formats of files: list them, print one."),
    "demo": ("sscard_cli.demo", "demo", "Issue, read and debit a card of each generation."),
    "completion": ("sscard_cli.completion", "completion", "Print the shell completion script."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sscard-chip", prog_name="sscard")
@click.option("--debug", is_flag=True, help="On an error show the whole traceback too.")
def cli(debug: bool) -> None:
    """The Chinese social security card (社会保障卡) as software.

    Exit code: 0 done, 1 a refused operation, 2 wrong usage or bad input.

    \b
    Example:
      sscard keys create roots.json
      sscard issue --generation 3 --keys roots.json --holder zhang.json --out zhang.ssc
      sscard info zhang.ssc
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; errors are one line on stderr."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        # of another encoding, as GBK or ASCII: a character that it lacks is shown by its number
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        # click returns the code of ctx.exit(), or what the command returned: None
        result: Any = cli.main(arguments, prog_name="sscard", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", 130)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if "--debug" in arguments:
            import traceback

            traceback.print_exc()
        from sscard_cli.errors import explain

        return _fail(*explain(error))


def _fail(message: str, code: int) -> int:
    click.echo(f"sscard: error: {message}", err=True)
    return code
