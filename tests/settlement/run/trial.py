# SPDX-License-Identifier: Apache-2.0
"""A made-up day to settle, and how its books are looked at."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.dayfile.pharmacies import Pharmacies
from sscard_chip.security.keystore import KeyStore
from sscard_chip.settlement import synthesize as s
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import AccountKind, Ledger, read_cards, register_cards
from sscard_chip.settlement.output import SUMMARY, VERDICTS, VERDICTS_PARQUET
from sscard_chip.settlement.run import RunSummary
from sscard_chip.settlement.settle import settle
from tests.bench.issued import roots

ROOT: Final = Path(__file__).resolve().parents[3]


def keys() -> KeyStore:
    """The root keys of all tests; a module's function, so that workers find it."""
    return roots()


@dataclass(frozen=True)
class Trial:
    """The files of a synthesized day in a folder."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, **wanted: Any) -> Trial:
        """Make one; ``wanted`` as in :class:`~sscard_chip.settlement.synthesize.Wanted`."""
        s.synthesize(folder, roots(), s.Wanted(**wanted))
        roots().save(folder / "roots.json")
        return cls(folder)

    def files(self, name: str = s.DAYS) -> list[str]:
        """The day files, or those of the earlier day."""
        return sorted(str(path) for path in (self.folder / name).iterdir())

    def rules(self) -> Rules:
        """What its rows are judged by."""
        return Rules(
            hotlist=Hotlist.load(self.folder / s.HOTLIST),
            pharmacies=Pharmacies.load(self.folder / s.PHARMACIES),
        )

    def register(self, ledger: Ledger) -> None:
        """Load the card register."""
        file = read_cards(self.folder / s.CARDS)
        ledger.run(lambda t: register_cards(t, file.cards, file.date, "cards"), exclusive=True)

    def settle(self, ledger: Ledger, out: Path, paths: Sequence[str], **more: Any) -> RunSummary:
        """Settle files by the rules of the day."""
        return settle(paths, keys=keys, ledger=ledger, out=out, rules=self.rules(), **more)

    def begin(self, ledger: Ledger, out: Path) -> None:
        """Load the register and settle the earlier day."""
        self.register(ledger)
        self.settle(ledger, out, self.files(s.EARLIER_DAYS))
        assert verdicts(out) == (self.folder / s.EARLIER_EXPECTED).read_bytes()

    def expected(self) -> bytes:
        """The verdicts of the day, as they must be."""
        return (self.folder / s.EXPECTED).read_bytes()

    def command(self, url: str, out: Path, paths: Sequence[str], *more: str) -> list[str]:
        """The command line that settles files."""
        lists = ("--hotlist", s.HOTLIST), ("--pharmacies", s.PHARMACIES), ("--keys", "roots.json")
        options = [part for name, file in lists for part in (name, str(self.folder / file))]
        program = [sys.executable, "-m", "sscard_cli", "settle", "run"]
        return [*program, *paths, *options, "--ledger", url, "--out", str(out), *more]

    def start(self, url: str, out: Path, paths: Sequence[str], *more: str) -> subprocess.Popen[str]:
        """A process of its own that settles files."""
        return subprocess.Popen(
            self.command(url, out, paths, *more),
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def verdicts(out: Path) -> bytes:
    """The verdict file of a run."""
    return (out / VERDICTS).read_bytes()


def outputs(out: Path, *, without: Sequence[str] = ()) -> dict[str, bytes]:
    """All files that a run has left, by name; none of them hidden.

    The anchor is taken out of the summary: another grouping makes other entries, at other times.
    """
    found = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }
    assert not any(name.startswith(".") for name in found)
    assert {VERDICTS, VERDICTS_PARQUET, SUMMARY} <= found.keys()
    found[SUMMARY], anchors = re.subn(rb'"anchor": "[0-9a-f]{64}"', b'"anchor": ""', found[SUMMARY])
    assert anchors == 1
    return {name: content for name, content in found.items() if name not in without}


def books(ledger: Ledger) -> dict[str, dict[str, int]]:
    """The balances of all accounts that are not zero. The books balance."""
    assert ledger.check().problems == ()
    with ledger.reading() as t:
        return {
            kind: {key: fen for key, fen in t.balances_of(kind).items() if fen}
            for kind in AccountKind
        }


@cache
def small_wanted() -> dict[str, Any]:
    """A day that is settled in a moment and has each fault."""
    return {"cards": 300, "pharmacies": 12, "debits": 1600, "faults": 0.05, "seed": 3}
