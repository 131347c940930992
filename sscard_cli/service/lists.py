# SPDX-License-Identifier: Apache-2.0
"""``sscard service``: the allocation list of a month, out of level choices."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_cli.errors import RefusedError
from sscard_cli.options import force_option, json_option, out_option
from sscard_cli.output import print_json, say
from sscard_cli.service.options import centre_options, open_centre
from sscard_cli.settle.options import month_option


@click.command(name="allocation-list")
@month_option
@click.option("--date", required=True, metavar="YYYYMMDD",
              help="Business date of the posting.  Example: --date 20260401")  # fmt: skip
@click.option("--batch", default="levels", show_default=True, metavar="TEXT",
              help="Name of the batch, once in a month.  Example: --batch 1")  # fmt: skip
@out_option("FILE.tsv", "The allocation file to write.", "MARCH.tsv")
@force_option
@centre_options
@json_option
def allocation_list(
    month: str,
    date: str,
    batch: str,
    out: Path,
    force: bool,
    ledger_url: str,
    key_path: Path,
    region_path: Path | None,
    as_json: bool,
) -> None:
    """Write a month's allocations of flexible workers (缴费档次), for sscard settle allocate.

    What goes into the account is the share of the level's base that the region says.

    \b
    Example:
      sscard service allocation-list --month 202603 --date 20260401 --out MARCH.tsv \\
        --ledger city.db --service-keys service.keys
      sscard settle allocate MARCH.tsv --ledger city.db
    """
    from sscard_chip.standard.dates import parse_date

    if parse_date(date) is None:
        raise click.UsageError("--date: must be a real date, YYYYMMDD")
    if out.exists() and not force:
        raise RefusedError(f"{out}: exists already; --force replaces it")
    with open_centre(ledger_url, key_path, region_path) as centre:
        from sscard_service.levelling import write_allocation_list

        done = write_allocation_list(centre, out, month, date, batch)
    if as_json:
        print_json({"out": str(out), "accounts": done.accounts, "fen": done.fen})
    else:
        say(f"{out}: {done.accounts} accounts, {done.fen} fen")
