# SPDX-License-Identifier: Apache-2.0
"""Both cards of a terminal: what programs of the field do with a PSAM and a holder's card.

``T`` below speaks as those programs do: factors from the ATR and the city, the level by trial.
"""

from __future__ import annotations

from typing import Any

import pytest

from issuance.psam import make_psam
from sscard_chip.card import Card
from sscard_chip.reader.interface import ContactInterface
from sscard_chip.standard.commands import (
    CIPHER_DATA,
    CREDIT_SAM_FOR_PURCHASE,
    DEBIT_FOR_PURCHASE,
    DELIVERY_SESSION_KEY,
    EXTERNAL_AUTHENTICATE,
    GET_RESPONSE,
    INIT_SAM_FOR_MEDICAL_PURCHASE,
    INITIALIZE_FOR_PURCHASE,
    INTERNAL_AUTHENTICATE,
    PIN_CHANGE_UNBLOCK,
    SELECT,
    before_mac,
)
from sscard_chip.standard.messages import medical
from sscard_chip.standard.messages import psam as messages
from tests.bench.issued import PIN, Bench, roots
from tests.bench.sam import BLOCK, ENVIRONMENT, SELECT_DF01

CARDS = ((2, "3des"), (3, "3des"), (3, "sm4"))
LEVELS = (1, 2, 3)
TERMINAL = "510100000001"
DPK_VERSIONS = (1, 2, 3)
TIME = "20260701093000"

every_pair = pytest.mark.parametrize(
    ("generation", "algorithm", "level"), [(*card, level) for card in CARDS for level in LEVELS]
)


class T:
    """A holder's card and a PSAM, both over T=0."""

    def __init__(self, generation: int, algorithm: str, level: int) -> None:
        self.bench = Bench(generation, algorithm=algorithm)
        self.block = BLOCK[algorithm]
        self.level = level
        self.psam = ContactInterface(Card(make_psam(roots(), level=level, terminal_id=TERMINAL)))
        self.psam.power_on()
        self.ask(SELECT.apdu(0x04, data=ENVIRONMENT[algorithm]))
        self.ask(SELECT_DF01)
        card = self.bench.card.atr[-8:]
        chain = (card, b"510100sx", b"510000sh")
        self.factors = b"".join(chain[: 4 - level])
        self.steps = 4 - level

    def ask(self, command: str | bytes) -> bytes:
        """A PSAM command that must succeed; GET RESPONSE as a T=0 terminal does."""
        apdu = bytes.fromhex(command) if isinstance(command, str) else command
        answer = self.psam.transmit(apdu)
        if answer[-2] == 0x61:
            answer = self.psam.transmit(GET_RESPONSE.apdu(le=answer[-1]))
        assert answer[-2:] == b"\x90\x00", answer[-2:].hex()
        return answer[:-2]

    def initialize(self, changes: dict[str, Any]) -> dict[str, Any]:
        """INITIALIZE at the card, INIT SAM at the PSAM; what DEBIT is built from."""
        fields: dict[str, Any] = {
            "terminal": bytes.fromhex(TERMINAL),
            "transaction_type": 0x32,
            "time": bytes.fromhex(TIME),
        } | changes
        asked = INITIALIZE_FOR_PURCHASE.apdu(data=medical.PURCHASE.build(fields))
        fields |= medical.PURCHASE_ANSWER.parse(self.bench.ok(asked))
        data = messages.INIT_PURCHASE.build(fields) + self.factors
        answer = self.ask(INIT_SAM_FOR_MEDICAL_PURCHASE.apdu(data=data))
        fields |= messages.INIT_PURCHASE_ANSWER.parse(answer)
        return fields

    def deliver(self, key_type: int, identifier: int, factor: bytes) -> None:
        data = self.factors + factor.ljust(self.block, b"\0")
        use = self.steps << 5 | key_type
        self.ask(DELIVERY_SESSION_KEY.apdu(use, identifier, data))

    def encipher(self, data: bytes) -> bytes:
        return self.ask(CIPHER_DATA.apdu(data=data))

    def mac(self, message: bytes) -> bytes:
        """MAC of 4 with IV 0; the terminal pads."""
        padded = bytes(self.block) + message + b"\x80"
        padded += bytes(-len(padded) % self.block)
        return self.ask(CIPHER_DATA.apdu(5, data=padded))

    def authentication_data(self, original: bytes) -> bytes:
        data = self.encipher(original.ljust(self.block, b"\0"))
        if self.block == 8:
            return data
        return bytes(a ^ b for a, b in zip(data[:8], data[8:], strict=True))

    def authenticate(self, kid: int, key_type: int, identifier: int) -> int:
        """EXTERNAL AUTHENTICATE of the holder's card by the PSAM."""
        self.deliver(key_type, identifier, self.bench.challenge())
        original = bytes.fromhex("0102030405060708")
        data = self.authentication_data(original) + original
        return self.bench.sw(EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=data))


