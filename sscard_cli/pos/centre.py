# SPDX-License-Identifier: Apache-2.0
"""The settlement centre that a till of ``sscard pos`` asks: its options, and opening it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from sscard_chip.dayfile.centre import PlatformAuthoriser
from sscard_chip.dayfile.load_messages import PlatformLoads
from sscard_chip.dayfile.loads import LoadCentre
from sscard_chip.terminal.pos import Authoriser, LocalAuthoriser
from sscard_chip.terminal.pos.online import HttpCentre
from sscard_cli.options import policy_option, together
from sscard_cli.stores import keys_option, open_keys

centre_options: Final = together(
    click.option(
        "--authorisations",
        "authoriser_location",
        metavar="URL|LEDGER|FILE",
        help="Modes 1 and 2: a centre that sscard settle serve serves (http://…), or its ledger (a"
        " SQLite file that sscard settle has made, a PostgreSQL URL), or a journal in this file for"
        " a centre of one terminal; without it the network is down."
        "  Example: --authorisations http://127.0.0.1:8097",
    ),
    keys_option(required=False, use=" with which the centre of a ledger verifies TACs"),
    policy_option,
    click.option(
        "--test-clock",
        is_flag=True,
        help="The ledger is a test centre's: its clock is the time of the sale, so that examples"
        " with fixed dates go.",
    ),
)


_OWN_KEYS: Final = (
    "--keys, --policy and --test-clock go with --authorisations LEDGER; another centre has its own"
)


@dataclass(frozen=True, slots=True)
class CentreOptions:
    """What the options say; ``roots`` and the policy are for a ledger alone."""

    location: str | None
    roots: str | None
    passphrase_file: Path | None
    policy_path: Path | None
    test_clock: bool


def open_authoriser(stack: ExitStack, options: CentreOptions) -> Authoriser | None:
    """The centre that ``--authorisations`` names; ``stack`` closes it."""
    location = options.location
    if location is not None and _is_ledger(location):
        return _on_ledger(stack, location, options)
    if options.roots or options.policy_path or options.test_clock:
        raise click.UsageError(_OWN_KEYS)
    if location is None:
        return None
    if "://" in location:
        return PlatformAuthoriser(stack.enter_context(HttpCentre(location)))
    return LocalAuthoriser(location)


def open_load_centre(
    stack: ExitStack, options: CentreOptions, institution: str, division: str
) -> LoadCentre | None:
    """The centre that loads cards (账户划入); None without ``--authorisations``."""
    location = options.location
    if location is None:
        return None
    if _is_ledger(location):
        # Only a till with such a centre needs the extra settlement.
        from sscard_chip.settlement.loading import LoadHost
        from sscard_chip.settlement.policy import CentrePolicy, load_policy
        from sscard_cli.settle.options import open_ledger

        if options.roots is None:
            raise click.UsageError("--authorisations: a ledger needs --keys ROOTS to load cards")
        policy = load_policy(options.policy_path) if options.policy_path else CentrePolicy()
        keys = stack.enter_context(open_keys(options.roots, options.passphrase_file))
        ledger = stack.enter_context(open_ledger(location))
        minutes, test_clock = policy.clock_minutes, options.test_clock
        return LoadHost(ledger, keys, clock_minutes=minutes, test_clock=test_clock)
    if "://" not in location:
        raise click.UsageError("--authorisations: a centre of one terminal posts no allocations")
    if options.roots or options.policy_path or options.test_clock:
        raise click.UsageError(_OWN_KEYS)
    return PlatformLoads(stack.enter_context(HttpCentre(location)), institution, division)


def _on_ledger(stack: ExitStack, location: str, options: CentreOptions) -> Authoriser:
    if options.roots is None:
        raise click.UsageError(
            "--authorisations: a ledger needs --keys ROOTS, since each TAC is verified; or name"
            " the URL of a centre that has them"
        )
    # Only a till with such a centre needs the extra settlement.
    from sscard_chip.settlement.platform import ledger_authoriser
    from sscard_chip.settlement.policy import load_policy
    from sscard_cli.settle.options import open_ledger

    policy = load_policy(options.policy_path) if options.policy_path else None
    keys = stack.enter_context(open_keys(options.roots, options.passphrase_file))
    ledger = stack.enter_context(open_ledger(location))
    return ledger_authoriser(ledger, policy=policy, keys=keys, test_clock=options.test_clock)


def _is_ledger(location: str) -> bool:
    """Whether it is a database URL or a SQLite file. Raises OSError."""
    scheme, separator, _ = location.partition("://")
    if separator:
        return scheme.lower() not in ("http", "https")
    path = Path(location)
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"
