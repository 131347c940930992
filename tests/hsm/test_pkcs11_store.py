# SPDX-License-Identifier: Apache-2.0
"""Root keys in a token: what it serves, what it keeps, and what happens when it goes away."""

from __future__ import annotations

import multiprocessing
import shutil
import sys
from pathlib import Path

import pytest

from issuance.holder import Holder
from issuance.personalise import default_profile, prepare
from issuance.psam import make_psam
from issuance.roots import RootKeyError, RootKeys, create_roots, root_slots
from issuance.stores import WorkingKeys, check_value, open_store
from issuance.stores.pkcs11 import Pkcs11Store
from issuance.stores.token import SessionLostError, TokenError
from issuance.stores.tokenurl import TokenUrl
from sscard_chip.security.keystore import KeyStore, KeyStoreError
from tests.hsm.conftest import PIN, SLOTS, Tokens

CARD = bytes.fromhex("86845101C0666779")
CHAIN = (b"510000sh", b"510100sx", CARD)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def restart(tokens: Tokens) -> None:
    """What a restarted module does to whoever uses it: every session is gone."""
    import pkcs11

    pkcs11.lib(tokens.module).reinitialize()


# --- serving --------------------------------------------------------------------------------------


def test_the_vector_of_the_specification(tokens: Tokens) -> None:
    root = bytes(range(16))
    with open_store(tokens.make(), PIN) as store:
        store.add(RootKeys({("3des", "IRK", 1): root, ("sm4", "IRK", 1): root}))
        keys = [store.diversify(suite, "IRK", 1, [CHAIN])[0] for suite in ("3des", "sm4")]
    assert [key.hex().upper() for key in keys] == [
        "D62D066CB177A599BDED1570F30CC39A",
        "41A597CDDCC7844D31FCDD80D54F2608",
    ]