@every_pair
def test_issuer_is_proven_by_internal_authentication(
    generation: int, algorithm: str, level: int
) -> None:
    terminal = T(generation, algorithm, level)
    terminal.bench.enter(0xDDF1)
    factor, original = bytes.fromhex("32D9E876ADB31BBF"), bytes.fromhex("DBF7A936D0D18C9E")
    proof = terminal.bench.ok(INTERNAL_AUTHENTICATE.apdu(data=factor + original))
    terminal.deliver(7, 0x08, factor)
    assert terminal.authentication_data(original) == proof


@every_pair
def test_rights_of_the_environment(generation: int, algorithm: str, level: int) -> None:
    """UKSSSE (kid 04, PSAM 48/12), RKSSSE (0A, 67/0A), BK (05, 48/11), PUK (06, 48/10)."""
    terminal = T(generation, algorithm, level)
    terminal.bench.enter(0xDDF1)
    for kid, key_type, identifier in ((4, 8, 0x12), (0xA, 7, 0x0A), (5, 8, 0x11), (6, 8, 0x10)):
        assert terminal.authenticate(kid, key_type, identifier) == 0x9000
    assert terminal.authenticate(4, 7, 0x0A) & 0xFFF0 == 0x63C0  # the wrong key


@every_pair
def test_writing_after_authentication(generation: int, algorithm: str, level: int) -> None:
    """Name of the holder under UKSSSE; a file of DF01 under its own key of the province."""
    terminal = T(generation, algorithm, level)
    bench = terminal.bench
    bench.enter(0xDDF1)
    write = b"\x00\xdc\x0a\x30\x03\x0a\x01\x32"
    assert bench.sw(write) == 0x6982
    assert terminal.authenticate(4, 8, 0x12) == 0x9000
    assert bench.sw(write) == 0x9000
    assert terminal.authenticate(0x0A, 7, 0x0A) == 0x9000
    assert bench.ok("00B20A3000") == write[5:]
    bench.enter(0xDF01)
    assert bench.sw("00B2202800") == 0x6982
    assert terminal.authenticate(0x88, 7, 0x2E) == 0x9000
    bench.ok("00B2202800")


@every_pair
def test_unblock_and_reload_of_the_pin(generation: int, algorithm: str, level: int) -> None:
    terminal = T(generation, algorithm, level)
    bench = terminal.bench
    bench.enter(0xDDF1)
    for _ in range(6):
        assert bench.verify("999999") & 0xFFF0 == 0x63C0
    assert bench.verify() == 0x6983
    assert bench.sw("8424000004" + "00000000") == 0x6982
    assert terminal.authenticate(6, 8, 0x10) == 0x9000
    unblock = bytes.fromhex("8424000004")
    terminal.deliver(8, 0x09, bench.challenge())
    assert bench.sw(unblock + terminal.mac(unblock)) == 0x9000
    assert bench.verify(PIN) == 0x9000
    # One delivered key enciphers the new PIN and MACs the command.
    terminal.deliver(8, 0x09, bench.challenge())
    plain = bytes.fromhex("0365432180000000").ljust(terminal.block, b"\0")
    cryptogram = terminal.encipher(plain)
    command = before_mac(PIN_CHANGE_UNBLOCK.header(0x00, 0x01), cryptogram)
    assert bench.sw(command + terminal.mac(command)) == 0x9000
    bench.power_cycle()
    bench.enter(0xDDF1)
    assert bench.verify("654321") == 0x9000


@every_pair
def test_application_block(generation: int, algorithm: str, level: int) -> None:
    """LKDF03 (PSAM 48/40) authorises, STKDF03 (26/22, here type 8) MACs."""
    terminal = T(generation, algorithm, level)
    bench = terminal.bench
    bench.enter(0xDF03)
    assert terminal.authenticate(0x83, 8, 0x40) == 0x9000
    block = bytes.fromhex("841E000104")
    terminal.deliver(8, 0x22, bench.challenge())
    assert bench.sw(block + terminal.mac(block)) == 0x9000
    assert bench.sw("00B2612800") == 0x9303


