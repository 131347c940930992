# SPDX-License-Identifier: Apache-2.0
"""The test authority: its certificates, its file, its answers; OpenSSL as the judge."""

from __future__ import annotations

import json
import random
import stat
import struct
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import gmalg
import pytest

from issuance.pki import PkiAuthority, PkiAuthorityError, PkiSubject
from sscard_chip.card import Card
from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.security.sm2 import Sm2PrivateKey
from sscard_chip.terminal.connection import TerminalConnectionError, connect_card
from sscard_chip.terminal.pki import (
    CardCertificate,
    CertificateError,
    EnvelopedKey,
    PkiClient,
    PkiDelivery,
    PkiDeliveryError,
    request_key,
)
from sscard_chip.terminal.pki.blob import BLOB_LENGTH, BlobError
from tests.bench.exchange import SUCCESS
from tests.bench.pki_cards import ADMIN, MASTER, SELECT_CERT, PkiTerminal, new_memory, sm4

SUBJECT = PkiSubject("林知夏", "510100", "Z00000013", bytes(range(16)))
DISTID = "distid:1234567812345678"
_NAMES = "utf8,sep_comma_plus"
DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> PkiAuthority:
    return PkiAuthority.create(now=DAY)


@pytest.fixture(scope="module")
def key() -> Sm2PrivateKey:
    return Sm2PrivateKey.generate()


@pytest.fixture(scope="module")
def answer(authority: PkiAuthority, key: Sm2PrivateKey) -> PkiDelivery:
    return authority.answer(SUBJECT, key.public, now=DAY)


def openssl(*arguments: str | Path, code: int = 0) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_openssl_verifies_both_certificates(
    authority: PkiAuthority, answer: PkiDelivery, tmp_path: Path
) -> None:
    root = tmp_path / "ca.pem"
    root.write_bytes(authority.certificate.pem())
    paths = []
    for name, certificate in (("s", answer.signature), ("e", answer.encryption)):
        paths.append(tmp_path / f"{name}.pem")
        paths[-1].write_bytes(certificate.pem())
    chain = ("verify", "-CAfile", root, "-vfyopt", DISTID, "-attime", f"{DAY.timestamp():.0f}")
    assert openssl(*chain, *paths).count(": OK") == 2
    other = tmp_path / "other.pem"
    other.write_bytes(PkiAuthority.create(now=DAY).certificate.pem())
    openssl("verify", "-CAfile", other, *chain[3:], paths[0], code=2)


def test_the_profile_of_the_certificates(answer: PkiDelivery) -> None:
    """As OpenSSL reads it, word for word."""
    for certificate, usage, own, number in (
        (answer.signature, "Digital Signature, Non Repudiation", "1.2.156.2316.1.1", "1.1"),
        (answer.encryption, "Key Encipherment, Data Encipherment", "1.2.156.2316.2", "1"),
    ):
        done = subprocess.run(
            [
                "openssl",
                "x509",
                "-inform",
                "DER",
                "-noout",
                "-text",
                "-nameopt",
                "utf8,sep_comma_plus",
            ],
            input=certificate.der,
            capture_output=True,
            check=True,
        )
        text = done.stdout.decode()
        for line in (
            "Version: 3 (0x2)",
            "Signature Algorithm: SM2-with-SM3",
            "ASN1 OID: SM2",
            "C=CN,ST=四川省,L=成都市,CN=林知夏",
            "Not Before: Mar  1 12:00:00 2026 GMT",
            "Not After : Feb 29 23:59:59 2036 GMT",
            "X509v3 Authority Key Identifier",
            "X509v3 Subject Key Identifier",
            usage,
            f"{own}:",
            f"1.2.156.2316.{number}: ",
            "Z00000013",
        ):
            assert line in text, line
        assert 600 <= len(certificate.der) <= 660


def test_a_leap_day_and_the_last_utc_time() -> None:
    made = PkiAuthority.create(now=datetime(2040, 2, 29, tzinfo=UTC))
    assert f"{made.certificate.not_after:%Y%m%d}" == "20600228"


def test_the_blob_by_its_offsets(key: Sm2PrivateKey, answer: PkiDelivery) -> None:
    """GM/T 0016, little-endian; opened here with the other library."""
    blob = answer.key.encode()
    assert (len(blob), BLOB_LENGTH) == (388, 388)
    assert struct.unpack_from("<III", blob) == (1, 0x0401, 256)
    assert struct.unpack_from("<I", blob, 76) == (256,)
    assert struct.unpack_from("<I", blob, 368) == (16,)
    public = blob[112:144] + blob[176:208]
    assert public == answer.encryption.public_key.value
    cipher = b"\x04" + blob[240:272] + blob[304:336] + blob[336:368] + blob[372:]
    session = gmalg.SM2(key.encode()[:32]).decrypt(cipher)
    sealed = blob[44:76]
    for secret in gmalg_decrypt(session, sealed):
        assert gmalg.SM2().generate_pk(secret)[1:] == public
    assert EnvelopedKey.parse(blob) == answer.key


