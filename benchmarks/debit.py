# SPDX-License-Identifier: Apache-2.0
"""Rows 1 and 2: a purchase on the full card, against its cryptography alone.

The terminal's half is worked out before: the card's random source is given known bytes, so each
DEBIT can stand ready with the MAC1 that its INITIALIZE will ask for. What is timed is the card:
two commands in, two answers out, the account, the detail record and the proof written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from benchmarks.cards import BALANCE_FEN, SELECT_DF04, SELECT_SSSE, VERIFY, issue, send
from benchmarks.paired import PAIRS, processor_paired
from benchmarks.rows import Row
from sscard_chip.card import Card
from sscard_chip.profile.model import KeyUse
from sscard_chip.security.random import RandomSource
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.commands import (
    DEBIT_FOR_PURCHASE,
    GET_BALANCE,
    INITIALIZE_FOR_PURCHASE,
)

GUARD_KEPT: Final = {"3des": 1.70, "sm4": 1.95}
GUARD_FRESH: Final = 0.70
"""Guards, not goals: with the public API of the library no more is to be had."""
WINDOW: Final = 100
SUITES_MEASURED: Final = ((2, "3des"), (3, "sm4"))

_AMOUNTS: Final = bytes.fromhex("00000001000003E8000001F4")  # 1, 1000 and 500 fen
_TERMINAL: Final = bytes.fromhex("330400815985")
_TIME: Final = bytes.fromhex("20250612093000")
_INITIALIZE: Final = INITIALIZE_FOR_PURCHASE.apdu(data=b"\x01" + _AMOUNTS + _TERMINAL)


Window = Callable[[], tuple[bytes, bytes, bytes]]
"""A window of purchases. It returns MAC1, MAC2 and TAC of its last one, to be compared."""


class Purchase(NamedTuple):
    """What the cryptography of one purchase is fed with, padded where it is a message."""

    factor: bytes
    mac1_message: bytes
    mac2_message: bytes
    tac_message: bytes


class Counter:
    """A card in the hands of a holder, and the purchases that it is about to make."""

    def __init__(self, generation: int, algorithm: str, count: int) -> None:
        self.suite = SUITES[algorithm]
        data, memory = issue(generation, algorithm)
        keys = {(key.use, version): secret for (_, key, version), secret in data.keys.items()}
        self.dpk, self.dtk = keys[KeyUse.PURCHASE, 1], keys[KeyUse.TAC, 1]
        self.randoms = os.urandom(4 * count)
        self.purchases = [self._purchase(number) for number in range(count)]
        self.debits = [self._debit(number) for number in range(count)]
        self.use(Card(memory))

    def use(self, card: Card) -> None:
        """Go to the counter with ``card``, which has made no purchase yet."""
        self.card = card
        card.power_on()
        for command in (SELECT_SSSE, SELECT_DF04, VERIFY):
            send(card, command)
        if card._session is None:
            raise RuntimeError("the card has no power")
        card._session.random = _known(self.randoms)

    def _purchase(self, number: int) -> Purchase:
        sequence = number.to_bytes(4)
        factor = self.randoms[4 * number : 4 * number + 4] + number.to_bytes(2) + sequence[2:]
        what = _AMOUNTS + b"\x32" + _TERMINAL
        return Purchase(
            factor.ljust(self.suite.block, b"\0"),
            what + _TIME + b"\x80" + bytes(5),
            _AMOUNTS + b"\x80" + bytes(3),
            what + sequence + _TIME + b"\x80\x00",
        )

    def _debit(self, number: int) -> bytes:
        suite = self.suite
        session = suite.session(suite.session_key(suite.encryptor(self.dpk), self._factor(number)))
        mac1 = session.mac(_AMOUNTS + b"\x32" + _TERMINAL + _TIME)
        return DEBIT_FOR_PURCHASE.apdu(data=number.to_bytes(4) + _TIME + mac1)

    def _factor(self, number: int) -> bytes:
        return self.purchases[number].factor[:8]

    def window(self, count: int) -> Window:
        """Purchases on the card; each call goes on where the last has stopped."""
        debits: Iterator[bytes] = iter(self.debits)
        transmit = self.card.transmit

        def work() -> tuple[bytes, bytes, bytes]:
            debit = answer = b""
            for _, debit in zip(range(count), debits):  # noqa: B905 (the iterator is longer)
                transmit(_INITIALIZE)
                answer = transmit(debit)
            return debit[16:], answer[4:8], answer[:4]

        return work

    def check(self, made: int) -> None:
        """Fail unless the card has made exactly so many purchases, and each right."""
        balance = int.from_bytes(send(self.card, GET_BALANCE.apdu(p2=0x01, le=4)))
        number = send(self.card, _INITIALIZE)[14:16]
        if balance != BALANCE_FEN - made or int.from_bytes(number) != made:
            raise RuntimeError("not every purchase was made")


def _known(randoms: bytes) -> RandomSource:
    """The card's own random source, its pool filled with known bytes."""
    source = RandomSource()
    source._pool = randoms
    source._at = 0
    return source


