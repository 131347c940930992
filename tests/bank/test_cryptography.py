# SPDX-License-Identifier: Apache-2.0
"""The bank's cryptography against ``pyemv``, an implementation by others, on random inputs.

``pyemv`` knows 3DES alone and other schemes' session keys, so PBOC's rule for those is composed
from its triple DES. The SM4 suite has ``gmalg`` as its oracle.
"""

from __future__ import annotations

import gmalg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyemv import ac, kd, sm, tools

from sscard_chip.security import emv
from sscard_chip.security.emv import BANK_SUITES, DES_BANK, SM4_BANK, BankSuite
from sscard_chip.standard.commands import PUT_DATA, before_mac

KEYS = st.binary(min_size=16, max_size=16)
ATCS = st.binary(min_size=2, max_size=2)
AC = st.binary(min_size=8, max_size=8)
MESSAGES = st.binary(max_size=80)
DIGITS = st.integers(0, 10**19 - 1).map(lambda n: f"{n:019d}")
PANS = st.tuples(DIGITS, st.integers(12, 19)).map(lambda pair: pair[0][: pair[1]])
SEQUENCES = st.integers(0, 99).map(lambda n: f"{n:02d}")
PINS = st.tuples(DIGITS, st.integers(4, 12)).map(lambda pair: pair[0][: pair[1]])
SUITES = st.sampled_from(sorted(BANK_SUITES)).map(BANK_SUITES.__getitem__)

# pyemv uses its library in an old way, which warns.
pytestmark = pytest.mark.filterwarnings("ignore:.*TripleDES.*")


def pyemv_session_key(udk: bytes, atc: bytes) -> bytes:
    """PBOC's session key by pyemv's own triple DES."""
    complement = tools.xor(atc, b"\xff\xff")
    return bytes(tools.encrypt_tdes_ecb(udk, bytes(6) + atc + bytes(6) + complement))


def gmalg_sm4(key: bytes, blocks: bytes) -> bytes:
    cipher = gmalg.SM4(key)
    return b"".join(cipher.encrypt(blocks[at : at + 16]) for at in range(0, len(blocks), 16))


def gmalg_mac(key: bytes, message: bytes, chain: bytes = bytes(16)) -> bytes:
    padded = message + b"\x80" + bytes(-(len(message) + 1) % 16)
    cipher = gmalg.SM4(key)
    for at in range(0, len(padded), 16):
        chain = cipher.encrypt(bytes(a ^ b for a, b in zip(chain, padded[at:], strict=False)))
    return chain


@given(KEYS, PANS, SEQUENCES)
def test_card_key(master: bytes, pan: str, sequence: str) -> None:
    expected = kd.derive_icc_mk_a(master, pan, sequence)
    assert emv.card_key(DES_BANK, master, pan, sequence, odd_parity=True) == expected
    own = emv.card_key(DES_BANK, master, pan, sequence)
    assert emv.with_odd_parity(own) == expected


@given(KEYS, ATCS)
def test_session_key(udk: bytes, atc: bytes) -> None:
    key = emv.session_key(DES_BANK.suite.encryptor(udk), atc)
    assert key == pyemv_session_key(udk, atc)
    # The common session key of EMV is another one: nobody may take one for the other.
    assert emv.with_odd_parity(key) != kd.derive_common_sk(udk, atc + bytes(6))


@given(KEYS, ATCS, MESSAGES)
def test_cryptogram(udk: bytes, atc: bytes, message: bytes) -> None:
    session = DES_BANK.session_for(DES_BANK.suite.encryptor(udk), atc)
    expected = ac.generate_ac(pyemv_session_key(udk, atc), message, ac.PaddingType.EMV)
    assert session.cryptogram(message) == expected
    assert session.mac(message) == expected[:4]


@given(KEYS, AC, st.binary(min_size=2, max_size=2))
def test_arpc(key: bytes, arqc: bytes, response_code: bytes) -> None:
    expected = ac.generate_arpc_1(key, arqc, response_code)
    assert DES_BANK.session(key).arpc(arqc, response_code) == expected


