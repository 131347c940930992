# SPDX-License-Identifier: Apache-2.0
"""Stores in files, the working keys of a batch, the address of a token."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuance.roots import RootKeyError, RootKeys
from issuance.stores import WorkingKeys, check_value, create_file_store, open_store
from issuance.stores.encrypted import Cost, EncryptedStore
from issuance.stores.tokenurl import TokenUrl
from sscard_chip.security.diversify import Chains, diversify_chain
from sscard_chip.security.keystore import KeyStoreError
from sscard_chip.security.suite import SUITES

PASSPHRASE = "correct horse battery"
CHEAP = Cost(n=2**14)
KEY = bytes(range(16))
ONE = RootKeys({("3des", "IRK", 1): KEY, ("sm4", "IRK", 2): KEY})
CHAIN = (b"510000sh", b"510100sx", bytes.fromhex("86845101C0666779"))

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """An encrypted file with ONE."""
    path = tmp_path / "issuer.keys"
    EncryptedStore.create(path, PASSPHRASE, cost=CHEAP).add(ONE)
    return path


def fault(path: Path, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(KeyStoreError) as caught:
        open_store(path, passphrase)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


# --- both kinds of file ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "encrypted"])
def test_a_file_gives_what_was_put_in(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "roots"
    with create_file_store(path, kind, PASSPHRASE) as made:
        made.add(ONE)
        assert made.slots() == ONE.slots()
    assert made.slots() == []  # closed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["roots"]
    asked: list[str] = []

    def ask(purpose: str) -> str:
        asked.append(purpose)
        return PASSPHRASE

    with open_store(path, ask) as store:
        assert store.kind == kind
        assert store.source == str(path)
        assert store.slots() == ONE.slots()
        for slot in ONE.slots():
            assert store.diversify(*slot, [CHAIN, ()]) == ONE.diversify(*slot, [CHAIN, ()])
            assert store.mac(*slot, CHAIN, b"\1", b"m") == ONE.mac(*slot, CHAIN, b"\1", b"m")
            assert store.encrypt(*slot, CHAIN, KEY) == ONE.encrypt(*slot, CHAIN, KEY)
    assert asked == ([f"Passphrase of {path}"] if kind == "encrypted" else [])


@pytest.mark.parametrize("kind", ["plain", "encrypted"])
def test_keys_are_added_and_replaced_only_on_demand(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "roots"
    other = RootKeys({("3des", "IRK", 1): KEY[::-1], ("3des", "BK", 1): KEY})
    with create_file_store(path, kind, PASSPHRASE) as store:
        store.add(ONE)
        before = path.read_bytes()
        with pytest.raises(RootKeyError, match=r"3des: IRK: 1: the key is there already"):
            store.add(other)
        assert path.read_bytes() == before
        assert store.slots() == ONE.slots()
        told: list[int] = []
        store.add(other, replace=True, done=told.append)
        store.generate([("sm4", "BK", 3)], done=told.append)
        assert told == [2, 1]
    with open_store(path, PASSPHRASE) as store:
        assert store.diversify("3des", "IRK", 1, [()]) == [KEY[::-1]]
        assert store.diversify("sm4", "IRK", 2, [()]) == [KEY]
        assert store.slots() == sorted([*ONE.slots(), ("3des", "BK", 1), ("sm4", "BK", 3)])
        assert store.diversify("sm4", "BK", 3, [()]) != [KEY]


def test_a_fault_while_writing_leaves_the_old_file(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sealed.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with open_store(sealed, PASSPHRASE) as store:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(KeyStoreError) as caught:
            store.generate([("sm4", "BK", 1)])
        assert str(caught.value) == f"{sealed}: cannot be written (No space left on device)"
        assert store.slots() == ONE.slots()
    assert sealed.read_bytes() == before
    assert os.listdir(sealed.parent) == [sealed.name]


def test_files_of_no_known_kind(tmp_path: Path) -> None:
    path = tmp_path / "roots"
    assert "cannot be read (No such file or directory)" in fault(path)
    path.write_text('{"format": "sscard-root-keys/9"}')
    assert fault(path).startswith('format: must be "sscard-root-keys/1" or "sscard-encrypted')
    for text in ("[]", '{"format": 1}', "{}"):
        path.write_text(text)
        assert "must be" in fault(path)
    path.write_bytes(b"\x00\xff")
    assert fault(path) == "must be UTF-8 text"


# --- the encrypted file ---------------------------------------------------------------------------


def test_the_envelope(sealed: Path) -> None:
    document = json.loads(sealed.read_text())
    assert document["format"] == "sscard-encrypted-root-keys/1"
    assert document["kdf"] | {"salt": ""} == {
        "name": "scrypt",
        "salt": "",
        "n": 2**14,
        "r": 8,
        "p": 1,
    }
    assert document["cipher"]["name"] == "aes-256-gcm"
    # What the page promises, done by hand: anybody can open it with the passphrase.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    sealed_text = base64.b64decode(document.pop("ciphertext"))
    salt = bytes.fromhex(document["kdf"]["salt"])
    key = Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(PASSPHRASE.encode())
    header = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    nonce = bytes.fromhex(document["cipher"]["nonce"])
    assert AESGCM(key).decrypt(nonce, sealed_text, header) == ONE.document()


def test_a_new_file_costs_a_guesser_128_mib() -> None:
    assert Cost().n * Cost().r * 128 == 128 * 2**20


def test_each_writing_has_its_own_nonce(sealed: Path) -> None:
    nonces = {json.loads(sealed.read_text())["cipher"]["nonce"]}
    with open_store(sealed, PASSPHRASE) as store:
        for version in (5, 6, 7):
            store.generate([("sm4", "BK", version)])
            nonces.add(json.loads(sealed.read_text())["cipher"]["nonce"])
    assert len(nonces) == 4


def test_wrong_passphrase(sealed: Path) -> None:
    wrong = "the passphrase is wrong or the file is damaged"
    assert fault(sealed, PASSPHRASE + " ") == wrong
    assert fault(sealed, "") == "is encrypted and needs its passphrase"


def test_one_passphrase_however_it_is_typed(tmp_path: Path) -> None:
    path = tmp_path / "issuer.keys"
    EncryptedStore.create(path, "caf\u00e9 密码密码密码密码", cost=CHEAP).add(ONE)
    with open_store(path, "cafe\u0301 密码密码密码密码") as store:
        assert store.slots() == ONE.slots()


@pytest.mark.parametrize("short", ["", "elevenchars"])
def test_a_new_passphrase_has_a_length(short: str, tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="must have 12 characters or more"):
        create_file_store(tmp_path / "x", "encrypted", short)
    assert os.listdir(tmp_path) == []


def flip(text: str, at: int) -> str:
    return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]


CHANGES: list[tuple[Change, str]] = [
    (lambda d: d["kdf"].update(salt=flip(d["kdf"]["salt"], 3)), "is wrong or the file is damaged"),
    (lambda d: d["kdf"].update(n=2**15), "is wrong or the file is damaged"),
    (lambda d: d["kdf"].update(p=2), "is wrong or the file is damaged"),
    (
        lambda d: d["cipher"].update(nonce=flip(d["cipher"]["nonce"], 0)),
        "is wrong or the file is damaged",
    ),
    (lambda d: d.update(ciphertext=flip(d["ciphertext"], 9)), "is wrong or the file is damaged"),
    (lambda d: d.update(ciphertext=d["ciphertext"][:-8]), "is wrong or the file is damaged"),
    (lambda d: d.update(ciphertext="AAAA"), "ciphertext: must be base64 of more than the tag"),
    (lambda d: d.update(ciphertext="?" * 40), "ciphertext: must be base64 of more than the tag"),
    (lambda d: d.update(ciphertext=7), "ciphertext: must be base64 of more than the tag"),
    (lambda d: d["kdf"].update(n=2**13), "kdf: n: must be from 16384 to 1048576"),
    (lambda d: d["kdf"].update(n=2**30), "kdf: n: must be from 16384 to 1048576"),
    (lambda d: d["kdf"].update(n=20000), "kdf: n: must be a power of two"),
    (lambda d: d["kdf"].update(n="16384"), "kdf: n: must be a whole number"),
    (lambda d: d["kdf"].update(r=1), "kdf: r: must be from 8 to 8"),
    (lambda d: d["kdf"].update(p=True), "kdf: p: must be a whole number"),
    (lambda d: d["kdf"].update(p=99), "kdf: p: must be from 1 to 4"),
    (lambda d: d["kdf"].update(salt="00"), "kdf: salt: must be 32 lower-case hex digits"),
    (lambda d: d["kdf"].update(name="md5"), 'kdf: name: must be "scrypt"'),
    (lambda d: d["cipher"].update(name="rot13"), 'cipher: name: must be "aes-256-gcm"'),
    (lambda d: d["kdf"].update(more=1), "kdf: must be an object of n, name, p, r, salt"),
    (lambda d: d.update(cipher=[]), "cipher: must be an object of name, nonce"),
    (lambda d: d.pop("kdf"), "must be an object of cipher, ciphertext, format, kdf"),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_damage(number: int, sealed: Path) -> None:
    change, rule = CHANGES[number]
    document = json.loads(sealed.read_text())
    change(document)
    sealed.write_text(json.dumps(document))
    assert fault(sealed).endswith(rule)


def test_a_cut_file(sealed: Path) -> None:
    sealed.write_bytes(sealed.read_bytes()[:-20])
    assert fault(sealed).startswith("is not JSON")


def test_nothing_secret_in_a_repr(sealed: Path) -> None:
    with open_store(sealed, PASSPHRASE) as store:
        shown = f"{store!r} {vars(store)}"
    assert PASSPHRASE not in shown
    assert KEY.hex() not in shown.lower()
    assert repr(KEY)[2:-1] not in shown


# --- check values ---------------------------------------------------------------------------------


def test_check_values() -> None:
    assert check_value(ONE, ("3des", "IRK", 1)).hex() == "ddada1"
    known = RootKeys({("sm4", "IRK", 1): bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")})
    suite = SUITES["sm4"]
    assert (
        check_value(known, ("sm4", "IRK", 1))
        == suite.encryptor(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))(bytes(16))[:3]
    )


# --- working keys ---------------------------------------------------------------------------------


class Counting:
    """Roots that count how often they are asked, and for how many chains."""

    def __init__(self, roots: RootKeys) -> None:
        self._roots = roots
        self.asked: list[int] = []

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        self.asked.append(len(chains))
        return self._roots.diversify(algorithm, name, version, chains)

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        self.asked.append(0)
        return self._roots.encrypt(algorithm, name, version, factors, data)

    def mac(
        self,
        algorithm: str,
        name: str,
        version: int,
        factors: Sequence[bytes],
        iv: bytes,
        message: bytes,
    ) -> bytes:
        self.asked.append(0)
        return self._roots.mac(algorithm, name, version, factors, iv, message)


def cards(count: int, city: bytes = b"510100sx") -> list[tuple[bytes, ...]]:
    return [(city[:2] + b"0000sh", city, number.to_bytes(8)) for number in range(count)]


def test_a_root_is_asked_once_for_each_city() -> None:
    store = Counting(ONE)
    other = cards(3, b"330100sx")
    with WorkingKeys(store) as working:
        for _ in range(3):
            keys = working.diversify("sm4", "IRK", 2, cards(5) + other)
            assert keys == ONE.diversify("sm4", "IRK", 2, cards(5) + other)
            assert working.diversify("sm4", "IRK", 2, cards(1)) == keys[:1]
            working.encrypt("sm4", "IRK", 2, CHAIN, KEY)
            working.mac("sm4", "IRK", 2, CHAIN, b"", b"message")
        assert store.asked == [2]
        working.diversify("3des", "IRK", 1, Chains(cards(5)))
        assert store.asked == [2, 1]
        working.close()
        working.diversify("sm4", "IRK", 2, cards(1))
        assert store.asked == [2, 1, 1]


def test_room_for_parents_is_limited() -> None:
    store = Counting(ONE)
    cities = [b"%06dsx" % city for city in range(510100, 510105)]
    with WorkingKeys(store, capacity=3) as working:
        for city in cities * 2:
            chains = cards(2, city)
            assert working.diversify("sm4", "IRK", 2, chains) == ONE.diversify(
                "sm4", "IRK", 2, chains
            )
        everything = [chain for city in cities for chain in cards(2, city)]
        assert working.diversify("sm4", "IRK", 2, everything) == ONE.diversify(
            "sm4", "IRK", 2, everything
        )
    assert len(store.asked) == 11


def test_what_has_no_parent_is_asked_of_the_store() -> None:
    store = Counting(ONE)
    mixed: list[tuple[bytes, ...]] = [(), CHAIN[:1], CHAIN]
    with WorkingKeys(store) as working:
        assert working.diversify("3des", "IRK", 1, mixed) == ONE.diversify("3des", "IRK", 1, mixed)
        assert working.encrypt("3des", "IRK", 1, (), KEY) == ONE.encrypt("3des", "IRK", 1, (), KEY)
        assert working.mac("3des", "IRK", 1, (), b"", b"") == ONE.mac(
            "3des", "IRK", 1, (), b"", b""
        )
        assert store.asked == [3, 0, 0]
        assert working.diversify("3des", "IRK", 1, []) == []
        for wrong in ("ssf33", "3des"):
            with pytest.raises(KeyStoreError):
                working.diversify(wrong, "IRK", 2, [CHAIN])
        with pytest.raises(KeyStoreError, match="a factor must be 8 bytes"):
            working.diversify("3des", "IRK", 1, [(b"", b"")])


factors = st.sampled_from([bytes(8), b"\xff" * 8, b"510000sh", b"510100sx"])
chain_lists = st.lists(st.lists(factors, max_size=3), max_size=12)


@given(algorithm=st.sampled_from(["3des", "sm4"]), chains=chain_lists)
def test_prepared_chains_are_the_chains(algorithm: str, chains: list[list[bytes]]) -> None:
    suite = SUITES[algorithm]
    prepared = Chains(chains)
    assert list(prepared) == chains
    assert Chains.of(prepared) is prepared
    roots = RootKeys({(algorithm, "IRK", 1): KEY})
    alone = [diversify_chain(suite, KEY, chain) for chain in chains]
    assert roots.diversify(algorithm, "IRK", 1, prepared) == alone
    with WorkingKeys(roots) as working:
        assert working.diversify(algorithm, "IRK", 1, chains) == alone
        assert working.diversify(algorithm, "IRK", 1, prepared) == alone


# --- the address of a token -----------------------------------------------------------------------


def test_token_addresses() -> None:
    assert TokenUrl.parse("pkcs11:token=a%20b%3b;serial=00ff?module-path=/lib/x.so") == TokenUrl(
        "a b;", "/lib/x.so", "00ff"
    )


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("pkcs11:", "token is missing"),
        ("pkcs11:token=?module-path=/x", "token is missing"),
        ("pkcs11:token=a", "module-path is missing"),
        ("pkcs11:token=a?module-path=/x&pin-value=123456", "a PIN does not belong"),
        ("pkcs11:token=a?module-path=/x&pin-source=file:/x", "a PIN does not belong"),
        ("pkcs11:token=a;pin-value=123456?module-path=/x", "a PIN does not belong"),
        ("pkcs11:token=a;object=b?module-path=/x", "only token, serial may stand here"),
        ("pkcs11:token=a;token=b?module-path=/x", "token stands twice"),
        ("pkcs11:token?module-path=/x", "only token, serial may stand here"),
    ],
)
def test_bad_token_addresses(address: str, rule: str) -> None:
    with pytest.raises(KeyStoreError, match=rule) as caught:
        open_store(address)
    assert "123456" not in str(caught.value)
