# SPDX-License-Identifier: Apache-2.0
"""Root keys: the file, its errors, and what the store does with them."""

from __future__ import annotations

import json
import os
import pickle
import re
import stat
from pathlib import Path

import pytest

from issuance.roots import RootKeyError, RootKeys, create_roots, root_names
from sscard_chip.security.diversify import diversify_chain
from sscard_chip.security.keystore import KeyStore, KeyStoreError
from sscard_chip.security.suite import SUITES

KEY = bytes(range(16))
HEX = KEY.hex().upper()
CHAIN = (b"510000sh", b"510100sx", bytes.fromhex("86845101C0666779"))
ONE = {("3des", "IRK", 1): KEY, ("sm4", "IRK", 2): KEY}


def test_created_roots_are_complete_and_all_different() -> None:
    drawn: list[bytes] = []

    def random(length: int) -> bytes:
        drawn.append(os.urandom(length))
        return drawn[-1]

    roots = create_roots(random)
    wanted = [
        (suite, name, version)
        for suite in SUITES
        for name, versions in root_names().items()
        for version in range(1, versions + 1)
    ]
    assert roots.slots() == sorted(wanted)
    assert len(drawn) == len(wanted)
    assert len(set(drawn)) == len(wanted)


@pytest.mark.parametrize(
    ("name", "versions"),
    [
        ("MKMF", 1),
        ("MKSSSE", 1),
        ("MKDF01", 1),
        ("MKDF04", 1),
        ("MKDF07", 1),
        ("IRK", 3),
        ("STKSSSE", 1),
        ("STKDF01", 1),
        ("UKSSSE", 3),
        ("BK", 1),
        ("PUK", 1),
        ("RKSSSE", 3),
        ("LKDF03", 1),
        ("LKDF04", 1),
        ("RK1DF01", 3),
        ("UK6DF01", 3),
        ("UKBDF01", 3),
        ("RK1DF02", 3),
        ("RK2DF03", 3),
        ("UK8DF03", 3),
        ("RK1DF04", 3),
        ("UK2DF04", 3),
        ("DPK", 3),
        ("DLK", 3),
        ("DTK", 3),
        ("DSK", 3),
        ("UK1DF05", 3),
        ("RK1DF06", 3),
        ("RK3DF07", 3),
    ],
)
def test_key_names_of_the_standard(name: str, versions: int) -> None:
    assert root_names()[name] == versions


def test_saved_roots_come_back(tmp_path: Path) -> None:
    path = tmp_path / "ROOTS.json"
    roots = create_roots()
    roots.save(path)
    assert RootKeys.load(path) == roots
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text())
    assert document["format"] == "sscard-root-keys/1"
    assert set(document) == {"format", "3des", "sm4"}
    assert re.fullmatch("[0-9A-F]{32}", document["sm4"]["RKSSSE"]["3"])


