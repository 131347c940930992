# SPDX-License-Identifier: Apache-2.0
"""The certificate application command by command: what it answers, what it refuses."""

from __future__ import annotations

import sys

import gmalg
import pytest

from sscard_chip.card import Card
from sscard_chip.profile.pki import PkiContents, add_pki, delivery_master_key
from sscard_chip.security import sm2
from tests.bench import account_cards as medical
from tests.bench.exchange import SUCCESS
from tests.bench.pki_cards import (
    ADMIN,
    EXPORT,
    GENERATE,
    MASTER,
    NAME_ENCRYPTION,
    NAME_SIGNATURE,
    SELECT_CERT,
    SELECT_PKI,
    USER,
    PkiTerminal,
    new_card,
    new_memory,
    pair,
    sm3,
    sm4,
    verifies,
)


@pytest.fixture
def card() -> Card:
    return new_card()


@pytest.fixture
def terminal(card: Card) -> PkiTerminal:
    terminal = PkiTerminal(card.transmit)
    terminal.enter()
    return terminal


def test_fci_of_both_directories(card: Card) -> None:
    terminal = PkiTerminal(card.transmit)
    environment = "6F14840C504B492EC9E7BBE1B1A3D5CF730492023330"
    application = "6F0E840C53532E434552542E41444631"
    assert terminal.ok(SELECT_PKI).hex().upper() == environment
    assert terminal.ok("00A4000002DF01").hex().upper() == application
    assert terminal.ok(SELECT_CERT).hex().upper() == application
    assert terminal.ok("00A4030000").hex().upper() == environment


def test_digests_of_the_delivery_pins(terminal: PkiTerminal) -> None:
    """The values that programs carry in them."""
    user = terminal.ok("80C4010305C10312345600")
    assert user.hex().upper().startswith("3DE741F445DD357BEA4E6C3FE6437036")
    assert len(user) == 32
    admin = terminal.ok("80C4010306C1041234567800")
    assert admin.hex().upper().startswith("4D59306C")
    assert terminal.ok(bytes.fromhex("80C40103FFC181FC") + bytes(252)) == sm3(bytes(252))
    for wrong in ("80C4010300", "80C4010305C203123456", "80C4010304C103123456", "80C40103020000"):
        assert terminal.sw(wrong) in (0x6A80, 0x6700)


@pytest.mark.parametrize("length", [4, 8, 16])
def test_a_short_challenge_is_filled(terminal: PkiTerminal, length: int) -> None:
    key = sm3(USER)[:16]
    challenge = terminal.challenge(length).ljust(16, b"\0")
    assert terminal.sw(bytes.fromhex("0020018110") + sm4(key, challenge)) == SUCCESS


@pytest.mark.parametrize(("pin", "admin"), [(USER, False), (ADMIN, True)])
def test_retry_counters(card: Card, pin: bytes, admin: bool) -> None:
    """63Cx down to 0, then 6983 for whatever comes; the other PIN is not touched; power is no
    help; a right one gives all tries back."""
    terminal = PkiTerminal(card.transmit)
    terminal.enter()
    ask = "0020010000" if admin else "0020018100"
    assert terminal.sw(ask) == 0x63C6
    assert terminal.login(b"\x99\x99", admin=admin) == 0x63C5
    assert terminal.login(pin, admin=admin) == SUCCESS
    for left in range(5, -1, -1):
        assert terminal.login(b"\x99\x99", admin=admin) == 0x63C0 | left
        card.power_on()
        terminal.enter()
    assert terminal.sw(ask) == 0x6983
    assert terminal.login(pin, admin=admin) == 0x6983
    assert terminal.sw(terminal.new_pin(pin, b"\x11\x11", 0 if admin else 0x81)) == 0x6983
    assert terminal.login(USER if admin else ADMIN, admin=not admin) == SUCCESS


def test_a_challenge_serves_once(terminal: PkiTerminal) -> None:
    proof = sm4(sm3(USER)[:16], terminal.challenge(16))
    assert terminal.sw(bytes.fromhex("0020018110") + proof) == SUCCESS
    assert terminal.sw(bytes.fromhex("0020018110") + proof) == 0x6984
    assert terminal.sw("0020018100") == 0x63C6