def gmalg_decrypt(key: bytes, data: bytes) -> list[bytes]:
    cipher = gmalg.SM4(key)
    return [cipher.decrypt(data[:16]) + cipher.decrypt(data[16:])]


@pytest.mark.parametrize(
    ("at", "value", "rule"),
    [
        (0, b"\x02", "of version 1"),
        (4, b"\x02", "SM4-ECB"),
        (8, b"\x01", "256 bits"),
        (12, b"\x01", "more than 256 bits"),
        (80, b"\x01", "more than 256 bits"),
        (112, b"\xff" * 32, "not on the curve"),
        (240, b"\x00" * 128, "not on the curve"),
        (368, b"\x20", "a key of 16 bytes"),
    ],
)
def test_blobs_that_are_none(answer: PkiDelivery, at: int, value: bytes, rule: str) -> None:
    blob = answer.key.encode()
    bent = blob[:at] + value + blob[at + len(value) :]
    with pytest.raises(BlobError, match=rule):
        EnvelopedKey.parse(bent)
    with pytest.raises(BlobError, match="must be 388 bytes"):
        EnvelopedKey.parse(blob[:-1])


def test_the_file_is_private_and_comes_back(authority: PkiAuthority, tmp_path: Path) -> None:
    path = tmp_path / "ca.json"
    authority.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    same = PkiAuthority.load(path)
    assert same.certificate == authority.certificate
    assert same.master_key(bytes(16)) == authority.master_key(bytes(16))
    assert same.administrator_pin(bytes(16)) == authority.administrator_pin(bytes(16))
    assert repr(same) == "<PkiAuthority>"


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("format", "sscard-pki-authority/2", "format: must be"),
        ("key", "00", "key: must be 192 hex digits"),
        ("key", "00" * 96, "certificate: SM2"),
        ("certificate", "AAAA", "certificate: no certificate of SM2"),
        ("master", "xx" * 16, "master: must be 32 hex digits"),
        ("more", 1, "more"),
    ],
)
def test_files_that_are_none(
    authority: PkiAuthority, tmp_path: Path, field: str, value: object, rule: str
) -> None:
    path = tmp_path / "ca.json"
    authority.save(path)
    document = json.loads(path.read_text()) | {field: value}
    path.write_text(json.dumps(document))
    with pytest.raises(PkiAuthorityError, match=rule) as caught:
        PkiAuthority.load(path)
    assert "\n" not in str(caught.value)


