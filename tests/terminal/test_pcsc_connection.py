# SPDX-License-Identifier: Apache-2.0
"""The PC/SC connection against a stand-in for pyscard's module; tests/pcsc has the real one."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from sscard_chip.terminal.connection import (
    CardRemovedError,
    NoAnswerError,
    NoCardError,
    NotConnectedError,
    ReaderError,
    ShortAnswerError,
    TerminalConnectionError,
)
from sscard_chip.terminal.pcsc import PcscConnection

ATR = bytes.fromhex("3B6D0000") + bytes(13)


class Scard(ModuleType):
    """The calls that the connection makes, with a result to be set for each."""

    SCARD_S_SUCCESS = 0
    SCARD_SCOPE_USER, SCARD_SHARE_EXCLUSIVE, SCARD_SHARE_SHARED = 0, 1, 2
    SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1 = 1, 2
    SCARD_PCI_T0, SCARD_PCI_T1 = 10, 11
    SCARD_LEAVE_CARD, SCARD_RESET_CARD, SCARD_UNPOWER_CARD = 0, 1, 2
    SCARD_E_NO_SERVICE, SCARD_E_UNKNOWN_READER = 101, 102
    SCARD_E_NO_SMARTCARD, SCARD_W_REMOVED_CARD = 103, 104
    SCARD_E_TIMEOUT, SCARD_E_NOT_TRANSACTED, SCARD_W_RESET_CARD = 105, 106, 107
    SCARD_E_SHARING_VIOLATION, SCARD_E_NO_READERS_AVAILABLE = 108, 109
    SCARD_W_UNRESPONSIVE_CARD = 110

    def __init__(self, *readers: str) -> None:
        super().__init__("scard")
        self.readers = list(readers)
        self.results: dict[str, int] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.protocol = self.SCARD_PROTOCOL_T0
        self.answer = [0x90, 0x00]

    def _done(self, name: str, *arguments: Any) -> int:
        self.calls.append((name, *arguments))
        return self.results.get(name, 0)

    def SCardEstablishContext(self, scope: int) -> tuple[int, str]:  # noqa: N802
        return self._done("establish"), "context"

    def SCardReleaseContext(self, context: str) -> int:  # noqa: N802
        return self._done("release")

    def SCardListReaders(self, context: str, groups: list[str]) -> tuple[int, list[str]]:  # noqa: N802
        return self._done("list"), self.readers

    def SCardConnect(  # noqa: N802
        self, context: str, reader: str, share: int, protocols: int
    ) -> tuple[int, str, int]:
        return self._done("connect", reader, share), "card", self.protocol

    def SCardReconnect(  # noqa: N802
        self, card: str, share: int, protocols: int, how: int
    ) -> tuple[int, int]:
        return self._done("reconnect", how), self.protocol

    def SCardStatus(self, card: str) -> tuple[int, str, int, int, list[int]]:  # noqa: N802
        return self._done("status"), "", 0, 0, list(ATR)

    def SCardTransmit(self, card: str, pci: int, command: list[int]) -> tuple[int, list[int]]:  # noqa: N802
        return self._done("transmit", pci, bytes(command).hex()), self.answer

    def SCardDisconnect(self, card: str, how: int) -> int:  # noqa: N802
        return self._done("disconnect", how)

    def SCardGetErrorMessage(self, result: int) -> str:  # noqa: N802
        return f"error {result}"

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]


def powered(scard: Scard) -> PcscConnection:
    connection = PcscConnection("PCD 00", scard=scard)
    connection.power_on()
    scard.calls.clear()
    return connection


def test_power_on_is_a_cold_reset_and_power_off_takes_the_power() -> None:
    scard = Scard("Virtual PCD 00")
    with PcscConnection("Virtual PCD 00", scard=scard) as connection:
        assert scard.calls == []
        assert connection.power_on() == ATR
        assert ("reconnect", scard.SCARD_UNPOWER_CARD) in scard.calls
        assert ("connect", "Virtual PCD 00", scard.SCARD_SHARE_EXCLUSIVE) in scard.calls
        scard.calls.clear()
        assert connection.reset() == connection.atr == ATR
        assert scard.calls[0] == ("reconnect", scard.SCARD_RESET_CARD)
        scard.calls.clear()
        assert connection.power_on() == ATR
        assert "connect" not in scard.names()
        connection.power_off()
        assert scard.calls[-1] == ("disconnect", scard.SCARD_UNPOWER_CARD)
    assert scard.names()[-1] == "release"


def test_a_shared_card_and_reset_without_power() -> None:
    scard = Scard("A")
    connection = PcscConnection("A", exclusive=False, scard=scard)
    assert connection.reset() == ATR
    assert ("connect", "A", scard.SCARD_SHARE_SHARED) in scard.calls


def test_asking_for_the_atr_powers_the_card_on() -> None:
    scard = Scard("A")
    assert PcscConnection("A", scard=scard).atr == ATR
    assert "connect" in scard.names()


@pytest.mark.parametrize(("protocol", "pci"), [(1, 10), (2, 11)])
def test_commands_go_out_in_the_cards_protocol(protocol: int, pci: int) -> None:
    scard = Scard("PCD 00")
    scard.protocol = protocol
    connection = powered(scard)
    scard.answer = [0x61, -0x80]  # some versions give signed bytes
    assert connection.transmit(b"\x00\x84\x00\x00\x08") == b"\x61\x80"
    assert scard.calls == [("transmit", pci, "0084000008")]


@pytest.mark.parametrize(
    ("wanted", "full"), [("pcd 00 01", "Virtual PCD 00 01"), ("Reader", "Reader")]
)
def test_a_part_of_a_name_finds_its_reader(wanted: str, full: str) -> None:
    scard = Scard("Virtual PCD 00 00", "Virtual PCD 00 01", "Reader", "Other Reader")
    PcscConnection(wanted, scard=scard).power_on()
    assert next(call for call in scard.calls if call[0] == "connect")[1] == full


@pytest.mark.parametrize("wanted", ["Virtual", "ACS"])
def test_none_or_several_readers_of_a_name(wanted: str) -> None:
    connection = PcscConnection(wanted, scard=Scard("Virtual 0", "Virtual 1", "Gem"))
    with pytest.raises(NotConnectedError, match=f"'{wanted}': [02] of 3 readers have this"):
        connection.power_on()


@pytest.mark.parametrize(
    ("call", "result", "error"),
    [
        ("establish", 101, NotConnectedError),
        ("list", 101, NotConnectedError),
        ("list", 109, NotConnectedError),
        ("list", 999, ReaderError),
        ("connect", 102, NotConnectedError),
        ("connect", 103, NoCardError),
        ("connect", 104, NoCardError),
        ("connect", 108, ReaderError),
        ("connect", 110, NoAnswerError),
        ("reconnect", 104, NoCardError),
        ("status", 104, NoCardError),
    ],
)
def test_failures_of_power_on(call: str, result: int, error: type[TerminalConnectionError]) -> None:
    scard = Scard("A")
    scard.results[call] = result
    connection = PcscConnection("A", scard=scard)
    with pytest.raises(error) as failure:
        connection.power_on()
    assert type(failure.value) is error
    scard.results.clear()
    assert connection.power_on() == ATR  # all is well again


@pytest.mark.parametrize(
    ("result", "status", "error"),
    [
        (104, 104, CardRemovedError),
        (102, 0, CardRemovedError),
        (106, 103, CardRemovedError),  # readers may tell of a pulled card as of a failed exchange
        (106, 0, NoAnswerError),
        (105, 0, NoAnswerError),
        (107, 0, NoAnswerError),
        (999, 0, NoAnswerError),
    ],
)
def test_failures_of_an_exchange(
    result: int, status: int, error: type[TerminalConnectionError]
) -> None:
    scard = Scard("PCD 00")
    connection = powered(scard)
    scard.results.update(transmit=result, status=status)
    with pytest.raises(error) as failure:
        connection.transmit(bytes.fromhex("0020000003123456"))
    assert type(failure.value) is error
    assert "123456" not in str(failure.value)


def test_fewer_than_two_bytes_are_an_error_of_the_transport() -> None:
    scard = Scard("PCD 00")
    connection = powered(scard)
    scard.answer = [0x90]
    with pytest.raises(ShortAnswerError):
        connection.transmit(b"\x00\x84\x00\x00\x08")


def test_a_command_without_power() -> None:
    connection = PcscConnection("A", scard=Scard("A"))
    with pytest.raises(CardRemovedError):
        connection.transmit(b"\x00\x84\x00\x00\x08")


def test_without_pyscard_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    with pytest.raises(NotConnectedError, match=r"pip install '\.\[pcsc\]' in a clone"):
        PcscConnection("A")


def test_a_context_that_the_service_forgot_is_replaced_once() -> None:
    scard = Scard("PCD 00")
    connection = powered(scard)
    connection.power_off()
    scard.results["list"] = scard.SCARD_E_NO_SERVICE
    with pytest.raises(NotConnectedError):
        connection.power_on()
    assert scard.names().count("establish") == 1
    scard.calls.clear()
    with pytest.raises(NotConnectedError):
        connection.power_on()
    assert scard.names().count("list") == 1  # the context was new