def test_pins_are_those_of_the_application(terminal: PkiTerminal) -> None:
    assert terminal.sw("0020018010" + "00" * 16) == 0x6A86
    assert terminal.sw("0020008110" + "00" * 16) == 0x6A86
    assert terminal.sw("0020018108" + "00" * 8) == 0x6700
    terminal.ok(SELECT_PKI)
    assert terminal.sw("0020018110" + "00" * 16) == 0x6A88


def test_a_key_pair_is_made_in_the_card(terminal: PkiTerminal) -> None:
    assert terminal.sw(NAME_SIGNATURE) == 0x6A88
    assert terminal.sw(GENERATE) == 0x6982
    assert terminal.login() == SUCCESS
    first = terminal.generate()
    assert sm2.on_curve(first)
    terminal.ok(NAME_SIGNATURE)
    assert terminal.ok(EXPORT)[2:] == first
    second = terminal.generate()
    assert first != second
    terminal.ok(NAME_SIGNATURE)
    assert terminal.send("80C9828010") == (b"", 0x6C42)
    assert terminal.ok(EXPORT)[2:] == second
    assert terminal.sw(EXPORT) == 0x6985
    assert terminal.sw("8040000008C0020014C2020015") == 0x6A80
    assert terminal.sw("8040000008C0020012C2020015") == 0x6A80


def test_private_keys_are_never_read(terminal: PkiTerminal) -> None:
    terminal.ready()
    terminal.generate()
    for fid in ("0013", "0015", "0002"):
        assert terminal.sw(f"00A4000002{fid}") == 0x6A82
        assert terminal.sw(f"00A4020002{fid}") == 0x6A82
    for sfi in (0x13, 0x15, 0x02):
        assert terminal.sw(bytes((0x00, 0xB0, 0x80 | sfi, 0, 0))) == 0x6A82
    terminal.ok("00A40000020012")
    assert terminal.sw("00D6000001FF") == 0x6982


def test_a_signature_needs_the_users_pin(terminal: PkiTerminal) -> None:
    e = sm3(b"what is signed")
    command = bytes.fromhex("002A9E9A20") + e
    assert terminal.sw(command) == 0x6982
    assert terminal.login() == SUCCESS
    assert terminal.sw(command) == 0x6A88
    public = terminal.generate()
    signature = terminal.sign(e)
    assert verifies(public, e, signature)
    assert not verifies(public, sm3(b"another"), signature)
    assert terminal.sign(e) != signature
    assert terminal.sw(bytes.fromhex("002A9E9A1F") + e[1:]) == 0x6700
    assert terminal.sw(bytes.fromhex("002A9E9B20") + e) == 0x6A86
    terminal.ok(SELECT_PKI, SELECT_CERT)
    assert terminal.login(ADMIN, admin=True) == SUCCESS
    assert terminal.sw(command) == 0x6982


def test_the_encryption_pair_comes_in_an_envelope(terminal: PkiTerminal) -> None:
    terminal.ready()
    terminal.generate()
    secret, public = pair()
    assert terminal.import_pair(secret, public) == SUCCESS
    assert terminal.public(0x14) == public
    terminal.ok(NAME_ENCRYPTION)
    assert terminal.ok(EXPORT)[2:] == public
    for length in (1, 16, 120):
        plain = bytes(range(length))
        envelope = gmalg.SM2(pk=b"\x04" + public).encrypt(plain)[1:]
        objects = b"\xc2\x02\x00\x15\xc1\x81"
        data = objects + bytes((len(envelope),)) + envelope
        assert terminal.ok(bytes((0x80, 0x4E, 0x00, 0x01, len(data))) + data) == plain


def test_the_private_key_must_be_that_of_the_public(terminal: PkiTerminal) -> None:
    terminal.ready()
    terminal.generate()
    secret, public = pair()
    other, _ = pair()
    assert terminal.import_pair(other, public) == 0x6A80
    assert terminal.import_pair(bytes(32), public) == 0x6A80
    assert terminal.import_pair(secret, public) == SUCCESS
    assert terminal.sw("80C2400046C0020012CA40" + public.hex()) == 0x6A80
    assert terminal.sw("80C2400046C0020014CA40" + "00" * 64) == 0x6A80
    assert terminal.sw("80C2C00126C2020013CB20" + "00" * 32) == 0x6A80
    assert terminal.sw("80C2410046C0020014CA40" + public.hex()) == 0x6A86


