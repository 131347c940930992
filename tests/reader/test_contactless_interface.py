# SPDX-License-Identifier: Apache-2.0
"""The contactless interface: direct answers, and the ATR a PC/SC reader makes of the ATS."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.reader import ContactlessInterface, InterfaceNotSupportedError
from tests.reader.toy_card import (
    FCI,
    HISTORICAL,
    INS_EMPTY,
    INS_FAULT,
    LARGE,
    NAME,
    RECORDS,
    ToyCard,
)

Send = Callable[[str], bytes]
OK = b"\x90\x00"


@pytest.fixture
def card() -> ToyCard:
    return ToyCard(contactless=True)


@pytest.fixture
def field(card: ToyCard) -> ContactlessInterface:
    interface = ContactlessInterface(card)
    interface.power_on()
    return interface


@pytest.fixture
def send(field: ContactlessInterface) -> Send:
    return lambda command: field.transmit(bytes.fromhex(command))


def test_a_card_with_contacts_only_is_refused() -> None:
    with pytest.raises(InterfaceNotSupportedError, match=r"generation 3\.0"):
        ContactlessInterface(ToyCard(contactless=False))


def test_atr_of_pcsc_part_3(field: ContactlessInterface) -> None:
    atr = field.atr
    assert atr[:4].hex() == "3b8d8001"
    assert atr[4:17] == HISTORICAL
    assert len(atr) == 18
    assert reduce(xor, atr[1:]) == 0


def test_ats_has_the_same_historical_bytes(field: ContactlessInterface) -> None:
    assert field.ats.hex() == "127880a002" + HISTORICAL.hex()


@given(st.binary(min_size=13, max_size=13))
def test_check_byte_of_any_atr(historical: bytes) -> None:
    card = ToyCard(contactless=True, historical_bytes=historical)
    atr = ContactlessInterface(card).atr
    assert reduce(xor, atr[1:]) == 0
    assert atr[-9:-1] == historical[-8:]


def test_power_and_reset(card: ToyCard) -> None:
    field = ContactlessInterface(card)
    assert field.power_on() == field.atr
    assert field.reset() == field.atr
    field.power_off()
    assert card.power_log == ["on", "reset", "off"]


def test_answers_come_directly(send: Send) -> None:
    assert send(f"00A404000F{NAME.hex()}00") == FCI + OK
    assert send(f"00A404000F{NAME.hex()}") == FCI + OK
    assert send("00B2010400") == RECORDS[0] + OK
    assert send("00B20104FF") == RECORDS[0] + OK
    assert send("0088000010" + "11" * 16) == bytes(8) + OK
    assert send("00C0000008").hex() == "6f00"


def test_commands_reach_the_card_unchanged(send: Send, card: ToyCard) -> None:
    for command in ("", "00A4", "00A40000", "00B2010405", "00A4000002EF0500"):
        send(command)
        assert card.log[-1] == bytes.fromhex(command)


def test_256_bytes_fit_one_answer(send: Send) -> None:
    assert send("00B2F00500") == LARGE[0xF0] + OK


def test_more_than_256_bytes_come_in_pieces(send: Send) -> None:
    assert send("00B2F20500") == LARGE[0xF2][:256] + b"\x61\x00"
    assert send("00C0000000") == LARGE[0xF2][:256] + b"\x61\x58"
    assert send("00C0000010") == LARGE[0xF2][:16] + b"\x61\x48"
    assert send("00C0000000") == LARGE[0xF2][:0x48] + OK
    assert send("00C0000000").hex() == "6f00"


def test_get_response_takes_le_as_a_limit(send: Send) -> None:
    send("00B2F10500")
    assert send("00C00000FF") == LARGE[0xF1][256:] + OK


def test_get_response_refusals(send: Send) -> None:
    send("00B2F10500")
    assert send("00C001002C").hex() == "6a86"
    assert send("00C000000100").hex() == "6700"
    assert send("00C00000") == LARGE[0xF1][256:] + OK


@pytest.mark.parametrize("event", ["power_on", "reset", "power_off"])
def test_another_command_or_a_reset_drops_the_rest(
    field: ContactlessInterface, send: Send, event: str
) -> None:
    send("00B2F10500")
    send("00B2010400")
    assert send("00C000002C").hex() == "6f00"
    send("00B2F10500")
    getattr(field, event)()
    assert send("00C000002C").hex() == "6f00"


@pytest.mark.parametrize("ins", [INS_FAULT, INS_EMPTY])
def test_a_failing_card_still_answers(send: Send, ins: int) -> None:
    assert send(f"00{ins:02X}000000").hex() == "6f00"


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=8))
def test_any_bytes_get_2_to_258_bytes(commands: list[bytes]) -> None:
    field = ContactlessInterface(ToyCard(contactless=True))
    field.power_on()
    for command in commands:
        assert 2 <= len(field.transmit(command)) <= 258


def test_the_reader_answers_for_uid_and_historical_bytes(send: Send) -> None:
    """PC/SC part 3, 3.2.2.1.3: the card itself never sees the command."""
    uid = HISTORICAL[-4:]
    assert send("FFCA000000") == send("FFCA000004") == uid + OK
    assert send("FFCA000003") == b"\x6c\x04"
    assert send("FFCA000008") == uid + b"\x62\x82"  # data, and fewer than Le
    assert send("FFCA010000") == HISTORICAL + OK
    assert send("FFCA020000") == send("FFCA000100") == b"\x6a\x81"


@pytest.mark.parametrize(("serial", "first"), [("08", 0x09), ("88", 0x89), ("F8", 0xF9)])
def test_a_uid_has_no_first_byte_of_another_meaning(serial: str, first: int) -> None:
    historical = HISTORICAL[:9] + bytes.fromhex(serial) + HISTORICAL[10:]
    card = ToyCard(contactless=True, historical_bytes=historical)
    assert ContactlessInterface(card).uid == bytes((first,)) + HISTORICAL[10:]
