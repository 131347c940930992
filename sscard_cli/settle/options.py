# SPDX-License-Identifier: Apache-2.0
"""Options that the commands of ``sscard settle`` share, and opening the ledger."""

from __future__ import annotations

from typing import Final

import click

from sscard_chip.settlement.ledger import Ledger

LEDGER_VARIABLE: Final = "SSCARD_LEDGER"

ledger_option: Final = click.option(
    "--ledger",
    "ledger_url",
    required=True,
    envvar=LEDGER_VARIABLE,
    metavar="URL",
    help="The ledger: a SQLite file or a PostgreSQL URL; else SSCARD_LEDGER. A password belongs"
    " there or into ~/.pgpass, since a command line is shown to every user of the machine."
    "  Example: --ledger city.db",
)


def open_ledger(url: str, *, create: bool = False, check_rules: bool = True) -> Ledger:
    """Open the ledger that ``--ledger`` names; only what brings data creates one.

    Without ``check_rules`` one is opened whose rules are not those of a ledger.

    :raises LedgerError:
    :raises LedgerUrlError:
    :raises OSError:
    """
    return Ledger.open(url, create=create, check_rules=check_rules)