def test_a_session_key_ends_with_its_directory(terminal: PkiTerminal) -> None:
    terminal.ready()
    terminal.generate()
    private = "80C2C00126C2020015CB20" + "00" * 32
    assert terminal.sw(private) == 0x6985
    terminal.ok("804A021012C110" + "11" * 16)
    terminal.challenge()
    assert terminal.sw(private) == 0x6A88
    assert terminal.sw("00B0000000") == SUCCESS
    terminal.ok("00A40000020018")
    assert terminal.sw(private) == 0x6A88
    terminal.ok(SELECT_PKI)
    terminal.ready()
    assert terminal.sw(private) == 0x6985
    assert terminal.sw("804A021011C10F" + "11" * 15) == 0x6A80


def test_wrong_envelopes(terminal: PkiTerminal) -> None:
    terminal.enter()
    head = "804E000178C2020013C1820070"
    assert terminal.sw(head + "00" * 112) == 0x6982
    terminal.ready()
    assert terminal.sw(head + "00" * 112) == 0x6A88
    public = terminal.generate()
    envelope = gmalg.SM2(pk=b"\x04" + public).encrypt(bytes(16))[1:]
    assert terminal.ok(head + envelope.hex()) == bytes(16)
    bent = envelope[:-1] + bytes((envelope[-1] ^ 1,))
    for wrong in (bytes(112), bent, envelope[::-1]):
        assert terminal.sw(head + wrong.hex()) == 0x6A80
    assert terminal.sw("804E000104C2020013") == 0x6A80
    assert terminal.sw("804E000168C2020013C160" + envelope[:96].hex() + "00") in (0x6700, 0x6A80)
    assert terminal.sw("804E000178C2020019C1820070" + envelope.hex()) == 0x6A82


@pytest.mark.parametrize("admin", [False, True])
def test_certificates_are_written_with_either_pin(terminal: PkiTerminal, admin: bool) -> None:
    content = bytes(range(256)) * 2 + bytes(100)
    terminal.ok("00A40000020018")
    assert terminal.sw("00D60000010A") == 0x6982
    assert terminal.login(ADMIN if admin else USER, admin=admin) == SUCCESS
    for fid, block in ((0x18, 0x70), (0x19, 0xFA)):
        terminal.update(fid, content, block)
        assert terminal.ok("00B0000000") == content[:256]
        assert terminal.ok("00B0010000") == content[256:512]
    assert terminal.sw("00D603F00D" + "00" * 13) == SUCCESS
    assert terminal.sw("00D603F011" + "00" * 17) == 0x6A84
    assert terminal.sw("00D604000100") == 0x6B00


@pytest.mark.parametrize(("p2", "old"), [(0x00, ADMIN), (0x81, USER)])
def test_a_pin_is_changed_under_its_old_one(card: Card, p2: int, old: bytes) -> None:
    terminal, new = PkiTerminal(card.transmit), bytes.fromhex("24680135")
    admin = p2 == 0
    terminal.enter()
    right = terminal.new_pin(old, new, p2)
    assert terminal.sw(right[:-1] + bytes((right[-1] ^ 1,))) == 0x63C5
    assert terminal.sw(right) == 0x6984
    assert terminal.sw(terminal.new_pin(b"\x11\x11", new, p2)) == 0x63C4
    assert terminal.login(old, admin=admin) == SUCCESS
    for none in (b"", b"\x12", b"\xab\xcd", bytes(9)):
        assert terminal.sw(terminal.new_pin(old, none, p2)) == 0x6A80
    assert terminal.sw(terminal.new_pin(old, new, p2)) == SUCCESS
    card.power_on()
    terminal.enter()
    assert terminal.login(old, admin=admin) == 0x63C5
    assert terminal.login(new, admin=admin) == SUCCESS


