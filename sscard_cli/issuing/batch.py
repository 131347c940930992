# SPDX-License-Identifier: Apache-2.0
"""``sscard batch``: cards for a whole list of holders."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from issuance.batch.clerks import CSV, ENCODINGS, TABLES, UTF8, written_table
from issuance.batch.export import export_card, export_script
from issuance.batch.run import REJECTS_FILE, start
from issuance.batch.run import void as void_batch
from issuance.batch.status import VOID, BatchSummary, batch_status
from issuance.batch.synthesize import write_holders
from issuance.plan.script import encode_script
from issuance.privatefile import write_private
from sscard_chip import Card
from sscard_chip.workers import ClusterAccess
from sscard_cli.bank.options import authority_option, bank_options, bank_passphrase_option
from sscard_cli.cluster import cluster_option
from sscard_cli.errors import RefusedError
from sscard_cli.images import write_image
from sscard_cli.issuing.batch_check import check_shown
from sscard_cli.issuing.batch_run import Workforce, interruptible, print_batch_summary, work_shown
from sscard_cli.issuing.transport import transport_options, transport_passphrase_option
from sscard_cli.options import (
    FILE,
    FOLDER,
    algorithm_option,
    file_option,
    generation_option,
    json_option,
    out_option,
    together,
)
from sscard_cli.output import print_json, refuse_to_overwrite, say, write_file
from sscard_cli.progress import progress_bar
from sscard_cli.stores import keys_option, passphrase_option

_folder_argument = click.argument("folder", metavar="DIR", type=FOLDER)
_workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Worker processes on this machine.  Example: --workers 4",
)
_cluster_option = cluster_option(
    "Dask scheduler whose workers make the cards, in place of --workers; they open ROOTS at the"
    " same path, with their own SSCARD_PASSPHRASE."
)


@click.group()
def batch() -> None:
    """Personalise cards for a list of holders: resumable, each card exactly once.

    \b
    Example:
      sscard batch synthesize 10000 --out holders.csv
      sscard batch check --generation 3 --holders holders.csv
      sscard batch run --generation 3 --keys roots.json --holders holders.csv --out june
      sscard batch export june --card-number Z00000013 --out card.ssc
    """


_table_options = together(
    generation_option,
    file_option(
        "--holders",
        "holders_path",
        "FILE",
        "Table of holders: .csv, .parquet or .xlsx.  Example: --holders june.csv",
        required=True,
    ),
    algorithm_option,
    file_option(
        "--region",
        "region",
        "FILE.toml",
        "Region profile, see docs/region-profile.md.  Example: --region region.toml",
    ),
    file_option(
        "--mapping",
        "mapping",
        "FILE.toml",
        "What the table's columns mean, see docs/batch.md.  Example: --mapping columns.toml",
    ),
    click.option(
        "--assign-card-numbers",
        "number_prefix",
        metavar="PREFIX",
        default="",
        help="Give rows without a card number (卡号) the next of the issuer's ledger that begins"
        " so: a capital letter, up to 6 digits or capitals.  Example: --assign-card-numbers Z51",
    ),
)


@batch.command()
@_table_options
@keys_option()
@bank_options(required=False)
@transport_options()
@out_option("DIR", "New folder for the batch.", "june", "folder", kind=FOLDER)
@_workers_option
@_cluster_option
@click.option(
    "--output",
    default="images,data",
    show_default=True,
    metavar="KINDS",
    help="What to write: images, scripts for a machine, data for printing, barcodes as SVG and PNG."
    "  Example: --output images,scripts,data",
)
@file_option(
    "--ledger",
    "ledger",
    "FILE",
    "The issuer's ledger, for numbers across batches; issuer.sqlite beside DIR without it."
    "  Example: --ledger /srv/issuer.sqlite",
)
@click.option(
    "--encoding",
    type=click.Choice(ENCODINGS),
    default=UTF8,
    show_default=True,
    help="Encoding of return.csv and the other tables: utf-8-sig has a byte order mark, by which"
    " spreadsheets know UTF-8; gbk is GB 18030.  Example: --encoding gbk",
)
@click.option(
    "--tables",
    type=click.Choice(TABLES),
    default=CSV,
    show_default=True,
    help="What return, print and rejects file are; the cells of xlsx are texts."
    "  Example: --tables xlsx",
)
@click.option(
    "--max-rejects",
    type=click.IntRange(0),
    metavar="N",
    help="Exit code 1 when more rows than that are rejected.  Example: --max-rejects 10",
)
@json_option
def run(
    folder: Path,
    holders_path: Path,
    roots: str,
    passphrase_file: Path | None,
    bank_roots: str | None,
    bank_passphrase_file: Path | None,
    authority_path: Path | None,
    transport_roots: str | None,
    transport_passphrase_file: Path | None,
    workers: int,
    cluster: ClusterAccess | None,
    output: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Make cards for all holders of a table; rejected rows go to DIR/rejects.csv.

    Exit code 1 when no card was made, or more rows are rejected than --max-rejects says.

    \b
    Example:
      sscard batch run --generation 3 --keys roots.json --holders june.csv --out june --workers 4
    """
    workforce = Workforce(
        workers, cluster, passphrase_file, bank_passphrase_file, transport_passphrase_file
    )
    with interruptible(folder):
        # before anything is laid down: a batch of keys that are not there would not begin
        given = workforce.passphrases(roots, bank_roots or "", transport_roots or "")
        start(
            folder,
            keys=roots,
            holders=holders_path,
            outputs=tuple(kind.strip() for kind in output.split(",")),
            bank_keys=bank_roots or "",
            bank_authority=authority_path,
            transport_keys=transport_roots or "",
            **options,
        )
        done = work_shown(folder, workforce, quiet=as_json, given=given)
        _finish(done, as_json=as_json)


