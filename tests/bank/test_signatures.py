# SPDX-License-Identifier: Apache-2.0
"""Dynamic data authentication: INTERNAL AUTHENTICATE and the signature of qPBOC, RSA and SM2."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from sscard_chip.filesystem import tlv
from sscard_chip.profile.bank import BankContents, OfflineData
from sscard_chip.security.emv import plain_pin_block
from sscard_chip.security.oda.model import OdaError, fdda_input
from sscard_chip.security.oda.schemes import SCHEMES
from tests.bench.bank import CASH, CONTENTS, PIN, TERMINAL, BankBench

SCHEMES_OF_CARDS = ("rsa", "sm2")
ASKED = bytes.fromhex("A1B2C3D4")
COMMAND = bytes.fromhex("0088000004") + ASKED


@cache
def signing(name: str, bits: int = 1024) -> tuple[BankContents, Any]:
    """A card that signs, and its public key; the certificates are another test's subject."""
    scheme = SCHEMES[name]
    key = scheme.generate(bits)
    tags = {0x8F: b"\x01", 0x90: b"", 0x93: b"", 0x9F46: b""}
    offline = OfflineData(name, tags, scheme.encode_private(key))
    return replace(CONTENTS, offline=offline, cash=CASH), scheme.public(key)


@pytest.mark.parametrize("name", SCHEMES_OF_CARDS)
def test_internal_authenticate(name: str) -> None:
    contents, public = signing(name)
    bench = BankBench(contents)
    bench.select()
    bench.initiate()
    ((tag, signature),) = tlv.parse_objects(bench.ok(COMMAND + b"\x00"))
    assert tag == 0x80
    number = SCHEMES[name].check_dynamic(public, signature, ASKED)
    assert len(number) == 8
    with pytest.raises(OdaError):
        SCHEMES[name].check_dynamic(public, signature, b"other")
    ((_, again),) = tlv.parse_objects(bench.ok(COMMAND + b"\x00"))
    assert SCHEMES[name].check_dynamic(public, again, ASKED) != number
    assert bench.generate(0x80).cvr[3] & 0x02  # performed


def test_a_long_answer() -> None:
    contents, public = signing("rsa", 1984)
    bench = BankBench(contents)
    bench.select()
    bench.initiate()
    body = bench.ok(COMMAND + b"\x00")
    assert body[:3] == b"\x80\x81\xf8"
    assert SCHEMES["rsa"].check_dynamic(public, body[3:], ASKED)


@pytest.mark.parametrize("command", ["00880100", "0088000104A1B2C3D4"])
def test_parameters(command: str) -> None:
    bench = BankBench(signing("rsa")[0])
    bench.select()
    bench.initiate()
    assert bench.sw(command) == 0x6A86
    assert bench.sw("008800000300000A") == 0x6700
    assert bench.sw("00880000") == 0x6700


def test_no_key() -> None:
    bench = BankBench()
    bench.select()
    bench.initiate()
    assert bench.sw(COMMAND) == 0x6A88


def test_no_library(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A program without the extra answers a status word, and says in one line what is missing."""
    contents, _ = signing("sm2")
    bench = BankBench(contents)
    bench.select()
    bench.initiate()

    def missing(encoded: bytes) -> object:
        raise OdaError("SM2 needs the extra sm2")

    monkeypatch.setattr(SCHEMES["sm2"], "decode_private", missing)
    assert bench.sw(COMMAND) == 0x6A81
    assert "extra sm2" in caplog.text


@pytest.mark.parametrize("name", SCHEMES_OF_CARDS)
def test_contactless_approval_is_signed(name: str) -> None:
    contents, public = signing(name)
    bench = BankBench(contents)
    found = bench.contactless()
    card_data = found[0x9F69]
    assert (len(card_data), card_data[:1], card_data[5:]) == (7, b"\x01", found[0x9F6C])
    asked = fdda_input(TERMINAL[0x9F37], TERMINAL[0x9F02], TERMINAL[0x5F2A], card_data)
    assert found[0x94][-4:].hex() == "18070700"
    ((tag, body),) = tlv.parse_objects(bench.ok("00B2071C00"))
    assert tag == 0x70
    ((tag, signature),) = tlv.parse_objects(body)
    assert tag == 0x9F4B
    assert SCHEMES[name].check_dynamic(public, signature, asked)
    bench.contactless(t9F66=bytes.fromhex("26800000"))
    assert bench.sw("00B2071C00") == 0x6A83  # an ARQC is not signed, and the old one is gone
    assert bench.counters.balance_fen == 50_000 - 1234


@pytest.mark.parametrize("bits", [1024, 1152, 1408, 1984])
def test_keys_of_every_length_fit(bits: int) -> None:
    contents, public = signing("rsa", bits)
    bench = BankBench(contents)
    found = bench.contactless()
    assert len(bench.ok("00B2071C00")) <= 256
    asked = fdda_input(TERMINAL[0x9F37], TERMINAL[0x9F02], TERMINAL[0x5F2A], found[0x9F69])
    signature = tlv.find_primitive(bench.ok("00B2071C00"), 0x9F4B)
    assert signature is not None
    assert SCHEMES["rsa"].check_dynamic(public, signature, asked)


def test_a_card_without_key_has_no_such_record() -> None:
    bench = BankBench(cash=CASH)
    assert 0x9F69 not in bench.contactless()
    assert bench.sw("00B2071C00") == 0x6A83


# --- the enciphered PIN ---------------------------------------------------------------------------


def enciphered(public: Any, challenge: bytes, pin: str = PIN) -> bytes:
    """VERIFY with a PIN enciphered as a terminal does it (EMV book 2, section 7.2)."""
    size = len(public.modulus)
    block = b"\x7f" + plain_pin_block(pin) + challenge
    plain = int.from_bytes(block + bytes(range(1, size - len(block) + 1)))
    cryptogram = pow(plain, public.exponent, int.from_bytes(public.modulus)).to_bytes(size)
    return b"\x00\x20\x00\x88" + bytes((size,)) + cryptogram


@pytest.mark.parametrize("bits", [1024, 1984])
def test_enciphered_pin(bits: int) -> None:
    contents, public = signing("rsa", bits)
    bench = BankBench(contents, enciphered_pin=True)
    bench.select()
    bench.initiate()
    cvm = tlv.find_primitive(bench.ok("00B2081400"), 0x8E)
    assert cvm is not None
    assert cvm[8:10].hex() == "4403"
    assert bench.sw(enciphered(public, bench.ok("0084000008"), "0000")) == 0x63C2
    command = enciphered(public, bench.ok("0084000008"))
    assert bench.sw(command) == 0x9000
    assert bench.sw(command) == 0x6984  # the challenge is spent
    bench.ok("0084000008")
    assert bench.sw(command) == 0x6984  # another challenge
    assert bench.ok("80CA9F1700").hex() == "9f170103"
    assert bench.sw("0020008808" + "00" * 8) == 0x6700
    assert bench.generate(0x80).cvr[1] & 0x06 == 0x04


def test_no_enciphered_pin_with_sm2() -> None:
    bench = BankBench(signing("sm2")[0])
    bench.select()
    assert bench.sw("0020008808" + "00" * 8) == 0x6A88
