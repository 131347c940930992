# SPDX-License-Identifier: Apache-2.0
"""The card in a real PC/SC reader, by both interfaces of pyscard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import reduce
from operator import xor
from typing import Any

import pytest

from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.standard import commands
from sscard_chip.standard.commands import READ_RECORD
from tests.pcsc.stack import serving, wait_for_card
from tests.reader.toy_card import ATR, FCI, HISTORICAL, LARGE, NAME, RECORDS

pytestmark = pytest.mark.pcsc

SELECT = commands.SELECT.apdu(0x04, data=NAME).hex()
OK = b"\x90\x00"


@pytest.fixture(scope="module", autouse=True)
def cards(daemon: PrivateDaemon) -> Iterator[None]:
    with serving(daemon, "contact:toy", "contactless:toy"):
        yield


class LowLevel:
    """SCardConnect and SCardTransmit without anything round them."""

    def __init__(self, slot: int = 0) -> None:
        from smartcard import scard

        self.scard: Any = scard
        self.context = self.check(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))[0]
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        self.handle, self.protocol = self.check(
            scard.SCardConnect(
                self.context, READER_NAMES[slot], scard.SCARD_SHARE_SHARED, protocols
            )
        )

    def check(self, result: Any) -> Any:
        code, *values = result if isinstance(result, list | tuple) else [result]
        assert code == 0, self.scard.SCardGetErrorMessage(code)
        return values

    def send(self, command: str) -> bytes:
        header = self.scard.SCARD_PCI_T0 if self.protocol == 1 else self.scard.SCARD_PCI_T1
        apdu = list(bytes.fromhex(command))
        return bytes(self.check(self.scard.SCardTransmit(self.handle, header, apdu))[0])

    def reset(self) -> None:
        scard = self.scard
        self.check(
            scard.SCardReconnect(
                self.handle, scard.SCARD_SHARE_SHARED, self.protocol, scard.SCARD_RESET_CARD
            )
        )

    def status(self) -> tuple[str, int, bytes]:
        name, _, protocol, atr = self.check(self.scard.SCardStatus(self.handle))
        return name, protocol, bytes(atr)

    def close(self) -> None:
        self.scard.SCardDisconnect(self.handle, self.scard.SCARD_LEAVE_CARD)
        self.scard.SCardReleaseContext(self.context)


@pytest.fixture
def low() -> Iterator[LowLevel]:
    client = LowLevel()
    client.reset()
    yield client
    client.close()


@pytest.fixture
def contactless() -> Iterator[LowLevel]:
    client = LowLevel(1)
    client.reset()
    yield client
    client.close()


def test_high_level() -> None:
    from smartcard.System import readers

    reader = next(r for r in readers() if str(r) == READER_NAMES[0])
    connection = reader.createConnection()
    connection.connect()
    assert bytes(connection.getATR()) == ATR
    assert connection.transmit(list(bytes.fromhex(SELECT))) == ([], 0x61, 0x18)
    body, sw1, sw2 = connection.transmit([0x00, 0xC0, 0x00, 0x00, 0x18])
    assert (bytes(body), sw1, sw2) == (FCI, 0x90, 0x00)
    assert connection.transmit([0x00, 0xB2, 0x01, 0x04, 0x00]) == ([], 0x6C, 0x12)
    connection.disconnect()
    connection.release()


def test_reader_names_and_contact_atr(low: LowLevel) -> None:
    name, protocol, atr = low.status()
    assert name == READER_NAMES[0]
    assert protocol == low.scard.SCARD_PROTOCOL_T0
    assert atr == ATR


def test_contactless_atr(contactless: LowLevel) -> None:
    _, _, atr = contactless.status()
    assert atr[:4].hex() == "3b8d8001"
    assert atr[4:-1] == HISTORICAL
    assert reduce(xor, atr[1:]) == 0


def test_t0_dialogue(low: LowLevel) -> None:
    assert low.send(SELECT).hex() == "6118"
    assert low.send("00C0000000").hex() == "6c18"
    assert low.send("00C0000018") == FCI + OK
    assert low.send("00C0000018").hex() == "6f00"
    assert low.send("0088000010" + "11" * 16).hex() == "6108"
    assert low.send("00C0000008") == bytes(8) + OK


def test_a_terminal_that_skips_get_response(low: LowLevel) -> None:
    assert low.send(SELECT).hex() == "6118"
    assert low.send("00A4000002EF05").hex() == "9000"
    assert low.send("00B20104FF").hex() == "6c12"
    assert low.send("00B2010412") == RECORDS[0] + OK


def test_read_next_advances_once_per_record(low: LowLevel) -> None:
    for record in RECORDS:
        assert low.send("00B2000200").hex() == f"6c{len(record):02x}"
        assert low.send(READ_RECORD.apdu(0x00, 0x02, le=len(record)).hex()) == record + OK
    assert low.send("00B2000200").hex() == "6a83"


def test_direct_answers_without_contacts(contactless: LowLevel) -> None:
    assert contactless.send(SELECT + "00") == FCI + OK
    assert contactless.send("00B2010400") == RECORDS[0] + OK
    assert contactless.send("00B2F20500") == LARGE[0xF2][:256] + b"\x61\x00"
    assert contactless.send("00C0000000") == LARGE[0xF2][:256] + b"\x61\x58"
    assert contactless.send("00C0000000") == LARGE[0xF2][:0x58] + OK


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize(
    "command", ["00A4", "00A404", "0088000000000100", "00880000000010" + "11" * 16]
)
def test_odd_lengths_reach_the_card(slot: int, command: str) -> None:
    client = LowLevel(slot)
    assert client.send(command).hex() == "6700"
    client.close()


@pytest.mark.parametrize("ins", ["EE", "E0", "E1"])
def test_a_failing_card_never_gives_an_empty_answer(low: LowLevel, ins: str) -> None:
    assert low.send(f"00{ins}000000").hex() == "6f00"
    assert low.send("00B2020403") == RECORDS[1] + OK


def test_longest_short_command(low: LowLevel) -> None:
    data = bytes(range(255))
    assert low.send("00EC0000FF" + data.hex()).hex() == "61ff"
    assert low.send("00C00000FF") == data + OK


def test_reset_ends_the_session(low: LowLevel) -> None:
    low.send("00B2000212")
    low.send(SELECT)
    low.reset()
    assert low.send("00C0000018").hex() == "6f00"
    assert low.send("00B2000212") == RECORDS[0] + OK


def test_an_idle_card_loses_its_power() -> None:
    client = LowLevel()
    client.reset()
    assert client.send("00B2000212") == RECORDS[0] + OK
    client.close()
    time.sleep(2)
    client = LowLevel()
    assert client.send("00B2000212") == RECORDS[0] + OK
    client.close()


def test_two_programs_share_a_card(low: LowLevel) -> None:
    other = LowLevel()
    assert low.send("00B2000212") == RECORDS[0] + OK
    assert other.send("00B2000203") == RECORDS[1] + OK
    other.close()
    assert low.send("00B2000206") == RECORDS[2] + OK


@pytest.mark.parametrize("slot", [0, 1])
def test_more_than_500_commands_a_second(slot: int) -> None:
    """A delayed acknowledgement anywhere makes it about 20; see TCP_QUICKACK."""
    client = LowLevel(slot)
    best = 0.0
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(500):
            client.send("00B2020403")
        best = max(best, 500 / (time.perf_counter() - started))
    client.close()
    assert best > 500


def test_the_card_comes_back_after_a_restart_of_pcscd(daemon: PrivateDaemon) -> None:
    for _ in range(2):
        client = LowLevel()
        client.reset()
        assert client.send("00B2000212") == RECORDS[0] + OK
        daemon.stop()
        client.close()
        daemon.start()
        for slot in (0, 1):
            wait_for_card(slot)
        client = LowLevel()
        assert client.status()[2] == ATR
        assert client.send("00B2000212") == RECORDS[0] + OK
        client.close()
