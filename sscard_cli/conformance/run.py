# SPDX-License-Identifier: Apache-2.0
"""``sscard conformance run``: put the cases to a card and write the reports."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.terminal.conformance import (
    LEVELS,
    ImplementationStatement,
    catalogue,
    run_suite,
)
from sscard_cli.conformance.reports import Reports, report_options
from sscard_cli.conformance.subjects import (
    arm_of,
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
from sscard_cli.issuing.transport import open_transport, transport_options
from sscard_cli.options import GENERATION, file_option, pin_option
from sscard_cli.stores import keys_option, open_keys

_PATIENCE_S: Final = 60.0
"""How long a card that was pulled out in the middle of a write is waited for."""


@click.command()
@target_options
@click.option(
    "--generation",
    type=GENERATION,
    help="What the card should be; without it what it says itself.  Example: --generation 3",
)
@interface_option
@level_option
@keys_option(required=False, use=" of the card, for cases that need them")
@pin_option("The card's PIN. Without it none is ever sent.")
@transport_options()
@pin_option("User PIN of the certificate application.", "--user-pin", "123456")
@pin_option("Its administrator's PIN (管理员PIN).", "--admin-pin", "12345678")
@file_option(
    "--ics",
    "ics_path",
    "FILE",
    "Implementation statement (sscard-ics/1), TOML or JSON.  Example: --ics ics.toml",
)
@destroy_option
@file_option(
    "--control",
    "control",
    "SOCKET",
    "The socket of the reader of sscard serve, whose hands cut the power of the card for the cases"
    " of pull-out.  Example: --control reader.sock",
)
@click.option(
    "--slot",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="The slot of that reader where the card is.  Example: --slot 2",
)
@most_option
@report_options
def run(
    card_path: Path | None,
    reader: str | None,
    factory: str | None,
    roots: str | None,
    passphrase_file: Path | None,
    pin: str | None,
    transport_roots: str | None,
    transport_passphrase_file: Path | None,
    user_pin: str | None,
    admin_pin: str | None,
    ics_path: Path | None,
    destroy: str | None,
    control: Path | None,
    slot: int,
    most_commands: int,
    level: str,
    interface: str,
    generation: int | None,
    **report: Any,
) -> None:
    """Judge a card. The exit code is 0 when no case failed, 1 when one did, 2 for wrong usage.

    An image is copied for every case. A card in a reader keeps what is done to it: the level read
    changes nothing on it, session gives the PIN and keys that you name, write puts back what it
    writes, also after Ctrl-C; a card that was pulled out is waited for.

    \b
    Example:
      sscard conformance run --card zhang.ssc --out report.html
      sscard conformance run --reader 'PCD 00 00' --generation 2 --pin 135790 --level session
      sscard conformance run --python mycard:connect --keys roots.json --level write
    """
    require_one(card_path, reader, factory)
    require_pin(pin, 4, 16)
    require_pin(user_pin, 4, 16, "--user-pin")
    require_pin(admin_pin, 4, 16, "--admin-pin")
    reports = Reports(**report)
    reports.check()
    resumed = reports.resumed(catalogue())
    statement = ImplementationStatement.load(ics_path) if ics_path else None
    with ExitStack() as stack:
        target = open_target(
            stack,
            card_path,
            reader,
            factory,
            contactless=interface == "contactless",
            arm=arm_of(control, slot),
        )
        consent(target, LEVELS[level], destroy)
        store = stack.enter_context(open_keys(roots, passphrase_file)) if roots else None
        transport = None
        if transport_roots is not None:
            opened = open_transport(transport_roots, transport_passphrase_file)
            transport = stack.enter_context(opened).store
        with reports.progress() as observer:
            found = run_suite(
                target,
                interface=interface,
                generation=generation,
                statement=statement,
                pin=pin or "",
                store=store,
                transport=transport,
                user_pin=user_pin or "",
                admin_pin=admin_pin or "",
                level=LEVELS[level],
                only=reports.only,
                observer=observer,
                resumed=resumed,
                most_commands=most_commands,
                patience_s=_PATIENCE_S,
            )
    reports.finish(found)
