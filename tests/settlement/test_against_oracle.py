# SPDX-License-Identifier: Apache-2.0
"""The judge and the books against a second judge, row by row, on worlds that Hypothesis makes."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from sscard_chip.dayfile.hotlist import HotCard, Hotlist, HotRange
from sscard_chip.dayfile.pharmacies import Pharmacies, Pharmacy
from sscard_chip.settlement.judge.rules import Rules
from sscard_chip.settlement.ledger import AccountKind, CardColumns, Ledger, register_cards
from sscard_chip.settlement.output import VERDICTS
from sscard_chip.settlement.schema.books import card, card_status
from sscard_chip.settlement.settle import settle
from tests.bench.issued import roots
from tests.settlement.oracle import Centre, Law, RegisteredCard
from tests.settlement.worlds import World, text_of, worlds

KINDS = (
    AccountKind.PERSONAL,
    AccountKind.FUNDING,
    AccountKind.FUND,
    AccountKind.PHARMACY,
    AccountKind.COLLECTED,
    AccountKind.SELF_PAID,
    AccountKind.SUSPENSE,
    AccountKind.RECEIVABLE,
)


@cache
def empty_ledger() -> bytes:
    """An opened ledger as bytes: to make its tables takes longer than a world."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        Ledger.open(str(path)).close()
        return path.read_bytes()


def rules_of(law: Law) -> Rules:
    """What a world is judged by, as a run takes it."""
    hotlist = pharmacies = None
    if law.hot_version is not None:
        hotlist = Hotlist(
            law.hot_version,
            [
                HotCard(bytes.fromhex(code) if code else None, number, since)
                for code, number, since in law.hot_cards
            ],
            [HotRange(*one) for one in law.hot_ranges],
        )
    if law.pharmacies is not None:
        pharmacies = Pharmacies(
            Pharmacy(code, "药房", "510100", frozenset(terminals), frozenset(psams))
            for code, (terminals, psams) in law.pharmacies.items()
        )
    return Rules(law.late_days, law.cap_fen, hotlist, pharmacies)


def load_register(ledger: Ledger, cards: list[RegisteredCard]) -> None:
    """The cards of a world, with what was reported about them."""

    def matrix(texts: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        data = b"".join(map(bytes.fromhex, texts))
        return np.frombuffer(data, np.uint8).reshape(len(texts), -1)

    columns = CardColumns(
        card_number=np.array([one.number for one in cards], "S9"),
        card_id_code=matrix([one.code for one in cards]),
        division=np.array([int(one.division) for one in cards]),
        psn_no=np.array([one.psn_no or "" for one in cards], "S30"),
        factor=matrix([one.factor for one in cards]),
        valid_to=np.array([int(one.valid_to or 0) for one in cards]),
        opening_fen=np.array([one.opening_fen for one in cards]),
    )
    with ledger.transaction(exclusive=True) as t:
        register_cards(t, columns, "20260101", "cards")
        numbers = {
            bytes(code).hex().upper(): number
            for code, number in t.connection.execute(sa.select(card.c.card_id_code, card.c.id))
        }
        for one in cards:
            for at, (since, until) in enumerate(one.lost):
                t.connection.execute(
                    sa.insert(card_status).values(
                        card=numbers[one.code],
                        number=at + 1,
                        status=4 if until else 2,
                        since=int(since),
                        until=int(until) if until else None,
                    )
                )


def _differences(world: World, folder: Path) -> list[str]:
    """What the two judges do not say alike."""
    path = folder / "ledger.db"
    path.write_bytes(empty_ledger())
    names = []
    for at, file in enumerate(world.files):
        names.append(str(folder / f"{at}.tsv"))
        Path(names[-1]).write_text(text_of(file), encoding="utf-8")
    centre, rules = Centre(world.law), rules_of(world.law)
    with Ledger.open(str(path)) as ledger:
        if world.law.register is not None:
            load_register(ledger, world.law.register)
        for number, run in enumerate(world.runs):
            out = folder / f"out{number}"
            summary = settle(
                [names[at] for at in run],
                keys=roots,
                ledger=ledger,
                out=out,
                rules=rules,
                batch_rows=world.batch_rows,
            )
            if summary.refused_files:
                return [str(summary.refused_files)]
            rows = (out / VERDICTS).read_text(encoding="utf-8").splitlines()[1:]
            ours = centre.run([world.files[at] for at in run], world.batch_rows)
            theirs = [row.split("\t")[3] for row in rows]
            if ours != theirs:
                return [f"run {number}: oracle {ours}, judge {theirs}"]
        assert ledger.check().problems == ()
        with ledger.reading() as t:
            money = {
                (str(kind), key): fen
                for kind in KINDS
                for key, fen in t.balances_of(kind).items()
                if fen
            }
    expected = {key: fen for key, fen in centre.money.items() if fen}
    return [
        f"{key}: oracle {expected.get(key, 0)}, ledger {money.get(key, 0)}"
        for key in sorted(expected.keys() | money.keys())
        if expected.get(key, 0) != money.get(key, 0)
    ]


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(worlds())
def test_both_judges_say_the_same(world: World) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        assert _differences(world, folder) == []
    finally:
        shutil.rmtree(folder)