def test_a_batch_is_one_call(
    store: Pkcs11Store, roots: RootKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    chains: list[tuple[bytes, ...]] = [
        (province, province[:2] + b"0100sx", number.to_bytes(8))
        for province in (b"510000sh", b"330000sh")
        for number in range(500)
    ]
    chains += [(b"510000sh",), (CARD,)]
    calls: list[int] = []
    encipher = Pkcs11Store._encipher

    def counted(self: Pkcs11Store, slot: tuple[str, str, int], blocks: bytes) -> bytes:
        calls.append(len(blocks))
        return encipher(self, slot, blocks)

    monkeypatch.setattr(Pkcs11Store, "_encipher", counted)
    keys = store.diversify("3des", "DPK", 2, chains)
    assert keys == roots.diversify("3des", "DPK", 2, chains)
    assert calls == [4 * 16]  # two provinces, and the two chains of one level


def test_many_blocks_under_a_root(store: Pkcs11Store, roots: RootKeys) -> None:
    chains = [(number.to_bytes(8),) for number in range(5000)]
    assert store.diversify("3des", "DPK", 1, chains) == roots.diversify("3des", "DPK", 1, chains)


def test_a_card_and_a_psam_are_as_from_a_file(tokens: Tokens) -> None:
    holder = Holder.load(EXAMPLES / "holder.json")
    profile = default_profile(1, holder)
    every = create_roots()
    names = {key.root for directory in profile.directories for key in directory.keys}
    names |= {slot[1] for slot in root_slots() if slot[1].startswith("MK")}
    some = RootKeys(
        {
            slot: every.diversify(*slot, [()])[0]
            for slot in every.slots()
            if slot[0] == "3des" and slot[1] in names
        }
    )
    with open_store(tokens.make(), PIN) as store:
        store.add(some)
        serial = bytes.fromhex("00C0FFEE")
        made = [prepare(profile, keys, holder, serial=serial) for keys in (some, store)]
        assert made[0].keys == made[1].keys
        assert made[0].master_keys == made[1].master_keys
        assert made[0].identification == made[1].identification
        with WorkingKeys(store) as working:
            again = prepare(profile, working, holder, serial=serial)
        assert again.keys == made[0].keys


def test_a_psam_of_level_1_takes_roots(store: Pkcs11Store) -> None:
    with pytest.raises(KeyStoreError, match="a root does not leave the token"):
        store.diversify("3des", "DPK", 1, [CHAIN, ()])
    with pytest.raises(KeyStoreError):
        make_psam(store, level=1, terminal_id="510100000001", algorithm="3des")
    with pytest.raises(KeyStoreError, match="a root does not leave the token"):
        store.mac("3des", "DPK", 1, (), b"", b"message")


def test_what_is_asked_wrongly(store: Pkcs11Store) -> None:
    with pytest.raises(KeyStoreError, match=": 3des: IRK: 9: the key is needed and missing"):
        store.diversify("3des", "IRK", 9, [CHAIN])
    with pytest.raises(KeyStoreError, match=": sm4: MKMF: 1: the key is needed and missing"):
        store.encrypt("sm4", "MKMF", 1, (), bytes(16))
    with pytest.raises(KeyStoreError, match="must be one of 3des, sm4"):
        store.diversify("ssf33", "DPK", 1, [CHAIN])
    with pytest.raises(KeyStoreError, match="a factor must be 8 bytes"):
        store.diversify("3des", "DPK", 1, [(bytes(7),)])
    with pytest.raises(KeyStoreError, match="whole blocks"):
        store.encrypt("3des", "DPK", 1, (), bytes(9))
    with pytest.raises(KeyStoreError, match="at most 8 bytes"):
        store.mac("3des", "DPK", 1, CHAIN, bytes(9), b"")
    assert store.slots() == sorted(SLOTS)


# --- what the token has ---------------------------------------------------------------------------


@pytest.mark.parametrize("imported", [True, False])
def test_3des_roots_are_sensitive_and_not_extractable(
    imported: bool, tokens: Tokens, roots: RootKeys
) -> None:
    import pkcs11
    from pkcs11 import Attribute, ObjectClass
    from pkcs11.exceptions import AttributeSensitive, PKCS11Error

    address = tokens.make()
    with open_store(address, PIN) as store:
        if imported:
            store.add(roots)
        else:
            store.generate(SLOTS)
        assert store.slots() == sorted(SLOTS)
    url = TokenUrl.parse(address)
    token = pkcs11.lib(url.module).get_token(token_label=url.token)
    with token.open() as session:  # without the PIN there is nothing to see
        assert list(session.get_objects()) == []
    with token.open(user_pin=PIN) as session:
        keys = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))
        assert len(keys) == sum(suite == "3des" for suite, *_ in SLOTS)
        for key in keys:
            assert key[Attribute.PRIVATE]
            assert key[Attribute.SENSITIVE]
            assert not key[Attribute.EXTRACTABLE]
            for right in (Attribute.DECRYPT, Attribute.SIGN, Attribute.WRAP, Attribute.DERIVE):
                assert not key[right]
            with pytest.raises(AttributeSensitive):
                key[Attribute.VALUE]
            with pytest.raises(PKCS11Error):
                key[Attribute.EXTRACTABLE] = True
        data = list(session.get_objects({Attribute.CLASS: ObjectClass.DATA}))
        assert len(data) == len(SLOTS) - len(keys)
        assert all(item[Attribute.PRIVATE] for item in data)


def test_made_keys_differ_and_stay(tokens: Tokens) -> None:
    address = tokens.make()
    with open_store(address, PIN) as store:
        store.generate(SLOTS)
        values = {slot: check_value(store, slot) for slot in SLOTS}
    assert len(set(values.values())) == len(SLOTS)
    with open_store(address, PIN) as store:
        assert {slot: check_value(store, slot) for slot in SLOTS} == values
        with pytest.raises(KeyStoreError, match=r"and 7 more: the key is there already"):
            store.generate(SLOTS)
        with pytest.raises(RootKeyError, match="keys in a token are not replaced"):
            store.add(RootKeys({SLOTS[0]: bytes(range(16))}), replace=True)
        assert {slot: check_value(store, slot) for slot in SLOTS} == values


def test_objects_of_others_are_left_alone(tokens: Tokens, filled: str) -> None:
    import pkcs11
    from pkcs11 import Attribute, KeyType, ObjectClass

    url = TokenUrl.parse(filled)
    token = pkcs11.lib(url.module).get_token(token_label=url.token)
    with token.open(rw=True, user_pin=PIN) as session:
        for label in ("sscard/3des/irk/1", "sscard/sm4/BK/1", "other", ""):
            session.generate_key(KeyType.DES2, label=label, store=True)
        session.create_object(
            {Attribute.CLASS: ObjectClass.DATA, Attribute.LABEL: "x", Attribute.TOKEN: True}
        )
    with open_store(filled, PIN) as store:
        assert store.slots() == sorted(SLOTS)
    with token.open(rw=True, user_pin=PIN) as session:
        session.generate_key(KeyType.DES2, label="sscard/3des/DPK/1", store=True)
    with pytest.raises(KeyStoreError, match="3des: DPK: 1: the token has two of this key"):
        open_store(filled, PIN)


