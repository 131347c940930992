# SPDX-License-Identifier: Apache-2.0
"""All stores answer alike, whatever the roots, chains and versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuance.ceremony import check_values
from issuance.roots import RootKeys
from issuance.stores import RootStore, WorkingKeys, create_file_store, open_store
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES
from tests.hsm.conftest import PIN, SLOTS, Tokens

PASSPHRASE = "correct horse battery"

factors = st.one_of(
    st.binary(min_size=8, max_size=8), st.sampled_from([b"510000sh", b"510100sx", b"330100sx"])
)
chains = st.lists(st.lists(factors, min_size=1, max_size=4), max_size=8)


@dataclass(frozen=True)
class Stores:
    """One set of roots in memory and in each kind of store."""

    roots: RootKeys
    opened: list[RootStore]

    def all(self) -> list[KeyStore]:
        return [*self.opened, *map(WorkingKeys, self.opened)]


@pytest.fixture(scope="module")
def stores(
    tokens: Tokens, roots: RootKeys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("stores")
    opened = []
    for kind in ("plain", "encrypted"):
        path: Path = folder / kind
        with create_file_store(path, kind, PASSPHRASE) as made:
            made.add(roots)
        opened.append(open_store(path, PASSPHRASE))
    token = open_store(tokens.make(), PIN)
    token.add(roots)
    yield Stores(roots, [*opened, token])
    for store in opened:
        store.close()
    token.close()


def test_the_stores_are_three_kinds_with_the_same_keys(stores: Stores) -> None:
    assert [store.kind for store in stores.opened] == ["plain", "encrypted", "pkcs11"]
    listed = [check_values(store) for store in stores.opened]
    assert list(listed[0]) == sorted(SLOTS)
    assert listed[0] == listed[1] == listed[2]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(slot=st.sampled_from(SLOTS), wanted=chains, data=st.data())
def test_same_answers(
    stores: Stores,
    slot: tuple[str, str, int],
    wanted: list[list[bytes]],
    data: st.DataObject,
) -> None:
    block = SUITES[slot[0]].block
    chain = data.draw(st.lists(factors, min_size=1, max_size=4))
    iv = data.draw(st.binary(max_size=block))
    message = data.draw(st.binary(max_size=40))
    blocks = data.draw(st.binary(max_size=5)) * block
    keys = stores.roots.diversify(*slot, wanted)
    mac = stores.roots.mac(*slot, chain, iv, message)
    enciphered = [stores.roots.encrypt(*slot, path, blocks) for path in ([], chain)]
    for store in stores.all():
        assert store.diversify(*slot, wanted) == keys
        assert store.mac(*slot, chain, iv, message) == mac
        assert [store.encrypt(*slot, path, blocks) for path in ([], chain)] == enciphered
