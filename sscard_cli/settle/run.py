# SPDX-License-Identifier: Apache-2.0
"""``sscard settle``: the run over day files, what became of a row, day files for trials."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.dayfile.pharmacies import Pharmacies
from sscard_chip.settlement.columnar import LIMITS, DeliveryLimits
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.policy import LateDebits, load_policy
from sscard_chip.settlement.run.lookup import rows_of_card, rows_of_msgid
from sscard_chip.settlement.synthesize import Wanted
from sscard_chip.workers import ClusterAccess, processors
from sscard_cli.cluster import cluster_option
from sscard_cli.errors import RefusedError
from sscard_cli.options import FOLDER, NamedPath, file_option, json_option, out_option
from sscard_cli.output import print_json
from sscard_cli.settle.options import ledger_option, open_ledger
from sscard_cli.settle.shown import (
    Orders,
    commands_for,
    print_made,
    print_rows,
    print_run_summary,
    settle_shown,
    synthesize_shown,
)
from sscard_cli.stores import keys_option

_DAY_FILE: Final = NamedPath(path_type=Path)
_MIB: Final = 1 << 20


@click.command()
@click.argument("day_files", metavar="DAY_FILE...", nargs=-1, required=True, type=_DAY_FILE)
@keys_option()
@ledger_option
@out_option("DIR", "Where verdicts, statements and summary go.", "settled", kind=FOLDER)
@file_option(
    "--hotlist",
    "hotlist_path",
    "FILE",
    "The current hotlist; codes 3 and 103.  Example: --hotlist hotlist.tsv",
)
@file_option(
    "--pharmacies",
    "pharmacies_path",
    "FILE",
    "The list of pharmacies (sscard-pharmacies/1); code 102.  Example: --pharmacies pharmacies.tsv",
)
@file_option(
    "--policy",
    "policy_path",
    "FILE",
    "What the region decides (sscard-policy/1): who bears debits off-line of lost cards"
    " (late_debits); else the pharmacy.  Example: --policy policy.toml",
)
@click.option(
    "--late-days",
    type=click.IntRange(0, 3650),
    default=30,
    show_default=True,
    help="Code 5: made more days before the business date of its file.  Example: --late-days 7",
)
@click.option(
    "--cap-fen",
    type=click.IntRange(0),
    default=1_000_000,
    show_default=True,
    help="Code 7: a debit of more fen; 0 for no cap.  Example: --cap-fen 500000",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=processors,
    show_default="the processors, 8 at most",
    help="Threads that read, judge and write; processes for statements.  Example: --workers 8",
)
@cluster_option("Read, verify, judge and sum up on a Dask cluster (extra cluster).")
@click.option(
    "--batch-rows",
    type=click.IntRange(1),
    default=1 << 21,
    show_default=True,
    help="Rows in memory at once, judged and posted together.  Example: --batch-rows 200000",
)
@click.option(
    "--file-limit",
    "file_mib",
    type=click.IntRange(1, 1 << 20),
    default=LIMITS.file_bytes // _MIB,
    show_default=True,
    help="MiB of a file at most, unpacked; a larger one is refused.  Example: --file-limit 512",
)
@click.option(
    "--row-limit",
    "row_bytes",
    type=click.IntRange(1024, _MIB),
    default=LIMITS.row_bytes,
    show_default=True,
    help="Bytes of a row at most; a file with a longer one is refused.  Example: --row-limit 8192",
)
@json_option
def run(
    day_files: tuple[Path, ...],
    roots: str,
    passphrase_file: Path | None,
    ledger_url: str,
    out: Path,
    hotlist_path: Path | None,
    pharmacies_path: Path | None,
    policy_path: Path | None,
    late_days: int,
    cap_fen: int,
    workers: int,
    cluster: ClusterAccess | None,
    batch_rows: int,
    file_mib: int,
    row_bytes: int,
    as_json: bool,
) -> None:
    """Settle day files: verify, judge, post, write verdicts and statements.

    A folder stands for all files in it. Exit code 0 when every file was taken and every row has
    a verdict, 1 when a file was refused, as links are, what is no regular file and what is beyond
    a limit; the others are settled all the same. The same files again change nothing, and a run
    that was stopped is completed by the next.

    \b
    Example:
      sscard settle run days/*.tsv --keys roots.json --ledger city.db --out settled
    """
    rules = Rules(
        late_days=late_days,
        cap_fen=cap_fen,
        hotlist=None if hotlist_path is None else Hotlist.load(hotlist_path),
        pharmacies=None if pharmacies_path is None else Pharmacies.load(pharmacies_path),
        late_debits=load_policy(policy_path).late_debits if policy_path else LateDebits(),
    )
    limits = DeliveryLimits(file_mib * _MIB, row_bytes)
    orders = Orders(_named(day_files), out, rules, workers, cluster, batch_rows, limits)
    with open_ledger(ledger_url, create=True) as ledger:
        summary = settle_shown(orders, roots, passphrase_file, ledger, quiet=as_json)
    if as_json:
        print_json(summary.document())
    else:
        print_run_summary(summary, out)
    if summary.refused_files:
        click.get_current_context().exit(1)


def _named(paths: tuple[Path, ...]) -> list[str]:
    """Files, and whatever is in folders but hidden files and folders below; links as they are.

    :raises UsageError:
    """
    found: list[str] = []
    for path in paths:
        if not os.path.lexists(path):
            raise click.UsageError(f"{path}: does not exist")
        if path.is_symlink() or not path.is_dir():
            found.append(str(path))
            continue
        inside = [one for one in sorted(path.iterdir()) if not one.name.startswith(".")]
        files = [str(one) for one in inside if one.is_symlink() or not one.is_dir()]
        if not files:
            raise click.UsageError(f"{path}: there is no file in the folder")
        found += files
    return found


@click.command()
@click.argument("name", metavar="MSGID")
@click.option("--card", "is_card", is_flag=True, help="MSGID is a card: its 卡识别码 or 卡号.")
@ledger_option
@json_option
def show(name: str, is_card: bool, ledger_url: str, as_json: bool) -> None:
    """What became of a row: its verdict, its file, its money. All rows of a card with --card.

    \b
    Example:
      sscard settle show P51010000001202603151011120100 --ledger city.db
      sscard settle show --card Z00000013 --ledger city.db
    """
    with open_ledger(ledger_url) as ledger, ledger.reading() as t:
        rows = rows_of_card(t, name) if is_card else rows_of_msgid(t, name)
    if not rows:
        raise RefusedError("no such row has been settled")
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        print_rows(rows)


@click.command()
@keys_option()
@out_option("DIR", "New or empty folder for all files.", "trial", kind=FOLDER)
@click.option("--cards", type=int, default=1000, show_default=True, help="Example: --cards 200000")
@click.option(
    "--pharmacies", type=int, default=20, show_default=True, help="Example: --pharmacies 3000"
)
@click.option(
    "--debits", type=int, default=5000, show_default=True, help="Example: --debits 2000000"
)
@click.option(
    "--faults",
    type=float,
    default=0.02,
    show_default=True,
    help="Share of faulty rows, every fourth at most.  Example: --faults 0.001",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Example: --seed 7"
)
@json_option
def synthesize(
    roots: str,
    passphrase_file: Path | None,
    out: Path,
    cards: int,
    pharmacies: int,
    debits: int,
    faults: float,
    seed: int,
    as_json: bool,
) -> None:
    """Make day files of invented pharmacies and cards, with everything that can be wrong.

    Beside them the hotlist, the lists of pharmacies and cards, and the verdicts to expect. The
    same numbers and root keys give the same files.

    \b
    Example:
      sscard settle synthesize --keys roots.json --out trial
    """
    wanted = Wanted(cards, pharmacies, debits, faults, seed)
    made = synthesize_shown(out, roots, passphrase_file, wanted, quiet=as_json)
    if as_json:
        print_json(asdict(made) | {"commands": commands_for(out, roots)})
    else:
        print_made(made, out, roots)
