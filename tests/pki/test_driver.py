# SPDX-License-Identifier: Apache-2.0
"""PKI_SignData, PKI_VerifySign, iReadSignatureKey and iWriteCA, in Python."""

from __future__ import annotations

import base64

import pytest

from issuance.pki import PkiAuthority, PkiSubject
from sscard_chip.card import Card
from sscard_chip.security.sm2 import Sm2PublicKey
from sscard_chip.terminal.connection import Slots
from sscard_chip.terminal.driver import FUNCTIONS, Driver
from tests.bench.desk import Desk
from tests.bench.pki_cards import MASTER

TEXT = "同意支付 100.00 元"
SIGNED = TEXT.encode("gb18030")


def call(card: Card, name: str, *arguments: int | str) -> tuple[int, str]:
    return FUNCTIONS[name].call(Driver(Slots.of_card(card)), *arguments)


@pytest.fixture(scope="module")
def authority() -> PkiAuthority:
    return PkiAuthority.create()


def whole_card() -> Card:
    """A card of an issuer, with the application as it is delivered."""
    from sscard_chip.profile.pki import PkiContents, add_pki

    desk = Desk(3)
    memory = desk.card.files.memory
    add_pki(memory, PkiContents(MASTER))
    return Card(memory)


def delivered(card: Card, authority: PkiAuthority) -> tuple[str, str]:
    """Certificates by way of the driver; the public key, and its certificate in Base64."""
    code, key = call(card, "iReadSignatureKey", 1)
    assert code == 0, key
    assert key.endswith("|")
    assert len(key) == 129
    subject = PkiSubject("林知夏", "510100", "Z00000013", bytes(range(16)))
    answer = authority.answer(subject, Sm2PublicKey(bytes.fromhex(key[:-1])))
    texts = answer.texts()
    assert call(card, "iWriteCA", 1, *texts.values()) == (0, "")
    return key[:-1], texts["QMZS"]


def test_from_a_delivered_card_to_a_signature(authority: PkiAuthority) -> None:
    card = whole_card()
    key, certificate = delivered(card, authority)
    assert call(card, "iReadSignatureKey", 3) == (0, f"{key}|")
    code, out = call(card, "PKI_SignData", "123456", TEXT, 1)
    assert code == 0
    signature = base64.b64decode(out[:-1], validate=True)
    assert Sm2PublicKey(bytes.fromhex(key)).verify(SIGNED, signature)
    for pin, given in (("123456", certificate), ("", certificate), ("", ""), ("123456", "")):
        assert call(card, "PKI_VerifySign", pin, given, TEXT, out, 1) == (0, "")
    assert call(card, "PKI_VerifySign", "", certificate, TEXT + "0", out, 1)[0] == -15
    assert call(card, "PKI_VerifySign", "", certificate, TEXT, "?", 1)[0] == -14
    assert call(card, "PKI_VerifySign", "", "AAAA", TEXT, out, 1)[0] == -14
    assert call(card, "PKI_VerifySign", "999999", certificate, TEXT, out, 1)[0] == -51


def test_what_is_refused(authority: PkiAuthority) -> None:
    card = whole_card()
    assert call(card, "PKI_SignData", "123456", TEXT, 1)[0] == -27272
    assert call(card, "PKI_VerifySign", "", "", TEXT, "AAAA", 1)[0] == -27272
    delivered(card, authority)
    for left in range(5, 0, -1):
        assert call(card, "PKI_SignData", "999999", TEXT, 1) == (-51, f"PIN wrong, {left} left")
    assert call(card, "PKI_SignData", "999999", TEXT, 1)[0] == -52
    assert call(card, "PKI_SignData", "123456", TEXT, 1)[0] == -52
    for pin, code in (("12", -33), ("", -33), ("12x4", -41), ("１２３４", -41)):
        assert call(card, "PKI_SignData", pin, TEXT, 1)[0] == code
    assert call(card, "PKI_SignData", "123456", TEXT, 9)[0] == -14
    assert call(Card(Desk(3).card.files.memory), "PKI_SignData", "123456", TEXT, 1)[0] == -27266
    assert call(Card(Desk(2).card.files.memory), "iReadSignatureKey", 1)[0] == -27266


def test_another_cards_answer(authority: PkiAuthority) -> None:
    first, second = whole_card(), whole_card()
    code, key = call(first, "iReadSignatureKey", 1)
    assert code == 0
    call(second, "iReadSignatureKey", 1)
    subject = PkiSubject("林知夏", "510100", "Z00000013", bytes(16))
    texts = authority.answer(subject, Sm2PublicKey(bytes.fromhex(key[:-1]))).texts()
    code, said = call(second, "iWriteCA", 1, *texts.values())
    assert (code, said) == (-14, "QMZS: is of another key than the card's")
    for name, value in (("QMZS", ""), ("JMMY", "AAAA"), ("GLYPIN", "1"), ("ZKMY", "zz")):
        code, said = call(first, "iWriteCA", 1, *(texts | {name: value}).values())
        assert (code, said.partition(":")[0]) == (-14, name)