def test_a_key_with_anothers_certificate(authority: PkiAuthority, tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, one in zip(paths, (authority, PkiAuthority.create()), strict=True):
        one.save(path)
    document = json.loads(paths[0].read_text())
    document["key"] = json.loads(paths[1].read_text())["key"]
    paths[0].write_text(json.dumps(document))
    with pytest.raises(PkiAuthorityError, match="certificate: is not that of the key"):
        PkiAuthority.load(paths[0])


@pytest.mark.parametrize(
    ("subject", "rule"),
    [
        (PkiSubject("", "510100", "Z00000013", bytes(16)), "name: must have 1 to 20"),
        (PkiSubject("长" * 21, "510100", "Z00000013", bytes(16)), "name: must have 1 to 20"),
        (PkiSubject("林知夏", "510100", "Z0000001", bytes(16)), "card_number: must have 9"),
        (PkiSubject("林知夏", "510100", "Z00000013", bytes(15)), "identification: must be 16"),
    ],
)
def test_subjects_that_are_none(
    authority: PkiAuthority, key: Sm2PrivateKey, subject: PkiSubject, rule: str
) -> None:
    with pytest.raises(PkiAuthorityError, match=rule):
        authority.answer(subject, key.public)
    assert "林" not in repr(SUBJECT)


@pytest.mark.parametrize(
    "content",
    [b"", b"0", b"\x30\x82\x01\x00", b"-----BEGIN CERTIFICATE-----", b"A" * 100_000, "é".encode()],
)
def test_certificates_that_are_none(content: bytes, answer: PkiDelivery) -> None:
    with pytest.raises(CertificateError):
        CardCertificate.load(content)
    assert CardCertificate.load(answer.signature.pem()) == answer.signature


def test_a_bent_certificate_is_none_or_does_not_verify(
    authority: PkiAuthority, answer: PkiDelivery
) -> None:
    der = answer.signature.der
    for at in range(len(der)):
        bent = der[:at] + bytes((der[at] ^ 0x01,)) + der[at + 1 :]
        try:
            found = CardCertificate.load(bent)
        except CertificateError:
            continue
        assert not found.signed_by(authority.certificate), at


def test_anything_at_all_is_a_certificate_or_told(
    authority: PkiAuthority, answer: PkiDelivery
) -> None:
    """Cut, changed and lengthened at random: never another error."""
    source = random.Random(17)
    for _ in range(3000):
        content = bytearray(source.choice((answer.signature.der, answer.encryption.der)))
        for _ in range(source.choice((1, 1, 2, 8))):
            at = source.randrange(len(content))
            content[at : at + source.randrange(4)] = source.randbytes(source.randrange(4))
        with suppress(CertificateError):
            found = CardCertificate.load(bytes(content))
            assert not found.signed_by(authority.certificate) or found.der in (
                answer.signature.der,
                answer.encryption.der,
            )


def test_who_may_issue(authority: PkiAuthority, answer: PkiDelivery) -> None:
    assert answer.signature.signed_by(authority.certificate)
    assert not answer.signature.signed_by(answer.encryption)
    assert not answer.signature.signed_by(PkiAuthority.create().certificate)
    assert answer.signature.valid_at(DAY)
    assert not answer.signature.valid_at(datetime(2036, 3, 1, tzinfo=UTC))


# --- onto a card ----------------------------------------------------------------------------------


@pytest.fixture
def card() -> Card:
    card = Card(new_memory())
    card.power_on()
    return card


def delivered(authority: PkiAuthority, card: Card) -> PkiDelivery:
    client = PkiClient(connect_card(card))
    answer = authority.answer(SUBJECT, request_key(client))
    answer.write(client, MASTER)
    return answer


def test_a_delivery_onto_a_card(authority: PkiAuthority, card: Card) -> None:
    answer = delivered(authority, card)
    client = PkiClient(connect_card(card))
    client.select()
    assert client.public_key() == answer.signature.public_key
    assert client.public_key(0x14) == answer.encryption.public_key
    assert client.certificate() == answer.signature.der
    assert client.certificate(0x19) == answer.encryption.der
    assert client.has_key_of(answer.signature.public_key)
    assert not client.has_key_of(answer.encryption.public_key)
    terminal = PkiTerminal(card.transmit)
    terminal.enter()
    assert terminal.login(ADMIN, admin=True) == 0x63C5
    pin = bytes.fromhex(authority.administrator_pin(SUBJECT.identification))
    assert terminal.login(pin, admin=True) == SUCCESS
    expected = sm4(authority._master, SUBJECT.identification)
    for select in (SELECT_CERT, "00A4030000"):
        terminal.ok(select)
        assert terminal.master(expected) == SUCCESS


@pytest.mark.parametrize("broken_at", range(0, 60, 7))
def test_a_delivery_that_was_broken_off_goes_on(
    authority: PkiAuthority, card: Card, broken_at: int
) -> None:
    """At whatever command the card leaves, the same comes to its end with the next try."""
    connection = connect_card(card)
    answer = authority.answer(SUBJECT, request_key(PkiClient(connection)))
    leaves = FaultyConnection(connection, FaultAt(ExchangeFault.REMOVED, broken_at))
    with suppress(TerminalConnectionError):
        answer.write(PkiClient(leaves), MASTER)
    card.power_on()
    client = PkiClient(connection)
    answer.write(client, MASTER)
    client.select()
    assert client.certificate(0x19) == answer.encryption.der
    client.prove_master_key(answer.master_key)
    client.select_environment()
    client.prove_master_key(answer.master_key)


def test_the_five_texts(answer: PkiDelivery) -> None:
    texts = answer.texts()
    assert list(texts) == ["QMZS", "JMZS", "JMMY", "GLYPIN", "ZKMY"]
    assert PkiDelivery.parse(*texts.values()) == answer
    assert repr(answer) == "<PkiDelivery>"


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("QMZS", "###", "QMZS: must be Base64"),
        ("QMZS", "MAUwAwEBAA==", "QMZS: no certificate of SM2"),
        ("JMZS", "QUFB" * 500, "JMZS: must have at most 1024 bytes"),
        ("JMMY", "AAAA", "JMMY: the enveloped key must be 388 bytes"),
        ("GLYPIN", "1234567", "GLYPIN: must be 8 digits"),
        ("GLYPIN", "1234567x", "GLYPIN: must be 8 digits"),
        ("ZKMY", "00", "ZKMY: must be 32 hex digits"),
    ],
)
def test_texts_that_are_none(answer: PkiDelivery, name: str, text: str, rule: str) -> None:
    texts = answer.texts() | {name: text}
    with pytest.raises(PkiDeliveryError, match=rule):
        PkiDelivery.parse(*texts.values())
    crossed = answer.texts() | {"JMZS": answer.texts()["QMZS"]}
    with pytest.raises(PkiDeliveryError, match="JMMY: is not the key of the certificate JMZS"):
        PkiDelivery.parse(*crossed.values())


def test_another_cards_certificates_are_refused(authority: PkiAuthority, card: Card) -> None:
    client = PkiClient(connect_card(card))
    request_key(client)
    foreign = authority.answer(SUBJECT, Sm2PrivateKey.generate().public)
    with pytest.raises(PkiDeliveryError, match="QMZS: is of another key than the card's"):
        foreign.write(client, MASTER)
    with pytest.raises(PkiDeliveryError, match=r"user PIN: wrong, 5 tries left"):
        foreign.write(client, MASTER, user_pin=b"\x99\x99")
