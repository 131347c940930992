# SPDX-License-Identifier: Apache-2.0
"""Commands and their answers, as every half on the bench sends and takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sscard_chip.card import Card
from sscard_chip.security.random import RandomSource
from sscard_chip.standard.commands import GET_CHALLENGE, READ_RECORD, SELECT, VERIFY

SUCCESS = 0x9000


class Answer(NamedTuple):
    """An answer, taken apart."""

    body: bytes
    sw: int


class RefusedError(AssertionError):
    """The card answered something else than 9000 to a command that must succeed."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


class Exchange:
    """Whoever sends commands. ``transmit`` stands between, and may be put in place of."""

    def __init__(self, transmit: Callable[[bytes], bytes]) -> None:
        self.transmit = transmit

    def send(self, command: str | bytes) -> Answer:
        apdu = bytes.fromhex(command) if isinstance(command, str) else command
        answer = self.transmit(apdu)
        return Answer(answer[:-2], int.from_bytes(answer[-2:]))

    def sw(self, command: str | bytes) -> int:
        """The status word; a refusal answers nothing else."""
        answer = self.send(command)
        assert answer.sw == SUCCESS or not answer.body, answer
        return answer.sw

    def ok(self, *commands: str | bytes) -> bytes:
        """The body of the last of some commands that must succeed. Raises RefusedError."""
        body = b""
        for command in commands:
            body, sw = self.send(command)
            if sw != SUCCESS:
                raise RefusedError(sw)
        return body

    def select_name(self, name: bytes) -> bytes:
        """SELECT by name, what it answers."""
        return self.ok(SELECT.apdu(0x04, data=name))

    def verify(self, pin: str) -> int:
        """VERIFY; the status word."""
        value = bytes.fromhex(pin)
        return self.sw(VERIFY.apdu(data=value))

    def challenge(self, length: int = 8) -> bytes:
        value = self.ok(GET_CHALLENGE.apdu(le=length))
        assert len(value) == length
        return value

    def cyclic_records(self, sfi: int) -> list[bytes]:
        """READ RECORD until there is none, newest first."""
        records: list[bytes] = []
        while (answer := self.read_record(len(records) + 1, sfi)).sw == SUCCESS:
            records.append(answer.body)
        if answer.sw != 0x6A83:
            raise RefusedError(answer.sw)
        return records

    def read_record(self, number: int, sfi: int) -> Answer:
        return self.send(READ_RECORD.apdu(number, sfi << 3 | 4, le=0))


class CardBench(Exchange):
    """A powered card, standing at its root."""

    def __init__(self, card: Card) -> None:
        super().__init__(lambda apdu: self.card.transmit(apdu))
        self.card = card
        self.card.power_on()

    def sw(self, command: str | bytes) -> int:
        """The status word of a command that answers nothing else."""
        answer = self.send(command)
        assert not answer.body, answer
        return answer.sw

    def set_random(self, source: RandomSource) -> None:
        """Another source of random bytes, until the card is reset."""
        set_random(self.card, source)


def set_random(card: Card, source: RandomSource) -> None:
    """Give a powered card another source of random bytes, until it is reset."""
    session = card._session
    assert session is not None
    session.random = source


class FixedRandom(RandomSource):
    """Gives the same bytes each time, cut to length; a longer request repeats them."""

    def __init__(self, value: bytes) -> None:
        super().__init__()
        self._value = value

    def take(self, length: int) -> bytes:
        return (self._value * length)[:length]
