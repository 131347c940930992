# SPDX-License-Identifier: Apache-2.0
"""The terminal's half of T=0, on readers that do it, do not do it, and have no contacts."""

from __future__ import annotations

import pytest

from sscard_chip.standard.commands import (
    GET_CHALLENGE,
    INTERNAL_AUTHENTICATE,
    READ_RECORD,
    SELECT,
    VERIFY,
)
from sscard_chip.terminal.client import ApduClient, CardStatusError
from sscard_chip.terminal.connection import ConnectionLostError, ShortAnswerError

T0 = bytes.fromhex("3B6D0000") + bytes(13)
CONTACTLESS = bytes.fromhex("3B8D8001") + bytes(14)


class Scripted:
    """A connection that answers what it is told and remembers what it was asked."""

    def __init__(self, *answers: str, atr: bytes = T0) -> None:
        self._answers = [bytes.fromhex(answer) for answer in answers]
        self.atr = atr
        self.asked: list[str] = []

    def power_on(self) -> bytes:
        return self.atr

    def reset(self) -> bytes:
        return self.atr

    def power_off(self) -> None:
        pass

    def transmit(self, apdu: bytes) -> bytes:
        self.asked.append(apdu.hex().upper())
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def test_data_that_wait_are_fetched_in_pieces() -> None:
    card = Scripted("6103", "010261 01".replace(" ", ""), "039000")
    assert ApduClient(card).require(INTERNAL_AUTHENTICATE, 0, 0, b"\x05", 3) == b"\x01\x02\x03"
    assert card.asked == ["008800000105", "00C0000003", "00C0000001"]


def test_a_wrong_length_is_corrected() -> None:
    card = Scripted("6C02", "AABB9000")
    assert ApduClient(card).require(READ_RECORD, 1, 4, le=0) == b"\xaa\xbb"
    assert card.asked == ["00B2010400", "00B2010402"]


def test_a_wrong_length_of_get_response_is_corrected() -> None:
    card = Scripted("6100", "6C02", "AABB9000")
    assert ApduClient(card).require(SELECT, 4, 0, bytes(5), 0) == b"\xaa\xbb"
    assert card.asked[1:] == ["00C0000000", "00C0000002"]


def test_a_library_that_resolved_it_already_is_left_alone() -> None:
    card = Scripted("AABB9000")
    answer = ApduClient(card).send(SELECT, 4, 0, bytes(5), 0)
    assert (answer.data, answer.sw, len(card.asked)) == (b"\xaa\xbb", 0x9000, 1)


@pytest.mark.parametrize(
    ("atr", "le"),
    [
        (T0, ""),
        (bytes.fromhex("3B800000"), ""),
        (bytes.fromhex("3B9000801F"), ""),
        (bytes.fromhex("3B80"), ""),
        (b"", ""),
        (CONTACTLESS, "00"),
        (bytes.fromhex("3B8081"), "00"),
        (bytes.fromhex("3B8001"), "00"),
    ],
)
def test_le_behind_a_data_field_goes_where_the_protocol_carries_it(atr: bytes, le: str) -> None:
    card = Scripted("9000", atr=atr)
    ApduClient(card).send(SELECT, 4, 0, b"\x01\x02", 0)
    assert card.asked == ["00A40400020102" + le]


def test_commands_without_data_have_five_bytes() -> None:
    card = Scripted("9000")
    client = ApduClient(card)
    client.send(VERIFY, 0, 0)
    client.send(GET_CHALLENGE, 0, 0, le=8)
    client.send(READ_RECORD, 1, 4, le=256)
    assert card.asked == ["0020000000", "0084000008", "00B2010400"]


@pytest.mark.parametrize("answer", ["", "90"])
def test_an_answer_without_status_word_is_an_error_of_the_transport(answer: str) -> None:
    with pytest.raises(ShortAnswerError):
        ApduClient(Scripted(answer)).send(GET_CHALLENGE, 0, 0, le=8)


@pytest.mark.parametrize("endless", ["6110", "6C10"])
def test_a_card_that_announces_for_ever_is_given_up(endless: str) -> None:
    with pytest.raises(ConnectionLostError, match="without end"):
        ApduClient(Scripted(endless)).send(GET_CHALLENGE, 0, 0, le=8)


def test_a_refusal_tells_header_and_word_and_no_data() -> None:
    with pytest.raises(CardStatusError) as refused:
        ApduClient(Scripted("63C2")).require(VERIFY, 0, 0, bytes.fromhex("123456"))
    assert str(refused.value) == "command 00200000: 63C2, verification failed, 2 tries left"
    assert (refused.value.sw, refused.value.remaining_tries) == (0x63C2, 2)
    assert CardStatusError(b"", 0x6A82).remaining_tries is None


def test_an_answer_keeps_its_data_out_of_logs() -> None:
    answer = ApduClient(Scripted("CAFE9000")).send(READ_RECORD, 1, 4, le=0)
    assert "CAFE" not in repr(answer).upper()
    assert "\\xca" not in repr(answer)
