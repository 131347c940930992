# SPDX-License-Identifier: Apache-2.0
"""Lanes give what ``cryptography`` gives one by one, with a key of its own for each lane.

200,000 lanes of each suite here; ``SSCARD_FULL_LANES=1`` makes it millions.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sscard_chip.security.suite import SUITES
from sscard_chip.settlement.tac import des_lanes, sm4_lanes
from sscard_chip.settlement.tac.bulk import COSTS, LANES, BulkMacs
from sscard_chip.settlement.tac.chunks import even_size, largest
from sscard_chip.settlement.tac.onebyone import KEPT, macs_one_by_one

FULL = os.environ.get("SSCARD_FULL_LANES") == "1"
COUNT = 4_000_000 if FULL else 200_000
PIECE = 500_000

Bytes = NDArray[np.uint8]


def random_rows(rows: int, keys: int, seed: int) -> tuple[Bytes, NDArray[np.intp], Bytes]:
    random = np.random.default_rng(seed)
    return (
        random.integers(0, 256, (keys, 16), np.uint8),
        random.integers(0, keys, rows),
        random.integers(0, 256, (rows, 30), np.uint8),
    )


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("suite", LANES)
def test_random_lanes_with_a_key_each(suite: str) -> None:
    lanes = LANES[suite]()
    for seed, begin in enumerate(range(0, COUNT, PIECE)):
        count = min(PIECE, COUNT - begin)
        keys, _, messages = random_rows(count, count, seed)
        which = np.arange(count)
        expected = macs_one_by_one(SUITES[suite], keys, which, messages)
        assert np.array_equal(lanes.macs(keys, which, messages), expected)


def vectors() -> list[dict[str, Any]]:
    path = Path(__file__).parents[3] / "vectors" / "card.json"
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return [case for case in cases if "tac" in case["expected"]]


@pytest.mark.parametrize("case", vectors(), ids=lambda case: str(case["name"]))
def test_vectors(case: dict[str, Any]) -> None:
    given = case["inputs"]
    amounts = (given[f"{name}_amount"] for name in ("account", "self_paid", "pooled"))
    message = b"".join(amount.to_bytes(4) for amount in amounts)
    names = ("transaction_type", "terminal_id", "terminal_transaction_number", "time")
    message += bytes.fromhex("".join(given[name] for name in names))
    suite = {"des": "3des", "sm4": "sm4"}[case["algorithm"]]
    keys = np.frombuffer(bytes.fromhex(given["dtk"]), np.uint8)[None]
    messages = np.frombuffer(message, np.uint8)[None]
    tacs = LANES[suite]().macs(keys, np.zeros(1, np.intp), messages)
    assert tacs.tobytes().hex().upper() == case["expected"]["tac"]


EDGES = (0, 1, 2, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257, 300)


@pytest.mark.parametrize("suite", LANES)
@settings(max_examples=40, deadline=None)
@given(
    rows=st.one_of(st.sampled_from(EDGES), st.integers(0, 400)),
    keys=st.integers(1, 40),
    in_order=st.booleans(),
    seed=st.integers(0, 999),
)
def test_any_number_of_lanes(suite: str, rows: int, keys: int, in_order: bool, seed: int) -> None:
    """Chunks are made small, so that there are several and the last is not full."""
    table, which, messages = random_rows(rows, keys, seed)
    if in_order:
        which = np.sort(which)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(des_lanes, "CHUNK", 128)
        patch.setattr(sm4_lanes, "CHUNK", 128)
        found = LANES[suite]().macs(table, which, messages)
    expected = macs_one_by_one(SUITES[suite], table, which, messages)
    assert found.shape == (rows, 4)
    assert np.array_equal(found, expected)


@given(count=st.integers(1, 10_000_000), chunk=st.integers(1, 500_000))
def test_chunks_are_even(count: int, chunk: int) -> None:
    size = even_size(count, chunk)
    assert min(count, 2 * chunk / 3) <= size <= largest(chunk) or size == count == 1
    pieces = -(-count // size)
    assert pieces == 1 or count - (pieces - 1) * size > size - pieces


@pytest.mark.parametrize("suite", LANES)
def test_two_chunks_and_one_more(suite: str) -> None:
    chunk = {"3des": des_lanes.CHUNK, "sm4": sm4_lanes.CHUNK}[suite]
    keys, which, messages = random_rows(2 * chunk + 1, 50, 7)
    found = LANES[suite]().macs(keys, which, messages)
    sample = np.r_[0:100, chunk // 2 : chunk // 2 + 100, chunk * 2 - 99 : chunk * 2 + 1]
    expected = macs_one_by_one(SUITES[suite], keys, which[sample], messages[sample])
    assert np.array_equal(found[sample], expected)


@pytest.mark.parametrize("suite", LANES)
def test_lanes_are_used_again(suite: str) -> None:
    """With more, fewer and as many rows as before: nothing of them is left over."""
    lanes = LANES[suite]()
    for seed, rows in enumerate((500, 70, 70, 900, 1)):
        keys, which, messages = random_rows(rows, 9, seed)
        expected = macs_one_by_one(SUITES[suite], keys, which, messages)
        assert np.array_equal(lanes.macs(keys, which, messages), expected)


@pytest.mark.parametrize("suite", LANES)
def test_every_bit_of_key_and_message_counts(suite: str) -> None:
    """One change in each lane; in a DES key all bits but those of parity."""
    keys, _, messages = random_rows(1, 1, 3)
    keys, messages = keys.repeat(1 + 128 + 240, 0), messages.repeat(1 + 128 + 240, 0)
    for bit in range(128):
        keys[1 + bit, bit // 8] ^= 0x80 >> bit % 8
    for bit in range(240):
        messages[129 + bit, bit // 8] ^= 0x80 >> bit % 8
    which = np.arange(len(keys))
    found = LANES[suite]().macs(keys, which, messages)
    assert np.array_equal(found, macs_one_by_one(SUITES[suite], keys, which, messages))
    same = [lane for lane in range(1, len(found)) if (found[lane] == found[0]).all()]
    parity = [1 + bit for bit in range(128) if bit % 8 == 7]
    assert same == (parity if suite == "3des" else [])


@pytest.mark.parametrize("suite", LANES)
def test_switch_by_size(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few go one by one, many into lanes, and both are right."""
    used: list[int] = []

    class Noted:
        def macs(self, keys: Bytes, which: NDArray[np.intp], messages: Bytes) -> Bytes:
            used.append(len(messages))
            return lanes().macs(keys, which, messages)

    lanes = LANES[suite]
    monkeypatch.setitem(LANES, suite, Noted)
    costs = COSTS[suite]
    break_even = next(rows for rows in range(1, 10_000) if costs.lanes_are_faster(rows, rows))
    bulk = BulkMacs()
    for rows in (1, break_even - 1, break_even):
        keys, _, messages = random_rows(rows, rows, rows)
        which = np.arange(rows)
        expected = macs_one_by_one(SUITES[suite], keys, which, messages)
        assert np.array_equal(bulk.macs(suite, keys, which, messages), expected)
    assert used == [break_even]
    # Cards that come again keep their cipher object, so lanes pay later.
    assert not costs.lanes_are_faster(break_even, 1)


def test_one_by_one_keeps_a_limited_number_of_ciphers() -> None:
    keys, _, messages = random_rows(KEPT + 10, KEPT + 10, 1)
    which = np.r_[np.arange(KEPT + 10), 0]
    messages = np.r_[messages, messages[:1]]
    found = macs_one_by_one(SUITES["sm4"], keys, which, messages)
    assert (found[0] == found[-1]).all()