@pytest.mark.parametrize("select", [SELECT_PKI, SELECT_CERT])
def test_master_keys_are_changed_each_in_its_directory(card: Card, select: str) -> None:
    terminal, new = PkiTerminal(card.transmit), bytes(range(16))
    terminal.ok(select)
    assert terminal.sw(terminal.new_master(MASTER, new)) == 0x6982
    assert terminal.master(new) == 0x63C2
    assert terminal.master() == SUCCESS
    right = terminal.new_master(MASTER, new)
    assert terminal.sw(right[:-1] + bytes((right[-1] ^ 1,))) == 0x6988
    assert terminal.sw("84D4000024" + right[5:].hex()) == 0x6A86
    assert terminal.sw("84D4010124" + right[5:].hex()) == 0x6A86
    assert terminal.sw(terminal.new_master(MASTER, new)) == SUCCESS
    card.power_on()
    terminal.ok(select)
    assert terminal.master(new) == SUCCESS
    terminal.ok(SELECT_CERT if select == SELECT_PKI else SELECT_PKI)
    assert terminal.master(new) == 0x63C2
    assert terminal.master() == SUCCESS
    assert terminal.sw(terminal.new_master(MASTER, new)) == SUCCESS


def test_rights_end_with_the_directory(terminal: PkiTerminal) -> None:
    terminal.ready()
    terminal.ok(SELECT_CERT)
    assert terminal.sw(GENERATE) == SUCCESS
    terminal.ok(SELECT_PKI, SELECT_CERT)
    assert terminal.sw(GENERATE) == 0x6982


def test_the_card_proves_that_it_has_the_key(terminal: PkiTerminal) -> None:
    """No PIN; what is signed begins with ACSE and holds a part of the card's."""
    challenge = bytes(range(16))
    command = bytes.fromhex("0088000010") + challenge
    assert terminal.sw(command) == 0x6A88
    assert terminal.login() == SUCCESS
    public = terminal.generate()
    terminal.ok(SELECT_PKI, SELECT_CERT)
    answers = [terminal.ok(command) for _ in range(2)]
    assert answers[0][:16] != answers[1][:16]
    key = sm2.Sm2PublicKey(public, library=sm2.GmalgLibrary())
    for answer in answers:
        assert key.verify(b"ACSE" + answer[:16] + challenge, answer[16:])


def test_in_the_environment_there_are_no_keys(card: Card) -> None:
    terminal = PkiTerminal(card.transmit)
    terminal.ok(SELECT_PKI)
    for command in (GENERATE, NAME_SIGNATURE, "0088000010" + "00" * 16, "002A9E9A20" + "00" * 32):
        assert terminal.sw(command) in (0x6985, 0x6A82)


def test_without_a_library_the_card_says_6a81(
    terminal: PkiTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.ready()
    terminal.generate()
    monkeypatch.setitem(sys.modules, "gmssl_pyx", None)
    monkeypatch.setitem(sys.modules, "gmalg", None)
    sm2.default_library.cache_clear()
    try:
        assert terminal.sw(GENERATE) == 0x6A81
        assert terminal.sw("002A9E9A20" + "00" * 32) == 0x6A81
    finally:
        sm2.default_library.cache_clear()


@pytest.mark.parametrize(
    ("division", "text"),
    [
        ("5101", "四川省社会保障卡"),
        ("230100", "黑龙省社会保障卡"),
        ("99", "省社会保障卡\0\0\0\0"),
    ],
)
def test_the_master_key_of_delivery(division: str, text: str) -> None:
    key = delivery_master_key(division)
    assert (len(key), key) == (16, text.encode("gbk")[:16])


def test_what_cannot_be_put_on_a_card() -> None:
    memory = new_memory()
    with pytest.raises(ValueError, match="has the application already"):
        add_pki(memory, PkiContents(MASTER))
    second = medical.new_memory(generation=2)
    with pytest.raises(ValueError, match="came with generation 3"):
        add_pki(second, PkiContents(MASTER))
    third = medical.new_memory("sm4")
    with pytest.raises(ValueError, match="master key must be 16 bytes"):
        add_pki(third, PkiContents(MASTER[1:]))
    with pytest.raises(ValueError, match="a PIN must be"):
        add_pki(third, PkiContents(MASTER, user_pin=b"\x12"))
    assert MASTER.decode("gbk") not in repr(PkiContents(MASTER))