def kept_des(counter: Counter) -> Window:
    """The cryptography of the first window with all kept that can be: the floor of the library."""
    purchases = counter.purchases[:WINDOW]
    session_key = Cipher(_two_key(counter.dpk), ECB()).encryptor().update
    tac_update = Cipher(TripleDES(_folded(counter.dtk) * 3), CBC(bytes(8))).encryptor().update
    cbc, number = CBC(bytes(8)), int.from_bytes
    state = 0

    def work() -> tuple[bytes, bytes, bytes]:
        nonlocal state
        mac1 = mac2 = tac = b""
        for factor, first, second, third in purchases:
            update = Cipher(TripleDES(session_key(factor) * 3), cbc).encryptor().update
            last = update(first)[-8:]
            mac1 = last[:4]
            head = number(second[:8]) ^ number(last)
            mac2 = update(head.to_bytes(8) + second[8:])[-8:-4]
            head = number(third[:8]) ^ state
            last = tac_update(head.to_bytes(8) + third[8:])[-8:]
            state = number(last)
            tac = last[:4]
        return mac1, mac2, tac

    return work


def kept_sm4(counter: Counter) -> Window:
    """As :func:`kept_des`, for blocks of 16 bytes and results folded to four."""
    purchases = counter.purchases[:WINDOW]
    session_key = Cipher(SM4(counter.dpk), ECB()).encryptor().update
    tac_update = Cipher(SM4(counter.dtk), CBC(bytes(16))).encryptor().update
    cbc, number = CBC(bytes(16)), int.from_bytes
    state = 0

    def work() -> tuple[bytes, bytes, bytes]:
        nonlocal state
        mac1 = mac2 = tac = b""
        for factor, first, second, third in purchases:
            update = Cipher(SM4(session_key(factor)), cbc).encryptor().update
            last = number(update(first)[-16:])
            half = last ^ last >> 64
            mac1 = ((half ^ half >> 32) & 0xFFFFFFFF).to_bytes(4)
            last = number(update((number(second) ^ last).to_bytes(16))[-16:])
            half = last ^ last >> 64
            mac2 = ((half ^ half >> 32) & 0xFFFFFFFF).to_bytes(4)
            head = number(third[:16]) ^ state
            state = number(tac_update(head.to_bytes(16) + third[16:])[-16:])
            half = state ^ state >> 64
            tac = ((half ^ half >> 32) & 0xFFFFFFFF).to_bytes(4)
        return mac1, mac2, tac

    return work


def fresh(counter: Counter) -> Window:
    """The same cryptography with new objects for each of its four steps."""
    purchases = counter.purchases[:WINDOW]
    des = counter.suite.block == 8
    zero = bytes(counter.suite.block)
    dpk, dtk = counter.dpk, _folded(counter.dtk) if des else counter.dtk

    def algorithm(key: bytes) -> BlockCipherAlgorithm:
        if not des:
            return SM4(key)
        return TripleDES(key * 3) if len(key) == 8 else _two_key(key)

    def short(last: bytes) -> bytes:
        if des:
            return last[:4]
        value = int.from_bytes(last)
        half = value ^ value >> 64
        return ((half ^ half >> 32) & 0xFFFFFFFF).to_bytes(4)

    size = len(zero)

    def work() -> tuple[bytes, bytes, bytes]:
        mac1 = mac2 = tac = b""
        for factor, first, second, third in purchases:
            key = Cipher(algorithm(dpk), ECB()).encryptor().update(factor)
            mac1 = short(Cipher(algorithm(key), CBC(zero)).encryptor().update(first)[-size:])
            mac2 = short(Cipher(algorithm(key), CBC(zero)).encryptor().update(second)[-size:])
            tac = short(Cipher(algorithm(dtk), CBC(zero)).encryptor().update(third)[-size:])
        return mac1, mac2, tac

    return work


def _two_key(key: bytes) -> TripleDES:
    return TripleDES(key + key[:8])


def _folded(key: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(key[:8], key[8:], strict=True))


def rows(*, pairs: int = PAIRS) -> list[Row]:
    """Measure and return rows 1 and 2, each with both suites."""
    found = []
    for generation, algorithm in SUITES_MEASURED:
        kept = kept_des if algorithm == "3des" else kept_sm4
        for number, floor, goal in ((1, kept, GUARD_KEPT[algorithm]), (2, fresh, GUARD_FRESH)):
            made = WINDOW * (pairs + 1)
            counter = Counter(generation, algorithm, made + 1)
            result = processor_paired(counter.window(WINDOW), floor(counter), pairs=pairs)
            counter.check(made)
            objects = "its cryptography alone" if number == 1 else "fresh objects"
            what = f"INITIALIZE and DEBIT, {algorithm.upper()} / {objects}"
            times = f"{result.first / WINDOW / 1000:.2f} / {result.second / WINDOW / 1000:.2f} µs"
            found.append(Row(number, what, result.ratio, goal, "<=", times))
    return sorted(found, key=lambda row: row.number)
