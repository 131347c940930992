# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: the settlement centre. Each subject has a module ``settle_*`` of its own."""

from __future__ import annotations

import click

from sscard_cli.settle import clearing as settle_clearing
from sscard_cli.settle import ledger as settle_ledger
from sscard_cli.settle import reconcile as settle_reconcile
from sscard_cli.settle import run as settle_run


@click.group()
def settle() -> None:
    """A settlement centre (结算中心): cards, accounts and the debits of its pharmacies.

    \b
    Example:
      sscard settle cards CARDS.tsv --ledger city.db
      sscard settle run days/*.tsv --keys roots.json --ledger city.db --out settled
      sscard settle allocate MARCH.tsv --ledger city.db
      sscard settle check --ledger city.db
    """


for _command in (
    *settle_run.COMMANDS,
    *settle_ledger.COMMANDS,
    *settle_clearing.COMMANDS,
    *settle_reconcile.COMMANDS,
):
    settle.add_command(_command)