def test_saving_replaces_or_leaves_alone(tmp_path: Path) -> None:
    path = tmp_path / "ROOTS.json"
    path.write_text("old")
    path.chmod(0o644)
    RootKeys(ONE).save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(OSError, match="No such file"):
        RootKeys(ONE).save(tmp_path / "none" / "ROOTS.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        RootKeys(ONE).save(tmp_path / "folder")
    assert sorted(os.listdir(tmp_path)) == ["ROOTS.json", "folder"]


def test_the_store_serves_chains() -> None:
    store: KeyStore = RootKeys(ONE)
    for algorithm, version in (("3des", 1), ("sm4", 2)):
        suite = SUITES[algorithm]
        card_key = diversify_chain(suite, KEY, CHAIN)
        assert store.diversify(algorithm, "IRK", version, [CHAIN, (), CHAIN[:1]]) == [
            card_key,
            KEY,
            suite.diversify(KEY, CHAIN[0]),
        ]
        block = bytes(16)
        assert store.encrypt(algorithm, "IRK", version, CHAIN, block) == suite.encryptor(card_key)(
            block
        )
        assert store.mac(algorithm, "IRK", version, CHAIN, b"\1\2\3\4", b"message") == (
            suite.key_mac(card_key, b"\1\2\3\4", b"message")
        )


def test_the_store_says_what_it_lacks() -> None:
    roots = RootKeys(ONE, source="ROOTS.json")
    with pytest.raises(KeyStoreError) as caught:
        roots.diversify("3des", "IRK", 2, [CHAIN])
    assert str(caught.value) == "ROOTS.json: 3des: IRK: 2: the key is needed and missing"
    with pytest.raises(KeyStoreError, match="the suite must be one of 3des, sm4"):
        roots.diversify("ssf33", "IRK", 1, [CHAIN])
    with pytest.raises(KeyStoreError, match="whole blocks"):
        roots.encrypt("sm4", "IRK", 2, CHAIN, bytes(8))


def test_no_key_in_a_repr() -> None:
    assert repr(RootKeys(ONE)) == "<RootKeys, 2 keys>"


BAD: list[tuple[object, str]] = [
    ([], "must be a JSON object"),
    ({}, 'format: must be "sscard-root-keys/1"'),
    ({"format": "sscard-root-keys/2"}, 'format: must be "sscard-root-keys/1"'),
    ({"format": "sscard-root-keys/1"}, "holds no keys"),
    ({"ssf33": {"IRK": {"1": HEX}}}, "the suite must be one of 3des, sm4"),
    ({HEX: {}}, "the suite must be one of 3des, sm4"),
    ({"3des": []}, "3des: must be a JSON object"),
    ({"3des": {"IRK": HEX}}, "3des: IRK: must be a JSON object"),
    (
        {"3des": {"irk": {"1": HEX}}},
        "3des: a key: a key's name must be 2 to 32 capital letters, digits and _",
    ),
    (
        {"3des": {"IRK": {HEX: "1"}}},
        "3des: IRK: a version must be a number from 1 to 255",
    ),
    ({"3des": {"IRK": {"0": HEX}}}, "3des: IRK: a version must be a number from 1 to 255"),
    ({"3des": {"IRK": {"256": HEX}}}, "3des: IRK: a version must be a number from 1 to 255"),
    ({"sm4": {"IRK": {"1": HEX[:-1]}}}, "sm4: IRK: 1: must be 16 bytes, 32 hex digits"),
    ({"sm4": {"IRK": {"1": HEX + "00"}}}, "sm4: IRK: 1: must be 16 bytes, 32 hex digits"),
    ({"sm4": {"IRK": {"1": "G" + HEX[1:]}}}, "sm4: IRK: 1: must be 16 bytes, 32 hex digits"),
    ({"sm4": {"IRK": {"1": 1}}}, "sm4: IRK: 1: must be 16 bytes, 32 hex digits"),
]


@pytest.mark.parametrize(("document", "rule"), BAD)
def test_bad_files(tmp_path: Path, document: object, rule: str) -> None:
    path = tmp_path / "ROOTS.json"
    if isinstance(document, dict) and document:
        document = {"format": "sscard-root-keys/1"} | document
    path.write_text(json.dumps(document))
    with pytest.raises(RootKeyError) as caught:
        RootKeys.load(path)
    assert str(caught.value) == f"{path}: {rule}"
    assert HEX[1:-1] not in repr(caught.value)


def test_a_file_that_is_no_json_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "ROOTS.json"
    path.write_text(f'{{"format": "sscard-root-keys/1", "3des": {{"IRK": {{"1": "{HEX}"')
    with pytest.raises(RootKeyError) as caught:
        RootKeys.load(path)
    error: BaseException | None = caught.value
    while error:
        assert HEX not in repr(error)
        assert HEX not in str(vars(error))
        error = error.__context__


@pytest.mark.parametrize(
    ("slot", "key", "rule"),
    [
        (("des", "IRK", 1), KEY, "the suite must be"),
        (("3des", "I", 1), KEY, "a key's name must be"),
        (("3des", "IRK", 0), KEY, "a version must be"),
        (("3des", "IRK", 1), KEY[:8], "a key must be 16 bytes"),
    ],
)
def test_bad_keys_in_memory(slot: tuple[str, str, int], key: bytes, rule: str) -> None:
    with pytest.raises(RootKeyError, match=rule):
        RootKeys({slot: key})


def test_roots_go_to_workers_after_they_have_worked() -> None:
    roots = create_roots()
    chain = [bytes(8), bytes(8), bytes(8)]
    key = roots.diversify("sm4", "IRK", 1, [chain])
    again = pickle.loads(pickle.dumps(roots))
    assert again == roots
    assert again.source == roots.source
    assert again.diversify("sm4", "IRK", 1, [chain]) == key
