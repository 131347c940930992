# SPDX-License-Identifier: Apache-2.0
"""TacVerifier: right TACs, verdicts, rows without keys, what the store is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from issuance.roots import RootKeys
from sscard_chip.security.diversify import city_factor, province_factor
from sscard_chip.security.keystore import KeyMissingError, KeyStoreError
from sscard_chip.settlement.tac import KeyGroup, TacColumns, TacVerifier
from tests.settlement.tac.batches import Counting, Roots, batch, expected

ROOTS: Roots = {(suite, version): os.urandom(16) for suite in ("3des", "sm4") for version in (1, 2)}
STORE = RootKeys({(suite, "DTK", version): key for (suite, version), key in ROOTS.items()})
DIVISIONS = (510100, 330108, 990000, 10100)


def genuine(columns: TacColumns) -> TacColumns:
    tacs = np.frombuffer(expected(ROOTS, columns), np.uint8).reshape(-1, 4)
    return replace(columns, tac=tacs.copy())


@pytest.mark.parametrize("rows", [0, 1, 2, 300])
def test_tacs_are_those_of_the_cards(rows: int) -> None:
    columns = batch(rows, divisions=DIVISIONS, versions=(1, 2))
    tacs = TacVerifier(STORE).compute(columns)
    assert tacs.shape == (rows, 4)
    assert tacs.tobytes() == expected(ROOTS, columns)


def test_verdicts() -> None:
    columns = genuine(batch(200, divisions=DIVISIONS, versions=(1, 2)))
    assert TacVerifier(STORE).verify(columns).all()
    for at in range(32):
        columns.tac[at, at // 8] ^= 1 << at % 8
    assert TacVerifier(STORE).verify(columns).tolist() == [False] * 32 + [True] * 168


def test_a_changed_message_or_factor_is_not_genuine() -> None:
    columns = genuine(batch(240))
    for bit in range(240):
        columns.message[bit, bit // 8] ^= 1 << bit % 8
    assert not TacVerifier(STORE).verify(columns).any()
    columns = genuine(batch(64))
    for bit in range(64):
        columns.factor[bit, bit // 8] ^= 1 << bit % 8
    assert not TacVerifier(STORE).verify(columns).any()


def test_rows_without_a_key_are_false_and_the_rest_is_judged() -> None:
    columns = genuine(batch(40, algorithms=(3,)))
    columns.algorithm[3] = 2
    columns.key_version[4] = 3
    columns.key_version[5] = 0
    columns.division[6] = 1_000_000
    columns.division[7] = 0xFFFFFFFF
    verifier = TacVerifier(STORE)
    assert verifier.without_key == {}
    assert verifier.verify(columns).tolist() == [True] * 3 + [False] * 5 + [True] * 32
    assert set(verifier.without_key) == {
        KeyGroup(2, 1, 510100),
        KeyGroup(3, 3, 510100),
        KeyGroup(3, 0, 510100),
        KeyGroup(3, 1, 1_000_000),
        KeyGroup(3, 1, 0xFFFFFFFF),
    }
    missing = verifier.without_key[KeyGroup(3, 3, 510100)]
    assert missing == "root keys: sm4: DTK: 3: the key is needed and missing"
    with pytest.raises(KeyMissingError):
        verifier.compute(columns)
    assert verifier.compute(columns.rows(slice(3))).tobytes() == columns.tac[:3].tobytes()


def test_a_store_that_cannot_answer_is_no_verdict() -> None:
    class Lost(Counting):
        def encrypt(self, *request: object) -> bytes:
            raise KeyStoreError("the session is lost")

    with pytest.raises(KeyStoreError, match="the session is lost"):
        TacVerifier(Lost(STORE)).verify(batch(3))


def test_the_store_sees_each_card_once_and_no_transaction() -> None:
    columns = batch(2000, cards=30, divisions=(510100, 330108), versions=(1, 2), algorithms=(1, 3))
    store = Counting(STORE)
    TacVerifier(store).compute(columns)
    cards: dict[tuple[int, int, int], set[bytes]] = {}
    selectors = zip(
        columns.algorithm.tolist(),
        columns.key_version.tolist(),
        columns.division.tolist(),
        strict=True,
    )
    for group, factor in zip(selectors, columns.factor, strict=True):
        cards.setdefault(group, set()).add(factor.tobytes())
    wanted = [
        (
            {1: "3des", 3: "sm4"}[algorithm],
            "DTK",
            version,
            (province_factor(f"{division:06d}"), city_factor(f"{division:06d}")),
            16 * len(factors),
        )
        for (algorithm, version, division), factors in cards.items()
    ]
    assert sorted(store.requests) == sorted(wanted)
    assert sum(map(len, cards.values())) <= 30


def test_columns_of_a_wrong_shape_are_refused() -> None:
    columns = batch(5)
    with pytest.raises(ValueError, match="message: must be uint8 of shape"):
        replace(columns, message=columns.message[:, :29])
    with pytest.raises(ValueError, match="division: must be uint32"):
        replace(columns, division=columns.division.astype(np.int64))
    with pytest.raises(ValueError, match="tac: "):
        replace(columns, tac=columns.tac[:4])
    assert repr(columns) == "<TacColumns, 5 rows>"


def test_without_numpy_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['numpy'] = None\n"
        "try:\n"
        "    import sscard_chip.settlement.tac\n"
        "except ImportError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == (
        "ExtraMissingError settlement needs numpy, which is not installed:"
        " pip install '.[settlement]' in a clone of sscard-chip\n"
    )