@batch.command()
@_table_options
@file_option(
    "--ledger",
    "ledger",
    "FILE",
    "The issuer's ledger, which is only read, for numbers of earlier batches."
    "  Example: --ledger /srv/issuer.sqlite",
)
@authority_option
@json_option
def check(holders_path: Path, authority_path: Path | None, as_json: bool, **options: Any) -> None:
    """Say all that batch run would reject of a table, by row and column; nothing is given out.

    Exit code 1 with findings, 0 without.

    \b
    Example:
      sscard batch check --generation 3 --holders june.csv --ledger issuer.sqlite
    """
    if not check_shown(holders_path, as_json=as_json, bank_authority=authority_path, **options):
        raise click.exceptions.Exit(1)


@batch.command()
@_folder_argument
@json_option
def void(folder: Path, as_json: bool) -> None:
    """Take back a batch: its card numbers are free again, none of its cards is exported any more.

    For a batch of a wrong table. Its files stay; its cards, if there are any, are to be destroyed.

    \b
    Example:
      sscard batch void june
    """
    numbers = void_batch(folder)
    if as_json:
        print_json({"folder": str(folder), "state": VOID, "card_numbers": numbers})
    else:
        say(f"{folder}: void, {numbers} card numbers are free again")


@batch.command()
@_folder_argument
@passphrase_option
@bank_passphrase_option
@transport_passphrase_option
@_workers_option
@_cluster_option
@json_option
def resume(
    folder: Path,
    passphrase_file: Path | None,
    bank_passphrase_file: Path | None,
    transport_passphrase_file: Path | None,
    workers: int,
    cluster: ClusterAccess | None,
    as_json: bool,
) -> None:
    """Go on with a batch that was stopped; nothing to do when it is finished.

    \b
    Example:
      sscard batch resume june
    """
    workforce = Workforce(
        workers, cluster, passphrase_file, bank_passphrase_file, transport_passphrase_file
    )
    with interruptible(folder):
        _finish(work_shown(folder, workforce, quiet=as_json), as_json=as_json)


@batch.command()
@_folder_argument
@json_option
def status(folder: Path, as_json: bool) -> None:
    """Show where a batch stands.

    \b
    Example:
      sscard batch status june
    """
    summary = batch_status(folder)
    _show(summary, as_json=as_json)


@batch.command()
@_folder_argument
@click.option(
    "--card-number",
    required=True,
    help="卡号, nine characters.  Example: --card-number Z00000013",
)
@click.option(
    "--out",
    "card_path",
    metavar="CARD.ssc",
    type=FILE,
    help="Image file to write.  Example: --out card.ssc",
)
@file_option(
    "--script",
    "script_path",
    "FILE.json",
    "Write the card's script for a machine, of a batch with scripts.  Example: --script plan.json",
)
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
def export(
    folder: Path,
    card_number: str,
    card_path: Path | None,
    script_path: Path | None,
    force: bool,
) -> None:
    """Take one card out of a batch, as an image file or as a script for a machine.

    \b
    Example:
      sscard batch export june --card-number Z00000013 --out card.ssc
    """
    if card_path is None and script_path is None:
        raise click.UsageError("one of --out and --script, or both")
    for path in filter(None, (card_path, script_path)):
        refuse_to_overwrite(path, force=force)
    if card_path is not None:
        card = Card(export_card(folder, card_number))
        write_image(card_path, card, force=force)
        say(f"{card_path}: ATR {card.atr.hex().upper()}")
    if script_path is not None:
        script = export_script(folder, card_number)
        content = encode_script(script)
        write_file(script_path, lambda path: write_private(path, content), force=force)
        say(f"{script_path}: script of {len(script['steps'])} steps")


@batch.command()
@click.argument("count", metavar="N", type=click.IntRange(1, 1_000_000))
@out_option("HOLDERS.csv", "Table to write.", "holders.csv", "table_path")
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Another seed gives other holders.  Example: --seed 7",
)
@click.option(
    "--city", default="510100", show_default=True, help="Issuing city.  Example: --city 430100"
)
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
def synthesize(count: int, table_path: Path, seed: int, city: str, force: bool) -> None:
    """Write a table of N invented holders, all of them valid and none of them anybody.

    \b
    Example:
      sscard batch synthesize 10000 --out holders.csv --seed 7
    """

    def save(path: Path) -> None:
        with (
            path.open("w", encoding="utf-8", newline="") as stream,
            progress_bar("holders", quiet=False) as update,
        ):
            write_holders(
                stream, count, seed=seed, city=city, progress=lambda done: update(done, count)
            )

    refuse_to_overwrite(table_path, force=force)
    write_file(table_path, save, force=force)
    say(f"{table_path}: {count} holders")


def _finish(summary: BatchSummary, *, as_json: bool) -> None:
    """Show what became of a batch, and say when that is not what one wanted."""
    _show(summary, as_json=as_json)
    if summary.fault:
        rejects = written_table(summary.folder, REJECTS_FILE)
        raise RefusedError(f"{summary.folder}: {summary.fault}; see {rejects}")


def _show(summary: BatchSummary, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(summary))
        return
    print_batch_summary(summary)
