# SPDX-License-Identifier: Apache-2.0
"""A settlement run before people's eyes: keys for its workers, progress, tables."""

from __future__ import annotations

import ctypes
import gc
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from issuance.stores import WorkingKeys, open_store
from sscard_chip.security.keystore import KeyStore
from sscard_chip.settlement import synthesize as s
from sscard_chip.settlement.clearing.files import StatementProcesses, WorkersOf
from sscard_chip.settlement.columnar import DeliveryLimits
from sscard_chip.settlement.judge.codes import FINDINGS
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.output import VERDICTS
from sscard_chip.settlement.run import (
    Pool,
    RunStoppedError,
    RunSummary,
    SettlementCluster,
    SingleThread,
    Threads,
)
from sscard_chip.settlement.run.lookup import SettledRow
from sscard_chip.settlement.settle import settle
from sscard_chip.settlement.synthesize import Made, Wanted, synthesize
from sscard_chip.standard.amounts import yuan
from sscard_chip.workers import ClusterAccess
from sscard_cli.errors import RefusedError
from sscard_cli.output import say
from sscard_cli.progress import progress_bar
from sscard_cli.screen import facts, listing, show
from sscard_cli.stores import PASSPHRASE_VARIABLE, AskedOnce, open_keys, passphrase_source

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
"""Of mallopt(3): arrays from this size on have memory of their own. Said alone it would have all
that is smaller go back to the system, and come again, whenever it is free."""
_LARGE: Final = 4 << 20
_KEPT: Final = 4 << 20
"""Bytes free at the end of a heap that stay there."""
_YOUNG: Final = 1 << 18
"""Objects made and not freed before anybody looks for circles among them."""


@dataclass(frozen=True)
class RootsAt:
    """Root keys at a place; opens them, here or in a worker.

    Without ``passphrase`` that of the worker's own environment is taken.
    """

    location: str
    passphrase: str | None = field(default=None, repr=False)

    def __call__(self) -> KeyStore:
        """Open the store. Raises KeyStoreError."""
        answer = passphrase_source(None, PASSPHRASE_VARIABLE)
        return WorkingKeys(open_store(self.location, self.passphrase or answer))


@dataclass(frozen=True)
class Orders:
    """What to settle, by which rules, where the results go, and who works."""

    day_files: Sequence[str]
    out: Path
    rules: Rules
    workers: int
    cluster: ClusterAccess | None
    batch_rows: int
    limits: DeliveryLimits


def settle_shown(
    orders: Orders, location: str, passphrase_file: Path | None, ledger: Ledger, *, quiet: bool
) -> RunSummary:
    """Settle, with a progress bar on stderr if that is a terminal.

    The keys are opened here first: what is wrong with them is reported before anything is done.
    """
    _give_memory_back()
    roots = _roots(location, passphrase_file, orders.cluster)
    try:
        with (
            _few_collections(),
            _pool(orders) as pool,
            progress_bar("", quiet=quiet) as update,
        ):
            return settle(
                orders.day_files,
                keys=roots,
                ledger=ledger,
                out=orders.out,
                rules=orders.rules,
                pool=pool,
                statement_workers=_statement_workers(orders.workers),
                batch_rows=orders.batch_rows,
                limits=orders.limits,
                report_progress=lambda done: update(done.rows, done.total, f"{done.step:9}"),
            )
    except RunStoppedError as error:
        raise RefusedError(f"{error}; the same command goes on") from error


def _give_memory_back() -> None:
    """Have the arrays of a large day go back to the system as soon as they are free, a quarter of
    its memory; Arrow's come from there by :mod:`sscard_cli.settle`. This program does nothing but
    settle; a library would not decide so for others."""
    with suppress(OSError, AttributeError):  # another C library than that of GNU
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        library.mallopt(_M_TOP_PAD, _KEPT)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for circles rarely: rows of a database are many objects, and none is in one."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _roots(location: str, passphrase_file: Path | None, cluster: ClusterAccess | None) -> RootsAt:
    ask = AskedOnce(passphrase_source(passphrase_file, PASSPHRASE_VARIABLE))
    if "pkcs11:" not in location:
        location = str(Path(location).absolute())
    if cluster is None:
        open_store(location, ask).close()
    return RootsAt(location, ask.given)


def _pool(orders: Orders) -> Pool:
    if orders.cluster is not None:
        return SettlementCluster(orders.cluster)
    if orders.workers == 1:
        return SingleThread()
    return Threads(orders.workers)


