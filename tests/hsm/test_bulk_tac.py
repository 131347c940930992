# SPDX-License-Identifier: Apache-2.0
"""Bulk TAC verification with the DTK roots in a token."""

from __future__ import annotations

import os

import numpy as np
import pytest

from issuance.roots import RootKeys, Slot
from issuance.stores import WorkingKeys, open_store
from issuance.stores.pkcs11 import Pkcs11Store
from sscard_chip.settlement.tac import KeyGroup, TacVerifier
from tests.hsm.conftest import PIN, Tokens
from tests.settlement.tac.batches import batch

SLOTS: list[Slot] = [(suite, "DTK", version) for suite in ("3des", "sm4") for version in (1, 2)]
CITIES = (510100, 330108)


def test_only_the_diversification_goes_to_the_token(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each version and city one block; never a card, never a transaction."""
    roots = RootKeys({slot: os.urandom(16) for slot in SLOTS})
    columns = batch(3000, cards=200, divisions=CITIES, versions=(1, 2, 3))
    expected = TacVerifier(roots).verify(columns)
    assert not expected.any()
    known = columns.rows(columns.key_version < 3)
    known.tac[:] = TacVerifier(roots).compute(known)
    columns.tac[columns.key_version < 3] = known.tac

    requests: list[tuple[Slot, bytes]] = []
    encipher = Pkcs11Store._encipher

    def noted(self: Pkcs11Store, slot: Slot, blocks: bytes) -> bytes:
        requests.append((slot, blocks))
        return encipher(self, slot, blocks)

    monkeypatch.setattr(Pkcs11Store, "_encipher", noted)
    with open_store(tokens.make(), PIN) as token, WorkingKeys(token) as working:
        token.add(roots)
        verifier = TacVerifier(token)
        right = verifier.verify(columns)
        assert np.array_equal(right, columns.key_version < 3)
        assert set(verifier.without_key) == {
            KeyGroup(algorithm, 3, city) for algorithm in (1, 3) for city in CITIES
        }
        # What the token enciphers is a province's factor. SM4 roots are worked with outside it.
        provinces = [f"{str(city)[:2]}0000sh".encode() for city in CITIES]
        asked = [
            (slot, province + bytes(0xFF ^ byte for byte in province))
            for slot in SLOTS[:2]
            for province in provinces
        ]
        assert sorted(request for request in requests if request[0] in SLOTS) == sorted(asked)

        requests.clear()
        verifier = TacVerifier(working)
        for _ in range(3):
            assert verifier.verify(known).all()
        assert sorted(requests) == sorted(asked)  # once, for all batches
