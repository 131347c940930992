# SPDX-License-Identifier: Apache-2.0
"""Which cards are on the hotlist and since when: columns against a plain reading of each card."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from sscard_chip.dayfile.hotlist import HotCard, Hotlist, HotlistDelta
from sscard_chip.settlement.ledger import Ledger, register_cards
from sscard_chip.settlement.ledger.hotlists import hotlist_delta, issue_hotlist
from sscard_chip.settlement.schema.books import card_status
from tests.settlement.ledger.people import cards

CARDS: Final = 200
MINUTES: Final = range(0, 60, 4)
LARGE: Final = int(os.environ.get("SSCARD_HOTLIST_CARDS", "0"))
"""Cards of the list by hand; a region has a million."""
FULL_S, LOAD_S = 5.0, 2.0


class Change(NamedTuple):
    status: int
    since: int
    until: int | None


def minute(at: int) -> int:
    return 20260315120000 + 100 * at


def histories(chance: random.Random) -> list[list[Change]]:
    """Changes of cards in any order of their times, as earlier versions may have kept them."""
    found = []
    for _ in range(CARDS):
        own = []
        for _ in range(chance.randrange(6)):
            since = chance.choice(MINUTES)
            lapses = chance.random() < 0.4
            until = minute(min(59, since + chance.choice((4, 8, 20)))) if lapses else None
            own.append(Change(chance.choice((0, 1, 1, 2, 4, 4, 5, 9)), minute(since), until))
        found.append(own)
    return found


def since_when(changes: list[Change], now: int) -> int | None:
    """The rule in plain words: step by step through what has begun."""
    listed = None
    ends = None
    for one in changes:
        if one.since > now:
            continue
        if ends is not None and ends <= one.since:
            listed = None
        if one.status == 1:
            listed = None
        else:
            listed = one.since if listed is None else min(listed, one.since)
        ends = one.until
    if ends is not None and ends <= now:
        return None
    return listed


@pytest.mark.parametrize("seed", range(3))
def test_lists_of_any_histories(ledger: Ledger, seed: int) -> None:
    made = histories(random.Random(seed))
    with ledger.transaction(exclusive=True) as t:
        register_cards(t, cards(CARDS), "20260301", "cards:1")
    rows = [
        {"card": card, "number": number, **one._asdict()}
        for card, own in enumerate(made, 1)
        for number, one in enumerate(own, 1)
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    lists = []
    with ledger.transaction() as t:
        t.insert(card_status, columns)
        for at in MINUTES:
            now = minute(at)
            lists.append(issue_hotlist(t, str(now)).hotlist)
            shown = {one.card_number: one.since for one in lists[-1].cards}
            expected = {
                f"Z{card:08d}": str(since)
                for card, own in enumerate(made, 1)
                if (since := since_when(own, now)) is not None
            }
            assert shown == expected
        delta = hotlist_delta(t, lists[0].version, lists[-1].version)
    assert lists[0].apply(delta).digest == lists[-1].digest


def hot(at: int, since: str = "20260315080000") -> HotCard:
    return HotCard(bytes.fromhex("990100D156000005") + at.to_bytes(8), f"Z{at:08d}", since)


def test_a_long_list_is_brought_to_the_next_by_a_delta_to_the_byte(tmp_path: Path) -> None:
    """With SSCARD_HOTLIST_CARDS=1000000 what it takes by the clock as well."""
    count = LARGE or 3000
    first = Hotlist("20260315120000", map(hot, range(count)))
    first.save(tmp_path / "first.tsv")
    begun = time.perf_counter()
    loaded = Hotlist.load(tmp_path / "first.tsv")
    assert loaded.holds(hot(7).card_id_code or b"", "Z00000007", "20260315080000")
    took = time.perf_counter() - begun
    changed = [hot(at, "20260315130000") for at in range(0, 1000, 2)]
    gone = [hot(at) for at in range(1, 1000, 2)]
    second = Hotlist("20260315130000", changed + list(map(hot, range(1000, count))))
    second.save(tmp_path / "second.tsv")
    delta = HotlistDelta("20260315130000", "20260315120000", second.digest, changed, gone)
    loaded.apply(delta).save(tmp_path / "made.tsv")
    assert (tmp_path / "made.tsv").read_bytes() == (tmp_path / "second.tsv").read_bytes()
    assert not LARGE or took <= LOAD_S


def test_the_list_of_a_region_is_written_in_seconds(ledger: Ledger, tmp_path: Path) -> None:
    count = LARGE or 300
    with ledger.transaction(exclusive=True) as t:
        register_cards(t, cards(count), "20260301", "cards:1")
        t.insert(
            card_status,
            {"card": range(1, count + 1), "number": 1, "status": 2, "since": 20260315080000},
        )
    begun = time.perf_counter()
    issued = ledger.run(lambda t: issue_hotlist(t, "20260315120000"))
    issued.hotlist.save(tmp_path / "list.tsv")
    assert issued.hotlist.count == count
    assert not LARGE or time.perf_counter() - begun <= FULL_S