@given(KEYS, AC, ATCS, st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_macs_of_a_script(key: bytes, arqc: bytes, atc: bytes, commands: list[bytes]) -> None:
    """Each MAC's whole block begins the next: as EMV's initial value of the chain."""
    session, chain, other = DES_BANK.session(key), b"", b""
    for data in commands:
        header = before_mac(PUT_DATA.header(0x9F, 0x79), data)[:5]
        chain = emv.script_mac(session, header, atc, arqc, data, chain)
        other = sm.generate_command_mac(key, _chained(other, header + atc + arqc + data))
        assert chain == other


def _chained(chain: bytes, message: bytes) -> bytes:
    """An initial value is the same as xor into the first block."""
    return bytes(tools.xor(chain, message[:8])) + message[8:] if chain else message


@given(KEYS, KEYS, PINS, st.none() | PINS)
def test_pin_change(udk: bytes, key: bytes, pin: str, current: str | None) -> None:
    block = emv.pin_block(pin, udk, current)
    assert block == sm.format_vis_pin_block(udk, pin, current)
    enciphered = DES_BANK.session(key).encipher(block)
    assert enciphered == sm.encrypt_command_data(key, block, sm.EncryptionType.VISA)
    deciphered = DES_BANK.session(key).decipher(enciphered)
    assert deciphered is not None
    assert emv.pin_of_block(deciphered, udk, current) == pin


@given(PINS)
def test_plain_pin(pin: str) -> None:
    assert emv.plain_pin_block(pin) == sm.format_iso9564_2_pin_block(pin)


@settings(max_examples=25)
@given(KEYS, PANS, SEQUENCES, ATCS, AC, MESSAGES)
def test_sm4(mdk: bytes, pan: str, number: str, atc: bytes, arqc: bytes, message: bytes) -> None:
    y = bytes.fromhex((pan + number)[-16:].zfill(16))
    udk = gmalg_sm4(mdk, y + bytes(b ^ 0xFF for b in y))
    assert emv.card_key(SM4_BANK, mdk, pan, number) == udk
    key = gmalg_sm4(udk, bytes(6) + atc + bytes(6) + bytes(b ^ 0xFF for b in atc))
    session = SM4_BANK.session_for(SM4_BANK.suite.encryptor(udk), atc)
    assert session.cryptogram(message) == gmalg_mac(key, message)[:8]
    xored = bytes(a ^ b for a, b in zip(arqc, b"00" + bytes(6), strict=True))
    assert session.arpc(arqc, b"00") == gmalg_sm4(key, xored + bytes(8))[:8]
    first = session.mac_block(message)
    assert session.mac_block(message, first) == gmalg_mac(key, message, first)


@given(SUITES, KEYS, MESSAGES)
def test_deciphering_takes_what_was_enciphered(suite: BankSuite, key: bytes, data: bytes) -> None:
    session = suite.session(key)
    cryptogram = session.encipher(data)
    assert len(cryptogram) % suite.suite.block == 0
    assert session.decipher(cryptogram) == data


@given(SUITES, KEYS, st.binary(max_size=64))
def test_deciphering_takes_any_bytes(suite: BankSuite, key: bytes, cryptogram: bytes) -> None:
    session = suite.session(key)
    data = session.decipher(cryptogram)
    assert data is None or session.encipher(data) == cryptogram


@given(st.binary(max_size=12), KEYS, st.none() | PINS)
def test_a_block_is_a_pin_or_none(block: bytes, udk: bytes, current: str | None) -> None:
    pin = emv.pin_of_block(block, udk, current)
    assert pin is None or emv.pin_block(pin, udk, current) == block


@pytest.mark.parametrize("pin", ["123", "1234567890123", "12a4", "", "١٢٣٤"])
def test_pins_that_are_none(pin: str) -> None:
    with pytest.raises(ValueError, match=r"^PIN: must be 4 to 12 digits$"):
        emv.pin_block(pin, bytes(16))
    with pytest.raises(ValueError, match=r"^PIN: must be 4 to 12 digits$"):
        emv.plain_pin_block(pin)


@pytest.mark.parametrize(
    ("pan", "sequence"), [("", "00"), ("62a", "00"), ("6239", "0"), ("6239", "000"), ("6239", "x1")]
)
def test_card_numbers_that_are_none(pan: str, sequence: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        emv.pan_block(pan, sequence)


def test_a_short_pan_is_filled_from_the_left() -> None:
    assert emv.pan_block("62399900001", "01").hex() == "0006239990000101"


def test_versions_have_their_inputs() -> None:
    terminal, aip, atc, cvr = bytes(29), b"\x7c\x00", b"\x00\x0e", b"\x03\xa4\xb9\x04"
    assert emv.cvn01_input(terminal, aip, atc, cvr)[29:] == aip + atc + cvr
    assert emv.cvn17_input(bytes(6), b"\x01\x02\x03\x04", atc, cvr)[6:].hex() == "01020304000ea4"
