# SPDX-License-Identifier: Apache-2.0
"""Options that the commands of ``sscard settle`` share, and opening the ledger."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import click

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.standard.dates import parse_date, written_day

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


pharmacy_option: Final = click.option(
    "--pharmacy",
    required=True,
    metavar="CODE",
    help="定点医药机构编号 (fixmedins_code).  Example: --pharmacy P51010000001",
)
pharmacy_choice: Final = click.option(
    "--pharmacy",
    metavar="CODE",
    help="Of this pharmacy alone.  Example: --pharmacy P51010000001",
)
month_option: Final = click.option(
    "--month", required=True, metavar="YYYYMM", help="清算年月 (setlym).  Example: --month 202603"
)
date_option: Final = click.option(
    "--date",
    "when",
    metavar="YYYYMMDD",
    help="Business date of the entry; today without it.  Example: --date 20260415",
)


def open_ledger(url: str, *, create: bool = False, check_rules: bool = True) -> Ledger:
    """Open the ledger that ``--ledger`` names; only what brings data creates one.

    Without ``check_rules`` one is opened whose rules are not those of a ledger.

    :raises LedgerError:
    :raises LedgerUrlError:
    :raises OSError:
    """
    return Ledger.open(url, create=create, check_rules=check_rules)


def check_day(option: str, day: str) -> None:
    """Refuse what is no day.

    :raises UsageError:
    """
    if parse_date(day) is None:
        raise click.UsageError(f"{option}: must be a day as YYYYMMDD")


def business_date(when: str | None) -> str:
    """``--date``, or today."""
    if when is None:
        return written_day(date.today())
    check_day("--date", when)
    return when


def run_exclusive(ledger_url: str, work: Any) -> Any:
    """Do ``work`` in an exclusive transaction of the ledger."""
    with open_ledger(ledger_url) as ledger:
        return ledger.run(work, exclusive=True)