# --- opening --------------------------------------------------------------------------------------


def test_wrong_pin(filled: str, store: Pkcs11Store) -> None:
    store.close()
    with pytest.raises(TokenError) as caught:
        open_store(filled, "27182819")
    assert str(caught.value).endswith(": the PIN is wrong")
    with pytest.raises(KeyStoreError, match="needs its PIN"):
        open_store(filled)
    with pytest.raises(TokenError, match="is closed"):
        store.slots()


def test_what_is_not_there(tokens: Tokens, tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="there is no such token in"):
        open_store(tokens.address("nobody"), PIN)
    with pytest.raises(TokenError, match=r"nothing\.so cannot be loaded"):
        open_store("pkcs11:token=a?module-path=/nowhere/nothing.so", PIN)
    text = tmp_path / "text.so"
    text.write_text("no library")
    with pytest.raises(TokenError, match="cannot be loaded"):
        open_store(f"pkcs11:token=a?module-path={text}", PIN)


def test_two_tokens_of_one_name_need_the_serial(tokens: Tokens) -> None:
    import pkcs11

    first = TokenUrl.parse(tokens.make())
    serial = pkcs11.lib(first.module).get_token(token_label=first.token).serial.decode()
    address = f"pkcs11:token={first.token};serial={serial}?module-path={first.module}"
    with open_store(address, PIN) as store:
        assert store.slots() == []
    with pytest.raises(TokenError, match="no such token"):
        open_store(address.replace(serial, "0" * 16), PIN)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(KeyStoreError, match=r"pip install '\.\[hsm\]' in a clone of sscard-chip"):
        open_store("pkcs11:token=a?module-path=/nowhere/nothing.so", PIN)


# --- going away -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_a_lost_session_is_said_once_and_then_renewed(
    algorithm: str, tokens: Tokens, store: Pkcs11Store, roots: RootKeys
) -> None:
    wanted = roots.diversify(algorithm, "DPK", 1, [CHAIN])
    assert store.diversify(algorithm, "DPK", 1, [CHAIN]) == wanted
    restart(tokens)
    with pytest.raises(SessionLostError) as caught:
        store.diversify(algorithm, "DPK", 1, [CHAIN])
    assert "the session is lost" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert store.diversify(algorithm, "DPK", 1, [CHAIN]) == wanted


def test_a_token_that_is_away_and_comes_back(
    tokens: Tokens, store: Pkcs11Store, roots: RootKeys
) -> None:
    folder, away = tokens.folder / "tokens", tokens.folder / "away"
    folder.rename(away)
    try:
        for _ in range(3):
            with pytest.raises(KeyStoreError) as caught:
                store.encrypt("3des", "DPK", 1, (), bytes(8))
            assert "\n" not in str(caught.value)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        away.rename(folder)
    restart(tokens)
    answers = []
    for _ in range(2):  # one request may tell of the session that the restart ended
        try:
            answers.append(store.encrypt("3des", "DPK", 1, (), bytes(8)))
        except SessionLostError:
            continue
    assert answers[-1] == roots.encrypt("3des", "DPK", 1, (), bytes(8))


def test_a_batch_goes_on_after_a_lost_session(
    tokens: Tokens, store: Pkcs11Store, roots: RootKeys
) -> None:
    other = (b"330000sh", b"330100sx", CARD)
    with WorkingKeys(store) as working:
        first = working.diversify("3des", "DPK", 1, [CHAIN])
        restart(tokens)
        assert working.diversify("3des", "DPK", 1, [CHAIN]) == first  # needs no token
        with pytest.raises(SessionLostError):
            working.diversify("3des", "DPK", 1, [other])
        assert working.diversify("3des", "DPK", 1, [CHAIN, other]) == roots.diversify(
            "3des", "DPK", 1, [CHAIN, other]
        )


def derive(store: KeyStore) -> list[bytes]:
    return store.diversify("3des", "DPK", 1, [CHAIN])


def in_child(store: Pkcs11Store, wanted: list[bytes]) -> None:
    sys.exit(0 if derive(store) == wanted else 3)


def test_a_forked_process_logs_in_for_itself(store: Pkcs11Store, roots: RootKeys) -> None:
    wanted = derive(roots)
    assert derive(store) == wanted
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(store, wanted))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert derive(store) == wanted
