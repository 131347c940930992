# SPDX-License-Identifier: Apache-2.0
"""``sscard batch``: cards for a whole list of holders."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from issuance.batch.clerks import CSV, ENCODINGS, TABLES, UTF8
from issuance.batch.export import export_card
from issuance.batch.run import BatchSummary, batch_status, start
from issuance.batch.synthesize import write_holders
from sscard_chip import Card
from sscard_chip.workers import ClusterAccess
from sscard_cli.cluster import cluster_option
from sscard_cli.images import write_image
from sscard_cli.issuing.batch_run import print_batch_summary, work_shown
from sscard_cli.options import (
    FOLDER,
    algorithm_option,
    file_option,
    generation_option,
    json_option,
    out_option,
)
from sscard_cli.output import print_json, refuse_to_overwrite, write_file
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
      sscard batch run --generation 3 --keys roots.json --holders holders.csv --out june
      sscard batch export june --card-number Z00000013 --out card.ssc
    """


@batch.command()
@generation_option
@keys_option()
@file_option(
    "--holders",
    "holders_path",
    "FILE",
    "Table of holders: .csv, .parquet or .xlsx.  Example: --holders june.csv",
    required=True,
)
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
@algorithm_option
@file_option(
    "--region",
    "region",
    "FILE.toml",
    "Region profile, see docs/region-profile.md.  Example: --region region.toml",
)
@file_option(
    "--mapping",
    "mapping",
    "FILE.toml",
    "What the table's columns mean, see docs/batch.md.  Example: --mapping columns.toml",
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
@json_option
def run(
    generation: int,
    roots: str,
    passphrase_file: Path | None,
    holders_path: Path,
    folder: Path,
    workers: int,
    cluster: ClusterAccess | None,
    output: str,
    algorithm: str | None,
    region: Path | None,
    mapping: Path | None,
    ledger: Path | None,
    encoding: str,
    tables: str,
    as_json: bool,
) -> None:
    """Make cards for all holders of a table; rejected rows go to DIR/rejects.csv.

    \b
    Example:
      sscard batch run --generation 3 --keys roots.json --holders june.csv --out june --workers 4
    """
    start(
        folder,
        generation=generation,
        keys=roots,
        holders=holders_path,
        algorithm=algorithm,
        outputs=tuple(kind.strip() for kind in output.split(",")),
        mapping=mapping,
        region=region,
        ledger=ledger,
        encoding=encoding,
        tables=tables,
    )
    summary = work_shown(folder, passphrase_file, workers, cluster, quiet=as_json)
    _show(summary, as_json=as_json)


@batch.command()
@_folder_argument
@passphrase_option
@_workers_option
@_cluster_option
@json_option
def resume(
    folder: Path,
    passphrase_file: Path | None,
    workers: int,
    cluster: ClusterAccess | None,
    as_json: bool,
) -> None:
    """Go on with a batch that was stopped; nothing to do when it is finished.

    \b
    Example:
      sscard batch resume june
    """
    summary = work_shown(folder, passphrase_file, workers, cluster, quiet=as_json)
    _show(summary, as_json=as_json)


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
@out_option("CARD.ssc", "Image file to write.", "card.ssc", "card_path")
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
def export(folder: Path, card_number: str, card_path: Path, force: bool) -> None:
    """Take one card out of a batch, as an image file.

    \b
    Example:
      sscard batch export june --card-number Z00000013 --out card.ssc
    """
    refuse_to_overwrite(card_path, force=force)
    card = Card(export_card(folder, card_number))
    write_image(card_path, card, force=force)
    click.echo(f"{card_path}: ATR {card.atr.hex().upper()}")


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
        with path.open("w", encoding="utf-8", newline="") as stream:
            write_holders(stream, count, seed=seed, city=city)

    refuse_to_overwrite(table_path, force=force)
    write_file(table_path, save, force=force)
    click.echo(f"{table_path}: {count} holders")


def _show(summary: BatchSummary, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(summary))
        return
    print_batch_summary(summary)
