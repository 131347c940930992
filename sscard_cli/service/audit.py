# SPDX-License-Identifier: Apache-2.0
"""``sscard service audit``: who asked for what, proven."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_cli.errors import RefusedError
from sscard_cli.options import json_option
from sscard_cli.output import print_json, say
from sscard_cli.service.options import keys_option
from sscard_cli.settle.options import ledger_option


@click.group()
def audit() -> None:
    """The audit of the service (审计): every view and every change, chained.

    \b
    Example:
      sscard service audit verify --ledger city.db --service-keys service.keys
    """


@audit.command()
@click.option(
    "--anchor",
    metavar="TEXT",
    help="An anchor of before, which must lie in the chains.  Example: --anchor 0:65:A8F7…",
)
@ledger_option
@keys_option
@json_option
def verify(anchor: str | None, ledger_url: str, key_path: Path, as_json: bool) -> None:
    """Prove that no row of the audit was changed, removed or swapped.

    It prints an anchor: kept elsewhere, it shows later that nothing was cut off at the end.

    \b
    Example:
      sscard service audit verify --ledger city.db --service-keys service.keys
    """
    from sscard_chip.settlement.ledger import Ledger
    from sscard_service.store.audit import verify_audit
    from sscard_service.store.secrets import ServiceKeys

    keys = ServiceKeys.load(key_path)
    with (
        Ledger.open(ledger_url, create=False, check_rules=False) as ledger,
        ledger.reading() as t,
    ):
        found = verify_audit(t, keys.audit, anchor)
    if as_json:
        print_json(
            {"rows": found.rows, "chains": found.chains, "problems": list(found.problems),
             "anchor": found.anchor}
        )  # fmt: skip
    else:
        say(f"{found.rows} rows in {found.chains} chains")
        say(f"anchor: {found.anchor}")
        for problem in found.problems[:20]:
            click.echo(problem)
    if not found.whole:
        raise RefusedError(f"the audit is not whole: {found.problems[0]}")