def _statement_workers(workers: int) -> WorkersOf | None:
    return None if workers == 1 else lambda: StatementProcesses(workers)


def print_run_summary(summary: RunSummary, out: Path) -> None:
    """The summary for people."""
    table = listing("结算 settlement", "rows", "", right=("rows",))
    table.add_row("files", f"{summary.files:,}", _files_note(summary))
    table.add_row("rows", f"{summary.rows:,}")
    table.add_row("posted 已入账", f"{summary.posted:,}", yuan(summary.posted_fen["total_fen"]))
    table.add_row("refused 拒付", f"{summary.refused:,}")
    table.add_row("held 待查", f"{summary.held:,}")
    for name, fen in (("fund", "fund_fen"), ("account", "account_fen"), ("cash", "cash_fen")):
        table.add_row(f"  {name}", "", yuan(summary.posted_fen[fen]))
    for finding in FINDINGS:
        count = summary.codes.get(str(int(finding.code)))
        if count:
            table.add_row(
                f"{int(finding.code):>5}", f"{count:,}", f"{finding.english} {finding.name}"
            )
    show(table)
    for reason in summary.without_key:
        say(f"no key: {reason}")
    for file in summary.refused_files:
        say(f"refused: {file.reason}")
    if not summary.register:
        click.echo("no card register: codes 8, 10, 12 and 14 were not judged")
    say(f"anchor: {summary.anchor}")
    say(f"verdicts: {out / VERDICTS}")


def _files_note(summary: RunSummary) -> str:
    notes = []
    if summary.settled_before:
        notes.append(f"{summary.settled_before:,} settled before")
    if summary.given_twice:
        notes.append(f"{len(summary.given_twice):,} given twice")
    if summary.refused_files:
        notes.append(f"{len(summary.refused_files):,} refused")
    return ", ".join(notes)


def print_rows(rows: Sequence[SettledRow]) -> None:
    """Settled rows for people."""
    names = {int(one.code): f"{one.english} {one.name}" for one in FINDINGS} | {0: "posted 已入账"}
    for row in rows:
        grid = facts()
        for code in row.codes:
            grid.add_row(str(code), names[code])
        grid.add_row("pharmacy", row.pharmacy)
        grid.add_row("terminal", f"{row.terminal_id}, number {row.terminal_number}")
        grid.add_row("file", f"of {row.business_date}, row {row.line}")
        grid.add_row("time", row.time)
        grid.add_row("kind", "refund" if row.refund else "debit")
        grid.add_row("total", yuan(row.total_fen))
        grid.add_row("fund, account, cash", ", ".join(
            map(yuan, (row.fund_fen, row.account_fen, row.cash_fen))
        ))  # fmt: skip
        grid.add_row("segment", str(row.segment))
        show(Text(row.msgid, "bold"), grid)


def synthesize_shown(
    out: Path, location: str, passphrase_file: Path | None, wanted: Wanted, *, quiet: bool
) -> Made:
    """Make day files, and say on stderr what is being made if that is a terminal."""
    console = Console(stderr=True)
    with open_keys(location, passphrase_file) as store:
        if quiet or not console.is_terminal:
            return synthesize(out, store, wanted)
        with console.status("making") as status:
            return synthesize(out, store, wanted, lambda step: status.update(f"making {step}"))


def commands_for(out: Path, roots: str) -> list[str]:
    """The commands that settle what was made."""
    keys, ledger = shlex.quote(roots), shlex.quote(str(out / "ledger.db"))

    def at(name: str) -> str:
        return shlex.quote(str(out / name))

    lists = f"--hotlist {at(s.HOTLIST)} --pharmacies {at(s.PHARMACIES)}"
    settle = f"--keys {keys} --ledger {ledger} {lists}"
    return [
        f"sscard settle cards {at(s.CARDS)} --ledger {ledger}",
        f"sscard settle run {at(s.EARLIER_DAYS)} {settle} --out {at('settled-earlier')}",
        f"sscard settle run {at(s.DAYS)} {settle} --out {at('settled')}",
        f"cmp {at(s.EXPECTED)} {at('settled')}/verdicts.tsv",
    ]


def print_made(made: Made, out: Path, roots: str) -> None:
    """What was made, and how to settle it."""
    say(f"{out}: {made.files:,} day files, {made.rows:,} rows, of them with faults:")
    for name, count in made.faults.items():
        say(f"{count:8,}  {name}")
    click.echo("")
    for command in commands_for(out, roots):
        say(command)
