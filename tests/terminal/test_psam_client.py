# SPDX-License-Identifier: Apache-2.0
"""The terminal's dealings with PSAMs of every level, and with PSAMs that differ from ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import CardRemovedError, connect_card
from sscard_chip.terminal.psam_client import (
    CardFactors,
    PurchaseRequest,
    SamClient,
    SamEnvironmentError,
    SamError,
    SamKeyError,
    SamLevelError,
)
from tests.bench import sam as vectors
from tests.bench.desk import TERMINAL, psam_memory

VECTOR_FACTORS = CardFactors(
    *(bytes.fromhex(f) for f in (vectors.CARD, vectors.CITY, vectors.PROVINCE))
)
CHALLENGE = bytes.fromhex("1122334455667788")
ORIGINAL = bytes.fromhex("0102030405060708")
UNBLOCK = bytes.fromhex("8424000004")
AUTHENTICATION = {"3des": "34EE6369256AE598", "sm4": "3654EE8C49215375"}
MACS = {"3des": "670895DC", "sm4": "B7F61F1D"}
MAC1 = {"3des": "D319F25A", "sm4": "F4E4A0BF"}
MAC2 = {"3des": "B1A0ADFD", "sm4": "9B6D3F77"}
SUITES = ("3des", "sm4")
OF_CARD = CardFactors.of("510100", bytes(13))


class Altered(FaultyConnection):
    """A PSAM between which and the terminal someone rewrites answers; it counts BFDE."""

    def __init__(self, memory: Memory, rewrite: Callable[[bytes, bytes], bytes]) -> None:
        super().__init__(connect_card(Card(memory.copy())))
        self._rewrite = rewrite
        self.delivered: list[bytes] = []

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[:2] == b"\xbf\xde":
            self.delivered.append(apdu[:4])
        return self._rewrite(apdu, super().transmit(apdu))


def unchanged(apdu: bytes, answer: bytes) -> bytes:
    return answer


def opened(
    memory: Memory,
    algorithm: str = "3des",
    rewrite: Callable[[bytes, bytes], bytes] = unchanged,
) -> tuple[SamClient, Altered]:
    connection = Altered(memory, rewrite)
    client = SamClient(connection)
    client.open(algorithm)
    return client, connection


def vector_psam(algorithm: str) -> Memory:
    return vectors.make((algorithm,), vectors.SERVED)


def request(algorithm: str, version: int = 1) -> PurchaseRequest:
    return PurchaseRequest(
        random=bytes.fromhex("A1B2C3D4"),
        number=5,
        amounts=Split(0, 0x3E8, 0x1F4),
        kind=0x32,
        time="20151118185001",
        version=version,
        algorithm=1 if algorithm == "3des" else 3,
    )


@pytest.mark.parametrize("algorithm", SUITES)
class TestPublishedVectors:
    def test_authentication_data(self, algorithm: str) -> None:
        sam, _ = opened(vector_psam(algorithm), algorithm)
        data = sam.authentication_data("RKSSSE", VECTOR_FACTORS, CHALLENGE, ORIGINAL)
        assert data.hex().upper() == AUTHENTICATION[algorithm]

    def test_command_mac(self, algorithm: str) -> None:
        sam, _ = opened(vector_psam(algorithm), algorithm)
        mac = sam.command_mac("STKSSSE", VECTOR_FACTORS, CHALLENGE, UNBLOCK)
        assert mac.hex().upper() == MACS[algorithm]

    def test_purchase(self, algorithm: str) -> None:
        sam, _ = opened(vector_psam(algorithm), algorithm)
        assert sam.terminal_id() == vectors.TERMINAL
        assert sam.transaction_number() == 0x12C
        mac1 = sam.init_purchase(request(algorithm), VECTOR_FACTORS)
        assert mac1.transaction_number == 0x12C
        assert mac1.mac.hex().upper() == MAC1[algorithm]
        assert sam.credit(bytes.fromhex(MAC2[algorithm]))
        with pytest.raises(CardStatusError) as again:
            sam.credit(bytes.fromhex(MAC2[algorithm]))
        assert again.value.sw == 0x6901


@pytest.mark.parametrize("algorithm", SUITES)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_every_level_gives_the_same_answers(level: int, algorithm: str) -> None:
    sam, connection = opened(psam_memory(level), algorithm)
    same, _ = opened(psam_memory(1), algorithm)
    for client in (sam, same):
        client.key_version("RKSSSE")
    first = sam.authentication_data("RKSSSE", OF_CARD, CHALLENGE, ORIGINAL)
    assert first == same.authentication_data("RKSSSE", OF_CARD, CHALLENGE, ORIGINAL)
    asked = len(connection.delivered)
    assert asked <= 3
    sam.authentication_data("RKSSSE", OF_CARD, CHALLENGE, ORIGINAL)
    assert len(connection.delivered) == asked + 1  # the level is remembered
    sam.authentication_data("IRK", OF_CARD, CHALLENGE, ORIGINAL)
    assert len(connection.delivered) == asked + 2  # and the likely one for other keys
    macs = [c.init_purchase(request(algorithm), OF_CARD).mac for c in (sam, same)]
    assert macs[0] == macs[1]
    long = bytes(range(200))
    chains = [c.command_mac("STKDF01", OF_CARD, CHALLENGE, long) for c in (sam, same)]
    assert chains[0] == chains[1]
    assert sam.command_mac("STKDF01", OF_CARD, CHALLENGE, long[:-1]) != chains[0]


def test_a_psam_that_looks_keys_up_by_the_whole_byte() -> None:
    def whole_byte(apdu: bytes, answer: bytes) -> bytes:
        return b"\x6a\x88" if answer == b"\x6a\x80" else answer

    sam, _ = opened(psam_memory(1), rewrite=whole_byte)
    expected = opened(psam_memory(3))[0]
    mine = sam.authentication_data("RK1DF04", OF_CARD, CHALLENGE, ORIGINAL)
    assert mine == expected.authentication_data("RK1DF04", OF_CARD, CHALLENGE, ORIGINAL)


def test_a_key_of_another_type_than_the_table_has() -> None:
    """STK as 26/09: good for the MAC of an unblock, not for a new PIN."""
    sam, _ = opened(psam_memory(3, stk_reloads_pin=False))
    usual, _ = opened(psam_memory(3))
    mac = sam.command_mac("STKSSSE", OF_CARD, CHALLENGE, UNBLOCK)
    assert mac == usual.command_mac("STKSSSE", OF_CARD, CHALLENGE, UNBLOCK)
    with pytest.raises(SamKeyError):
        sam.enciphered_command("STKSSSE", OF_CARD, CHALLENGE, b"\x84\x24\0\1", b"\x12\x34\x56")


@pytest.mark.parametrize(("algorithm", "length"), [("3des", 17), ("sm4", 25)])
def test_one_session_key_or_two_make_the_same_command(algorithm: str, length: int) -> None:
    """Some PSAMs forget the session key after its first calculation."""
    ciphered = False

    def forgetful(apdu: bytes, answer: bytes) -> bytes:
        nonlocal ciphered
        if apdu[:2] == b"\xbf\xde":
            ciphered = False
        elif apdu[:3] == b"\x80\xfa\x00":
            ciphered = True
        elif apdu[:3] == b"\x80\xfa\x05" and ciphered:
            return b"\x69\x01"
        return answer

    commands = []
    for rewrite in (unchanged, forgetful):
        sam, connection = opened(psam_memory(3), algorithm, rewrite)
        header, pin = bytes.fromhex("84240001"), bytes.fromhex("246802")
        commands.append(sam.enciphered_command("STKSSSE", OF_CARD, CHALLENGE, header, pin))
    assert commands[0] == commands[1]
    assert len(commands[0]) == length
    assert len(connection.delivered) == 2


def test_no_such_environment() -> None:
    for algorithm in ("sm4", "ssf33"):
        with pytest.raises(SamEnvironmentError):
            opened(psam_memory(3, "3des"), algorithm)


def test_no_such_key() -> None:
    sam, _ = opened(vectors.make(("3des",), {vectors.IRK: vectors.ROOT}))
    with pytest.raises(SamKeyError, match="the PSAM has no key RKSSSE"):
        sam.authentication_data("RKSSSE", OF_CARD, CHALLENGE, ORIGINAL)
    with pytest.raises(SamKeyError, match="the PSAM has no key DPK"):
        sam.init_purchase(request("3des"), OF_CARD)
    with pytest.raises(SamKeyError, match="no identifier of LOCAL"):
        sam.authentication_data("LOCAL", OF_CARD, CHALLENGE, ORIGINAL)


def test_a_level_that_no_factors_reach() -> None:
    sam, connection = opened(vectors.make(("3des",), vectors.SERVED, steps=0))
    with pytest.raises(SamLevelError):
        sam.authentication_data("RKSSSE", OF_CARD, CHALLENGE, ORIGINAL)
    assert len({head[2] >> 5 for head in connection.delivered}) == 3
    with pytest.raises(SamLevelError):
        sam.init_purchase(request("3des"), OF_CARD)


@pytest.mark.parametrize("is_63cf", [True, False])
def test_a_wrong_mac2_in_both_readings(is_63cf: bool) -> None:
    memory = vectors.make(("3des",), vectors.SERVED, wrong_mac2_is_63cf=is_63cf)
    sam, _ = opened(memory)
    sam.init_purchase(request("3des"), VECTOR_FACTORS)
    assert not sam.credit(bytes(4))


@pytest.mark.parametrize("version", [1, 2, 3])
def test_the_version_that_the_psam_holds(version: int) -> None:
    sam, _ = opened(psam_memory(3, key_version=version))
    assert sam.key_version("RKSSSE") == sam.purchase_key_index() == version
    assert sam.key_version("UKSSSE") == version
    assert sam.key_version("PUK") == 1  # cards have one version of it
    assert sam.terminal_id() == TERMINAL
    assert sam.serial() == "1".rjust(20, "0")


@pytest.mark.parametrize(
    ("head", "ask"),
    [
        (b"\xbf\xde", lambda sam: sam.authentication_data("IRK", OF_CARD, CHALLENGE, ORIGINAL)),
        (b"\x80\x70", lambda sam: sam.init_purchase(request("3des"), OF_CARD)),
        (b"\x80\x72", lambda sam: sam.credit(bytes(4))),
        (b"\x00\xa4", lambda sam: sam.open("3des")),
    ],
)
def test_a_refusal_that_is_no_matter_of_levels(
    head: bytes, ask: Callable[[SamClient], object]
) -> None:
    locked = False

    def refuse(apdu: bytes, answer: bytes) -> bytes:
        return b"\x69\x85" if locked and apdu[:2] == head else answer

    sam, _ = opened(psam_memory(3), rewrite=refuse)
    locked = True
    with pytest.raises(CardStatusError) as refused:
        ask(sam)
    assert refused.value.sw == 0x6985


def test_a_psam_pulled_out_and_put_back_is_powered_on_anew() -> None:
    sam, connection = opened(psam_memory(3))
    connection.remove()
    with pytest.raises(CardRemovedError):
        sam.authentication_data("IRK", OF_CARD, CHALLENGE, ORIGINAL)
    connection.insert(connect_card(Card(psam_memory(1).copy())))
    sam.open("sm4")
    assert sam.terminal_id() == TERMINAL
    sam.power_off()
    sam.open("3des")
    assert len(sam.authentication_data("IRK", OF_CARD, CHALLENGE, ORIGINAL)) == 8


def test_a_psam_that_was_not_opened() -> None:
    sam = SamClient(connect_card(Card(psam_memory(3).copy())))
    with pytest.raises(SamError, match="not open"):
        sam.authentication_data("IRK", OF_CARD, CHALLENGE, ORIGINAL)


def test_a_file_of_another_length() -> None:
    def short(apdu: bytes, answer: bytes) -> bytes:
        return b"\x01\x02\x90\x00" if apdu[:2] == b"\x00\xb0" else answer

    sam, _ = opened(psam_memory(3), rewrite=short)
    with pytest.raises(SamError, match="file 0019 of the PSAM"):
        sam.transaction_number()
