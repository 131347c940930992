# SPDX-License-Identifier: Apache-2.0
"""``sscard driver``: any function of the terminal interface (LD/T 33) by its name."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from sscard_chip import Card
from sscard_chip.terminal.addresses import KeyAddresses
from sscard_chip.terminal.connection import Connection, Slots
from sscard_chip.terminal.driver import (
    FUNCTIONS,
    Driver,
    PinCancelledError,
    PinPad,
    PinPrompt,
    Settings,
)
from sscard_chip.terminal.driver.with_hsm import (
    HSM_FUNCTIONS,
    StepResult,
    hsm_parameters,
    run_with_hsm,
)
from sscard_chip.terminal.hsm import Hsm
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_cli.options import INTERFACES, file_option, json_option, pin_option, reader_option
from sscard_cli.output import print_json, say
from sscard_cli.stores import keys_option, open_keys


def _complete(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    return [CompletionItem(name) for name in _names() if name.startswith(incomplete)]


def _names() -> list[str]:
    return [*FUNCTIONS, *HSM_FUNCTIONS]


@click.command()
@click.argument("function", metavar="FUNCTION", shell_complete=_complete)
@click.argument("arguments", metavar="[ARG ...]", nargs=-1)
@file_option("--card", "card_path", "CARD.ssc", "Card image.  Example: --card z.ssc")
@reader_option("PC/SC reader with the card, by its name or part of it.", "'PCD 00 00'")
@file_option("--psam", "psam_path", "PSAM.ssc", "PSAM image.  Example: --psam p.ssc")
@reader_option("PC/SC reader with the PSAM.", "'PCD 00 01'", name="--psam-reader")
@pin_option("What is typed when the PIN is asked for; asked at the terminal without it.")
@pin_option("What is typed, twice, when a new PIN is asked for.", "--new-pin", "246802")
@keys_option(required=False, use=" of the HSM that answers NAME_HSM")
@file_option(
    "--addresses",
    "addresses_path",
    "FILE.json",
    "Key addresses of the HSM, beside the published ones.  Example: --addresses hsm.json",
)
@click.option(
    "--interface",
    type=INTERFACES,
    help="Slot that the card is in; an image is in all that the card has, a reader in the contact"
    " slot.  Example: --interface contactless",
)
@click.option(
    "--device-number", metavar="TEXT", help="终端设备号.  Example: --device-number T0000001"
)
@json_option
def driver(
    function: str,
    arguments: tuple[str, ...],
    card_path: Path | None,
    reader: str | None,
    psam_path: Path | None,
    psam_reader: str | None,
    pin: str | None,
    new_pin: str | None,
    roots: str | None,
    passphrase_file: Path | None,
    addresses_path: Path | None,
    interface: str | None,
    device_number: str | None,
    as_json: bool,
) -> None:
    """Call FUNCTION of the terminal interface, such as iReadCardBas, with its parameters.

    Prints the return code and, on the next line, pOutInfo. With --keys, FUNCTION_HSM plays all
    steps of an HSM function, with these keys in the HSM; each step's code and output is printed.
    The exit code is 0 for return code 0, else 1.

    \b
    Example:
      sscard driver iReadCardBas 1 --card zhang.ssc --psam psam.ssc
      sscard driver iReadCardBas_HSM 1 --card zhang.ssc --keys roots.json
      sscard driver iReadDebitRecord 1 --reader 'PCD 00 00' --pin 135790
    """
    if (card_path is None) == (reader is None) or (psam_path and psam_reader):
        raise click.UsageError("one of --card and --reader, at most one of --psam, --psam-reader")
    values = _convert(function, arguments)
    addresses = KeyAddresses.load(addresses_path) if addresses_path else KeyAddresses()
    settings = Settings(addresses=addresses)
    if device_number is not None:
        settings = Settings(addresses=addresses, device_number=device_number)
    with ExitStack() as stack:
        slots = _slots(stack, card_path, reader, psam_path, psam_reader, interface)
        terminal = Driver(slots, pin_pad=_pin_pad(pin, new_pin), settings=settings)
        if function in HSM_FUNCTIONS:
            if roots is None:
                raise click.UsageError(f"{function} needs --keys for the HSM")
            hsm = Hsm(stack.enter_context(open_keys(roots, passphrase_file)), addresses)
            steps = run_with_hsm(terminal, hsm, function, *values)
        else:
            steps = [StepResult(function, *FUNCTIONS[function].call(terminal, *values))]
        terminal.close()
    if as_json:
        print_json([{"function": s.function, "code": s.code, "output": s.output} for s in steps])
    else:
        for step in steps:
            head = f"{step.function} " if len(steps) > 1 else ""
            say(f"{head}{step.code}")
            if step.output:
                say(step.output)
    if steps[-1].code:
        click.get_current_context().exit(1)


def _convert(function: str, arguments: tuple[str, ...]) -> list[int | str]:
    """The arguments in the types of the function's parameters. They are not quoted in errors."""
    if function in HSM_FUNCTIONS:
        parameters = hsm_parameters(function)
    elif function in FUNCTIONS:
        parameters = FUNCTIONS[function].parameters
    else:
        raise click.UsageError(f"no such function; there are {', '.join(_names())}")
    names = " ".join(parameter.name for parameter in parameters)
    if len(arguments) != len(parameters):
        raise click.UsageError(f"{function} takes {len(parameters)} arguments: {names}")
    values: list[int | str] = []
    for parameter, text in zip(parameters, arguments, strict=True):
        if parameter.type is str:
            values.append(text)
        elif text.isascii() and text.isdecimal():
            values.append(int(text))
        else:
            raise click.UsageError(f"{parameter.name} must be a number")
    return values


def _slots(
    stack: ExitStack,
    card_path: Path | None,
    reader: str | None,
    psam_path: Path | None,
    psam_reader: str | None,
    interface: str | None,
) -> Slots:
    contact: Connection | None
    contactless: Connection | None
    psam: Connection | None = None
    if psam_path is not None:
        psam = Slots.of_card(stack.enter_context(Card.open(psam_path))).contact
    elif psam_reader is not None:
        psam = _reader(stack, psam_reader)
    if card_path is not None:
        slots = Slots.of_card(stack.enter_context(Card.open(card_path)))
        contact, contactless = slots.contact, slots.contactless
    else:
        contact = contactless = _reader(stack, reader or "")
        if interface is None:
            contactless = None
    if interface == "contact":
        contactless = None
    elif interface == "contactless":
        contact = None
    return Slots(contact, contactless, psam)


def _reader(stack: ExitStack, name: str) -> Connection:
    return stack.enter_context(PcscConnection(name))


def _pin_pad(pin: str | None, new_pin: str | None) -> PinPad:
    """The options as a PIN pad; what they do not say is asked for where a person sits."""
    questions = {
        PinPrompt.CURRENT: ("PIN", pin),
        PinPrompt.PAYMENT: ("PIN, to pay", pin),
        PinPrompt.NEW: ("new PIN", new_pin),
        PinPrompt.REPEAT: ("new PIN again", new_pin),
    }

    def ask(prompt: PinPrompt) -> str:
        text, typed = questions[prompt]
        if typed is not None:
            return typed
        if not sys.stdin.isatty():
            raise PinCancelledError
        try:
            answer: str = click.prompt(text, hide_input=True, err=True)
        except click.Abort:
            raise PinCancelledError from None
        return answer

    return ask