@every_pair
@pytest.mark.parametrize("version", DPK_VERSIONS)
def test_purchase(generation: int, algorithm: str, level: int, version: int) -> None:
    """INITIALIZE, INIT SAM, DEBIT, CREDIT SAM: both sides accept the other's MAC."""
    terminal = T(generation, algorithm, level)
    bench = terminal.bench
    bench.enter(0xDF04)
    assert bench.verify() == 0x9000
    for expected in (1, 2):
        sums = {"account_fen": 0, "self_paid_fen": 1000, "pooled_fen": 500}
        fields = terminal.initialize(sums | {"key_index": version})
        assert fields["terminal_number"] == expected
        debit = DEBIT_FOR_PURCHASE.apdu(data=medical.DEBIT.build(fields))
        mac2 = bench.ok(debit)[4:]
        terminal.ask(CREDIT_SAM_FOR_PURCHASE.apdu(data=mac2))
        assert bench.sw(debit) == 0x6901


def test_another_terminal_number_or_an_old_mac1_is_refused_by_the_card() -> None:
    terminal = T(3, "sm4", 1)
    bench = terminal.bench
    bench.enter(0xDF04)
    assert bench.verify() == 0x9000
    sums = {"account_fen": 0, "self_paid_fen": 0, "pooled_fen": 500, "key_index": 1}
    debits = []
    for number in ("510100000002", TERMINAL):
        fields = terminal.initialize(sums | {"terminal": bytes.fromhex(number)})
        debits.append(DEBIT_FOR_PURCHASE.apdu(data=medical.DEBIT.build(fields)))
        if number != TERMINAL:
            assert bench.sw(debits[0]) == 0x9302
    bench.ok(debits[1])
    terminal.initialize(sums)
    assert bench.sw(debits[1]) == 0x9302  # of another random


@pytest.mark.parametrize("level", LEVELS)
def test_level_is_found_by_trial(level: int) -> None:
    """6A80 until use byte and factors are those of the PSAM's level."""
    terminal = T(2, "3des", level)
    found = []
    for steps in (3, 2, 1):
        chain = terminal.bench.card.atr[-8:] + b"510100sx" + b"510000sh"
        data = chain[: 8 * steps] + bytes(8)
        command = DELIVERY_SESSION_KEY.apdu(steps << 5 | 7, 0x08, data)
        found.append(terminal.psam.transmit(command).hex())
    assert found == ["9000" if steps == 4 - level else "6a80" for steps in (3, 2, 1)]


def test_the_hunan_program() -> None:
    """Its bytes: DF01 by FID, BFDE 47 0A with two factors, 6108 and GET RESPONSE."""
    terminal = T(2, "3des", 2)
    bench, psam = terminal.bench, terminal.psam
    bench.enter(0xDDF1)
    psam.power_on()
    assert psam.transmit(bytes.fromhex("00A4000002DF01"))[-2] in (0x61, 0x90)
    random8 = bench.ok("0084000008")
    data = bench.card.atr[-8:] + b"510100sx" + random8
    assert psam.transmit(b"\xbf\xde\x47\x0a\x18" + data) == b"\x90\x00"
    assert psam.transmit(bytes.fromhex("80FA0000080102030405060708")) == b"\x61\x08"
    proof = psam.transmit(bytes.fromhex("00C0000008"))
    assert proof[-2:] == b"\x90\x00"
    ea = b"\x00\x82\x00\x0a\x10" + proof[:8] + bytes.fromhex("0102030405060708")
    assert bench.sw(ea) == 0x9000


def test_the_issuing_tool() -> None:
    """Its bytes: DF01 by AID, BFDE 48 12 with two factors, kid 04 with the random itself."""
    terminal = T(3, "3des", 2)
    bench, psam = terminal.bench, terminal.psam
    bench.enter(0xDDF1)
    psam.power_on()
    assert psam.transmit(bytes.fromhex("00A4040006D15600000590"))[-2] in (0x61, 0x90)
    random8 = bench.ok("0084000008")
    data = bench.card.atr[-8:] + b"510100sx" + random8
    assert psam.transmit(b"\xbf\xde\x48\x12\x18" + data) == b"\x90\x00"
    assert psam.transmit(b"\x80\xfa\x00\x00\x08" + random8) == b"\x61\x08"
    proof = psam.transmit(bytes.fromhex("00C0000008"))[:8]
    assert bench.sw(b"\x00\x82\x00\x04\x10" + proof + random8) == 0x9000
    assert bench.sw("00DC0A30030A0132") == 0x9000
