# SPDX-License-Identifier: Apache-2.0
"""T=0 as a terminal sees it: 61xx, 6Cxx and GET RESPONSE (ISO/IEC 7816-3 clause 12.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_chip.card import NotPoweredError
from sscard_chip.reader import ContactInterface
from sscard_chip.standard import commands
from sscard_chip.standard.commands import GET_RESPONSE
from tests.reader.toy_card import (
    ATR,
    BINARY,
    FCI,
    INS_EMPTY,
    INS_FAULT,
    INS_ONE_BYTE,
    LARGE,
    NAME,
    RECORDS,
    ToyCard,
)

Send = Callable[[str], bytes]
SELECT = commands.SELECT.apdu(0x04, data=NAME).hex()
OK = b"\x90\x00"


@pytest.fixture
def card() -> ToyCard:
    return ToyCard()


@pytest.fixture
def contact(card: ToyCard) -> ContactInterface:
    interface = ContactInterface(card)
    interface.power_on()
    return interface


@pytest.fixture
def send(contact: ContactInterface) -> Send:
    return lambda command: contact.transmit(bytes.fromhex(command))


@pytest.mark.parametrize("le", ["", "00", "05", "1A"])
def test_select_answers_61_and_get_response_gives_the_fci(send: Send, le: str) -> None:
    assert send(SELECT + le).hex() == "6118"
    assert send("00C0000018") == FCI + OK


def test_trailing_le_is_not_sent_to_the_card(send: Send, card: ToyCard) -> None:
    send(SELECT + "05")
    assert card.log[-1] == bytes.fromhex(SELECT)


def test_internal_authenticate_answers_6108(send: Send) -> None:
    assert send("0088000010" + "11" * 16).hex() == "6108"
    assert send("00C0000008") == bytes(8) + OK


def test_get_response_in_pieces(send: Send) -> None:
    send(SELECT)
    assert send("00C0000004") == FCI[:4] + b"\x61\x14"
    assert send("00C0000014") == FCI[4:] + OK
    assert send("00C0000014").hex() == "6f00"


@pytest.mark.parametrize("le", ["00", "19", "FF"])
def test_get_response_for_too_much_answers_6c_and_keeps_the_data(send: Send, le: str) -> None:
    send(SELECT)
    assert send("00C00000" + le).hex() == "6c18"
    assert send("00C0000018") == FCI + OK


def test_get_response_without_le_is_le_00(send: Send) -> None:
    send(SELECT)
    assert send("00C00000").hex() == "6c18"


def test_get_response_with_nothing_waiting(send: Send) -> None:
    assert send("00C0000008").hex() == "6f00"
    assert send("00C0000000").hex() == "6f00"
    assert send("00C00000").hex() == "6f00"


@pytest.mark.parametrize("command", ["00C0010018", "00C0000118", "00C0FFFF18"])
def test_get_response_with_parameters(send: Send, command: str) -> None:
    send(SELECT)
    assert send(command).hex() == "6a86"
    assert send("00C0000018") == FCI + OK


def test_get_response_with_a_data_field(send: Send) -> None:
    send(SELECT)
    assert send("00C000000101").hex() == "6700"


def test_get_response_of_another_class_goes_to_the_card(send: Send, card: ToyCard) -> None:
    send(SELECT)
    assert send("80C0000018").hex() == "6e00"
    assert card.log[-1].hex() == "80c0000018"
    assert send("00C0000018").hex() == "6f00"


def test_get_response_can_be_skipped(send: Send) -> None:
    assert send(SELECT).hex() == "6118"
    assert send("00A4000002EF05").hex() == "9000"
    assert send("00B2020403") == RECORDS[1] + OK
    assert send("00C0000018").hex() == "6f00"


def test_select_of_an_ef_answers_9000(send: Send) -> None:
    assert send("00A4020002EF05").hex() == "9000"
    assert send("00A4020002EF0500").hex() == "9000"


@pytest.mark.parametrize("command", ["00A40000", "00A4000000"])
def test_select_without_data_field_has_p3_as_lc(send: Send, command: str) -> None:
    assert send(command).hex() == "6118"
    assert send("00C0000018") == FCI + OK


@pytest.mark.parametrize("le", ["00", "01", "11", "13", "FF"])
def test_wrong_le_answers_6c_and_the_repeat_gives_the_body(send: Send, le: str) -> None:
    assert send("00B20104" + le).hex() == "6c12"
    assert send("00B2010412") == RECORDS[0] + OK


def test_no_le_is_le_00(send: Send) -> None:
    assert send("00B20104").hex() == "6c12"
    assert send("00B2010412") == RECORDS[0] + OK


@pytest.mark.parametrize("le", ["00", "40", "01"])
def test_read_next_advances_once_however_often_le_is_wrong(send: Send, le: str) -> None:
    assert send("00B20002" + le).hex() == "6c12"
    assert send("00B2000200").hex() == "6c12"
    assert send("00B20002FF").hex() == "6c12"
    assert send("00B2000212") == RECORDS[0] + OK
    assert send("00B2000200").hex() == "6c03"
    assert send("00B2000203") == RECORDS[1] + OK
    assert send("00B2000206") == RECORDS[2] + OK
    assert send("00B2000200").hex() == "6a83"


def test_a_refused_answer_is_gone_after_another_command(send: Send, card: ToyCard) -> None:
    assert send("00B2000200").hex() == "6c12"
    assert send("00A4020002EF05").hex() == "9000"
    asked = len(card.log)
    assert send("00B2010412") == RECORDS[0] + OK
    assert len(card.log) == asked + 1


def test_a_refused_answer_is_gone_after_get_response(send: Send, card: ToyCard) -> None:
    assert send("00B2010400").hex() == "6c12"
    assert send("00C0000012").hex() == "6f00"
    send("00B2010412")
    assert [c.hex() for c in card.log] == ["00b2010400", "00b2010412"]


def test_a_body_given_once_is_asked_of_the_card_again(send: Send, card: ToyCard) -> None:
    send("00B2010400")
    send("00B2010412")
    assert len(card.log) == 1
    assert send("00B2010412") == RECORDS[0] + OK
    assert len(card.log) == 2


def test_read_binary_takes_a_shorter_le_as_a_wish(send: Send) -> None:
    assert send("00B0000000").hex() == "6c20"
    assert send("00B0000005") == BINARY[:5] + OK
    assert send("00B0000020") == BINARY + OK


def test_read_binary_beyond_the_end_answers_the_rest(send: Send) -> None:
    assert send("00B0001820").hex() == "6c08"
    assert send("00B0001808") == BINARY[0x18:] + OK


def test_get_challenge_of_a_wrong_length_is_the_cards_matter(send: Send) -> None:
    assert send("0084000008") == bytes(8) + OK
    assert send("0084000007").hex() == "6700"
    assert send("0084000000").hex() == "6700"


def test_body_of_256_bytes(send: Send) -> None:
    assert send("00B2F00500") == LARGE[0xF0] + OK
    assert send("00B2F00510").hex() == "6c00"
    assert send("00B2F00500") == LARGE[0xF0] + OK


def test_body_of_300_bytes(send: Send) -> None:
    assert send("00B2F10510").hex() == "6c00"
    assert send("00B2F10500") == LARGE[0xF1][:256] + b"\x61\x2c"
    assert send("00C0000000").hex() == "6c2c"
    assert send("00C000002C") == LARGE[0xF1][256:] + OK


def test_body_of_600_bytes(send: Send) -> None:
    assert send("00B2F20500") == LARGE[0xF2][:256] + b"\x61\x00"
    assert send("00C0000000") == LARGE[0xF2][:256] + b"\x61\x58"
    assert send("00C0000058") == LARGE[0xF2][:0x58] + OK


def test_long_answer_to_a_command_with_data(card: ToyCard) -> None:
    contact = ContactInterface(_Constant(bytes(range(256)) + b"\x01\x02" + OK))
    contact.power_on()
    assert contact.transmit(bytes.fromhex("00A4000002EF05")).hex() == "6100"
    assert contact.transmit(bytes.fromhex("00C0000000")) == bytes(range(256)) + b"\x61\x02"
    assert contact.transmit(bytes.fromhex("00C0000002")) == b"\x01\x02" + OK


def test_status_word_of_the_data_comes_with_the_last_piece() -> None:
    contact = ContactInterface(_Constant(b"\x01\x02\x62\x82"))
    assert contact.transmit(bytes.fromhex("0088000001AA")).hex() == "6102"
    assert contact.transmit(bytes.fromhex("00C0000001")).hex() == "016101"
    assert contact.transmit(bytes.fromhex("00C0000001")).hex() == "026282"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("0020000003123456", "63c2"),
        ("0020000000", "63c3"),
        ("00A404000500112233FF", "6a82"),
        ("00B2090400", "6a83"),
        ("80B2010400", "6e00"),
        ("00770000", "6d00"),
        ("", "6700"),
        ("00", "6700"),
        ("00C0", "6700"),
        ("00A404", "6700"),
        ("00880000000010" + "11" * 16, "6700"),
    ],
)
def test_other_status_words_pass(send: Send, card: ToyCard, command: str, answer: str) -> None:
    assert send(command).hex() == answer
    assert card.log[-1] == bytes.fromhex(command)


@pytest.mark.parametrize("ins", [INS_FAULT, INS_EMPTY, INS_ONE_BYTE])
@pytest.mark.parametrize("rest", ["0000", "000010", "000003123456"])
def test_a_failing_card_still_answers(
    send: Send, ins: int, rest: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert send(f"00{ins:02X}{rest}").hex() == "6f00"
    assert f"00{ins:02X}" in caplog.text
    assert "123456" not in caplog.text
    assert "secret" not in caplog.text
    assert send(SELECT).hex() == "6118"


@pytest.mark.parametrize("event", ["power_on", "reset", "power_off"])
def test_power_and_reset_drop_what_waits(
    contact: ContactInterface, send: Send, card: ToyCard, event: str
) -> None:
    send(SELECT)
    getattr(contact, event)()
    assert send("00C0000018").hex() == "6f00"
    contact.power_on()
    send("00B2000200")
    getattr(contact, event)()
    contact.power_on()
    asked = len(card.log)
    send("00B2000212")
    assert len(card.log) == asked + 1


def test_a_command_without_power_is_the_callers_mistake(card: ToyCard) -> None:
    with pytest.raises(NotPoweredError):
        ContactInterface(card).transmit(bytes.fromhex(SELECT))


def test_atr_and_power_are_the_cards(card: ToyCard) -> None:
    contact = ContactInterface(card)
    assert contact.atr == ATR
    assert contact.power_on() == ATR
    assert contact.reset() == ATR
    contact.power_off()
    assert card.power_log == ["on", "reset", "off"]


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=8))
def test_any_bytes_get_2_to_258_bytes(commands: list[bytes]) -> None:
    contact = ContactInterface(ToyCard())
    contact.power_on()
    for command in commands:
        assert 2 <= len(contact.transmit(command)) <= 258


@given(st.binary(min_size=1, max_size=700), st.lists(st.integers(0, 255), max_size=40))
def test_pieces_of_any_size_join_to_the_body(body: bytes, sizes: list[int]) -> None:
    contact = ContactInterface(_Constant(body + OK))
    answer = contact.transmit(bytes.fromhex("0088000001AA"))
    assert answer[0] == 0x61
    got = b""
    for size in [*sizes, *[0, 0, 0]]:
        answer = contact.transmit(GET_RESPONSE.apdu(le=size))
        if answer[0] == 0x6C and len(answer) == 2:
            answer = contact.transmit(GET_RESPONSE.apdu(le=answer[1]))
        got += answer[:-2]
        if answer[-2:] == OK:
            break
        assert answer[-2] == 0x61
    assert answer[-2:] == OK
    assert got == body


class _Constant(ToyCard):
    """Answers everything with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer

    def transmit(self, apdu: bytes) -> bytes:
        self.log.append(apdu)
        return self.answer
