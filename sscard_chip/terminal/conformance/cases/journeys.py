# SPDX-License-Identifier: Apache-2.0
"""Money of the transport application: compound purchases all or nothing, MAC1, MAC2 and TAC, the
proof, a load, the lock (JT/T 978; the purse of JR/T 0025).

Of JT/T 978 the text is not public: facts are what programs of gates do [M, where nothing is said].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sscard_chip.applications.purse import inputs
from sscard_chip.profile.model import Confidence
from sscard_chip.security.purse import (
    PURSE_SUITE_OF_CODE,
    PurseSession,
    PurseSuite,
    card_factors,
    command_mac,
    online_factor,
    purchase_factor,
)
from sscard_chip.standard.keys import DLK, DPK, DTK
from sscard_chip.terminal.conformance.case import CONTACTLESS, Judge, Need
from sscard_chip.terminal.conformance.cases.build import Chapter
from sscard_chip.terminal.conformance.cases.transit import CLAUSE, select_transit
from sscard_chip.terminal.conformance.groups import FUNCTION, PURCHASE, STATES
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotRunError, UndecidedError

cases = Chapter(PURCHASE)

_TERMINAL: Final = bytes.fromhex("990000000001")
_NUMBER: Final = bytes.fromhex("0000012C")
_TIME: Final = bytes.fromhex("20260315101112")
_COMPOUND, _LOAD = 0x09, 0x02
_NOT_NOW: Final = ("6985", "6901")
_TRIP_LENGTH, _JOURNEY_LENGTH = 0x30, 0x80
_OFFLINE_LENGTH, _ONLINE_LENGTH = 15, 16
_JOURNEY: Final = "00B201D480"


@dataclass(frozen=True, slots=True)
class _Begun:
    """An INITIALIZE and its answer. ``number`` and ``random`` as the card gave them."""

    amount: bytes
    answer: bytes
    kind: int
    purse: PurseSuite

    @property
    def number(self) -> bytes:
        return self.answer[4:6]

    @property
    def what(self) -> bytes:
        return inputs.transaction(self.amount, self.kind, _TERMINAL)


class _Gate:
    """What a gate with the issuer's keys sends to a card; the transport application is selected."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        select_transit(trial)
        public = trial.given(trial.whole("00B095001E"), "READ BINARY of 0015").data
        if len(public) != 30:
            raise UndecidedError("0015 has another length")
        self.factors = card_factors(public[:8], public[10:20])

    def key(self, purse: PurseSuite, use: str) -> bytes:
        store = self.trial.subject.transport
        if store is None:
            raise NotRunError("needs the transport issuer's root keys")
        return store.diversify(purse.suite.name, f"TRANSIT_{use}", 1, [self.factors])[0]

    def session(self, begun: _Begun, use: str, factor: bytes) -> PurseSession:
        key = self.key(begun.purse, use)
        return begun.purse.session(begun.purse.suite.encryptor(key), factor)

    def initialize(self, amount: int = 0, *, index: int = 1, load: bool = False) -> CardReply:
        data = bytes((index,)) + amount.to_bytes(4) + _TERMINAL
        head = "8050000210" if load else "805003020F"
        return self.trial.whole(bytes.fromhex(head[:8] + "0B") + data + bytes.fromhex(head[8:]))

    def begin(self, amount: int = 0, *, load: bool = False) -> _Begun:
        answer = self.trial.given(self.initialize(amount, load=load), "INITIALIZE").data
        if len(answer) != (_ONLINE_LENGTH if load else _OFFLINE_LENGTH):
            raise UndecidedError("INITIALIZE gave another length")
        code = answer[7] if load else answer[10]
        purse = PURSE_SUITE_OF_CODE.get(code)
        if purse is None:
            raise UndecidedError(f"the algorithm {code:02X} is not known")
        return _Begun(amount.to_bytes(4), answer, _LOAD if load else _COMPOUND, purse)

    def macs(self, begun: _Begun) -> tuple[bytes, bytes, bytes]:
        """MAC1, MAC2 and TAC of a compound purchase."""
        factor = purchase_factor(begun.answer[-4:], begun.number, _NUMBER)
        session = self.session(begun, DPK, factor)
        tac = begun.purse.tac(
            self.key(begun.purse, DTK), inputs.purchase_tac(begun.what, _NUMBER, _TIME)
        )
        return session.mac(inputs.timed(begun.what, _TIME)), session.mac(begun.amount), tac

    def cache(self, trip: bytes, journey: bytes = b"") -> None:
        """UPDATE CAPP DATA CACHE of the journey, where one is given, and of the trip."""
        for p1, p2, record in ((journey[1:2], 0xD0, journey), (b"\0", 0xF0, trip)):
            if record:
                head = bytes((0x80, 0xDC)) + p1 + bytes((p2, len(record)))
                self.trial.given(self.trial.whole(head + record), "UPDATE CAPP DATA CACHE")

    def debit(self, mac1: bytes, le: str = "08") -> CardReply:
        command = bytes.fromhex("805401000F") + _NUMBER + _TIME + mac1 + bytes.fromhex(le)
        return self.trial.whole(command)

    def ride(self, amount: int, trip: bytes, journey: bytes = b"") -> tuple[_Begun, bytes]:
        """A compound purchase, whose TAC and MAC2 must be right; what DEBIT answered."""
        begun = self.begin(amount)
        self.cache(trip, journey)
        mac1, mac2, tac = self.macs(begun)
        answer = self.trial.expect(self.debit(mac1), "9000").data
        self.trial.equal(len(answer), 8, "bytes of TAC and MAC2")
        self.trial.check(answer[:4] == tac, "the right TAC first", "another value")
        self.trial.check(answer[4:] == mac2, "the right MAC2 behind it", "another value")
        return begun, answer

    def own(self) -> int:
        return int.from_bytes(self.trial.given(self.trial.whole("805C030204")).data)

    def record(self, sfi: int, number: int = 1) -> bytes:
        read = bytes((0x00, 0xB2, number, sfi << 3 | 4, 0x00))
        return self.trial.expect(self.trial.whole(read), "9000").data

    def journey(self) -> bytes:
        found = self.trial.expect(self.trial.whole(_JOURNEY), "9000").data
        if len(found) != _JOURNEY_LENGTH:
            raise UndecidedError("the record of 001A has another length")
        return found

    def proof(self, number: int, kind: int = _COMPOUND) -> CardReply:
        head = bytes((0x80, 0x5A, 0x00, kind, 0x02))
        return self.trial.whole(head + (number & 0xFFFF).to_bytes(2) + b"\x08")


def _trip(mark: int, amount: int = 0) -> bytes:
    """A record of 001E: an entry."""
    head = b"\x03" + b"\0\0" + _TERMINAL + b"\x01" + bytes((0, mark, 0, mark, 0, 0, 0))
    return (head + amount.to_bytes(4) + bytes(4) + _TIME).ljust(_TRIP_LENGTH, b"\0")


def _case(
    number: int, title: str, *, level: Level = Level.WRITE, **more: Any
) -> Callable[[Judge], Judge]:
    fields = {
        "confidence": Confidence.HIGH,
        "generations": frozenset({3}),
        "interfaces": frozenset({CONTACTLESS}),
        "needs": frozenset({Need.TRANSPORT_KEYS}),
    } | more
    return cases.case(f"SSC-978-RIDE-{number:02}", title, CLAUSE, level=level, **fields)


# --- a ride --------------------------------------------------------------------------------------


@_case(1, "A compound purchase of 0: TAC and MAC2 are right")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    before = gate.own()
    gate.ride(0, _trip(1))
    trial.equal(gate.own(), before, "balance after a purchase of 0")


@_case(2, "DEBIT without Le gives its 8 bytes")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    begun = gate.begin()
    gate.cache(_trip(2))
    mac1, mac2, tac = gate.macs(begun)
    reply = trial.expect(gate.debit(mac1, ""), "9000")
    trial.check(reply.data == tac + mac2, "TAC and MAC2", "another value")


@_case(3, "Trip and journey that were cached are written together, the log stands beside them")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    journey = gate.journey()
    new = journey[:6] + bytes(one ^ 0x5A for one in journey[6:14]) + journey[14:]
    trip, older = _trip(3), gate.record(0x1E)
    trial.afterwards(lambda: _journey_back(trial, journey))
    begun, _ = gate.ride(0, trip, new)
    for cold in (False, True):
        trial.same(gate.record(0x1E), trip, "record 1 of 001E")
        trial.same(gate.record(0x1E, 2), older, "record 2 of 001E")
        trial.same(gate.journey(), new, "record of 001A")
        row = gate.record(0x18)
        trial.same(row[:2], begun.number, "number in record 1 of 0018")
        trial.same(row[5:], bytes(4) + bytes((_COMPOUND,)) + _TERMINAL + _TIME,
                   "amount, type, terminal and time in record 1 of 0018")  # fmt: skip
        trial.reset(cold=cold)
        gate = _Gate(trial)


def _journey_back(trial: Trial, journey: bytes) -> None:
    _Gate(trial).ride(0, _trip(4), journey)


def _nothing_written(number: int, title: str, end: Callable[[_Gate, _Begun], object]) -> None:
    @_case(number, title, group=STATES)
    def _(trial: Trial) -> None:
        gate = _Gate(trial)
        journey, newest, own = gate.journey(), gate.record(0x1E), gate.own()
        begun = gate.begin()
        gate.cache(_trip(5), journey[:6] + bytes(8) + b"\x01" + journey[15:])
        end(gate, begun)
        trial.reset()
        gate = _Gate(trial)
        trial.same(gate.journey(), journey, "record of 001A")
        trial.same(gate.record(0x1E), newest, "record 1 of 001E")
        trial.equal(gate.own(), own, "balance")
        trial.same(gate.begin().number, begun.number, "number")


def _wrong_mac1(gate: _Gate, begun: _Begun) -> None:
    mac1 = gate.macs(begun)[0]
    gate.trial.refused(gate.debit(mac1[:3] + bytes((mac1[3] ^ 1,))), "9302")
    gate.trial.refused(gate.debit(mac1), *_NOT_NOW, what="to the right MAC1 behind it")


def _another_command(gate: _Gate, begun: _Begun) -> None:
    gate.trial.given(gate.trial.whole("00B095001E"), "READ BINARY of 0015")
    gate.trial.refused(gate.debit(gate.macs(begun)[0]), *_NOT_NOW)


_nothing_written(4, "What is cached and not debited is not written", lambda gate, begun: None)
_nothing_written(5, "A wrong MAC1: 9302, nothing is written, and the transaction is over",
                 _wrong_mac1)  # fmt: skip
_nothing_written(6, "A command between the cache and DEBIT ends the transaction", _another_command)
_nothing_written(7, "A new selection ends the transaction",
                 lambda gate, begun: (select_transit(gate.trial), gate.trial.refused(
                     gate.debit(gate.macs(begun)[0]), *_NOT_NOW)))  # fmt: skip


@_case(8, "MAC1 over another amount, time or terminal's number: 9302")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    for what in ("amount", "time", "number"):
        begun = gate.begin()
        gate.cache(_trip(6))
        amount = bytes(3) + b"\x01" if what == "amount" else begun.amount
        time = _TIME[:-1] + b"\x59" if what == "time" else _TIME
        sequence = b"\0\0\1\x2d" if what == "number" else _NUMBER
        session = gate.session(
            begun, DPK, purchase_factor(begun.answer[-4:], begun.number, sequence)
        )
        mac = session.mac(inputs.timed(inputs.transaction(amount, _COMPOUND, _TERMINAL), time))
        trial.refused(gate.debit(mac), "9302", what=f"to MAC1 over another {what}")


@_case(9, "DEBIT without INITIALIZE, and without a cached record, is refused", group=STATES)
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    trial.refused(gate.debit(bytes(4)), *_NOT_NOW)
    trial.refused(trial.whole(b"\x80\xdc\0\xf0\x30" + _trip(7)), *_NOT_NOW,
                  what="to the cache without INITIALIZE")  # fmt: skip
    begun = gate.begin()
    trial.refused(gate.debit(gate.macs(begun)[0]), *_NOT_NOW, what="without a cached record")


@_case(10, "The same DEBIT again is refused, the number rises by one", group=STATES)
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    begun, _ = gate.ride(0, _trip(8))
    trial.refused(gate.debit(gate.macs(begun)[0]), *_NOT_NOW)
    after = int.from_bytes(gate.begin().number)
    trial.equal(after, int.from_bytes(begun.number) + 1, "number")


@_case(11, "Each INITIALIZE has another random number")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    found = [gate.begin().answer[-4:] for _ in range(8)]
    trial.equal(len(set(found)), 8, "different random numbers")
    trial.equal(min(len({one[at] for one in found}) for at in range(4)) > 1, True,
                "every byte of the random number changes:")  # fmt: skip


@_case(12, "No record of 001A, 001E and 0018 is written by UPDATE RECORD")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    for sfi, length in ((0x1E, _TRIP_LENGTH), (0x18, 23), (0x1A, _JOURNEY_LENGTH)):
        before = gate.record(sfi)
        head = bytes((0x00, 0xDC, 0x01, sfi << 3 | 4, length))
        trial.refused(trial.whole(head + bytes(length)), "69xx", "6Axx", "6D00", "6E00")
        trial.same(gate.record(sfi), before, f"record 1 of file {sfi:02X}")


@_case(13, "A record of another length, of no file or of no identifier is not cached")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    for apdu in (b"\x80\xdc\0\xf0\x2f" + bytes(0x2F), b"\x80\xdc\0\x28\x30" + bytes(0x30),
                 b"\x80\xdc\xee\xd0\x80" + b"\x27\xee\x7d" + bytes(0x7D)):  # fmt: skip
        gate.begin()
        trial.refused(trial.whole(apdu), "67xx", "6Axx", "69xx")


@_case(14, "A key index that is not there: 9403")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    for index in (0, 0x7F, 0xFF):
        trial.refused(gate.initialize(index=index), "9403")
        trial.refused(gate.initialize(index=index, load=True), "9403")


@_case(15, "More than the card has: 9401, less than a fen of it is taken")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    most = int.from_bytes(trial.given(trial.whole("805C000204")).data)
    trial.refused(gate.initialize(most + 1), "9401")
    trial.expect(gate.initialize(most), "9000", what="to all that it has")


@_case(16, "INITIALIZE tells the balance with the limit, and the limit")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    both = trial.given(trial.whole("805C000204")).data
    limit = trial.given(trial.whole("805C010204")).data
    answer = gate.begin().answer
    trial.same(answer[:4], both, "balance")
    trial.same(answer[6:9], limit[1:], "overdraft limit")


# --- the proof -----------------------------------------------------------------------------------


@_case(21, "The proof is MAC2 and TAC, by the number of INITIALIZE plus 1, whatever came between")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    begun, answer = gate.ride(0, _trip(9))
    number = int.from_bytes(begun.number) + 1
    for step in ("at once", "after reading", "after INITIALIZE", "after a reset", "after power-off",
                 "after another application"):  # fmt: skip
        if step == "after reading":
            gate.record(0x1E)
        elif step == "after INITIALIZE":
            gate.begin()
        elif step == "after another application":
            trial.enter()
            select_transit(trial)
        elif step != "at once":
            trial.reset(cold=step == "after power-off")
            select_transit(trial)
        reply = trial.expect(gate.proof(number), "9000", what=f"to the proof {step}")
        trial.check(reply.data == answer[4:] + answer[:4], f"MAC2 and TAC {step}", "other bytes")


@_case(22, "Another number and another type have no proof: 9406")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    begun, _ = gate.ride(0, _trip(10))
    number = int.from_bytes(begun.number)
    for other in (number, number + 2):
        trial.refused(gate.proof(other), "9406")
    trial.refused(gate.proof(number + 1, _LOAD), "9406", "6A86", what="to another type")


@_case(23, "The next transaction takes the proof of the one before; one that failed does not")
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    begun, _ = gate.ride(0, _trip(11))
    number = int.from_bytes(begun.number) + 1
    gate.begin()
    gate.cache(_trip(12))
    trial.refused(gate.debit(bytes(4)), "9302")
    trial.expect(gate.proof(number), "9000", what="to the proof after a wrong MAC1")
    gate.ride(0, _trip(13))
    trial.refused(gate.proof(number), "9406")
    trial.expect(gate.proof(number + 1), "9000")


# --- money ---------------------------------------------------------------------------------------


@_case(31, "A load of 3 fen raises the balance by it, then a fare of 2 fen lowers it",
       level=Level.DESTRUCTIVE, lasting=1, confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    before = gate.own()
    begun = gate.begin(3, load=True)
    session = gate.session(begun, DLK, online_factor(begun.answer[8:12], begun.number))
    mac1 = session.mac(inputs.online_mac1(begun.answer[:4], begun.what))
    trial.check(begun.answer[12:] == mac1, "the right MAC1 of the load", "another value")
    mac2 = session.mac(inputs.timed(begun.what, _TIME))
    credit = bytes.fromhex("805200000B") + _TIME
    trial.refused(trial.whole(credit + mac2[:3] + bytes((mac2[3] ^ 1,)) + b"\x04"), "9302")
    trial.equal(gate.own(), before, "balance after a wrong MAC2")
    begun = gate.begin(3, load=True)
    session = gate.session(begun, DLK, online_factor(begun.answer[8:12], begun.number))
    mac2 = session.mac(inputs.timed(begun.what, _TIME))
    answer = trial.expect(trial.whole(credit + mac2 + b"\x04"), "9000").data
    after = (int.from_bytes(begun.answer[:4]) + 3).to_bytes(4)
    tac = inputs.online_tac(after, begun.number, begun.what, _TIME)
    right = begun.purse.tac(gate.key(begun.purse, DTK), tac)
    trial.check(answer == right, "the right TAC of the load", "another value")
    trial.equal(gate.own(), before + 3, "balance after the load")
    trial.equal(gate.record(0x18)[9], _LOAD, "type in record 1 of 0018")
    gate.ride(2, _trip(14, 2))
    trial.equal(gate.own(), before + 1, "balance after the fare")
    trial.same(gate.record(0x18)[5:9], (2).to_bytes(4), "amount in record 1 of 0018")
    trial.reset(cold=True)
    trial.equal(_Gate(trial).own(), before + 1, "balance after power-off")


@_case(32, "A wrong MAC of the lock: 6988, and gates go on; the right one locks",
       level=Level.DESTRUCTIVE, lasting=7, group=FUNCTION)  # fmt: skip
def _(trial: Trial) -> None:
    gate = _Gate(trial)
    purse = gate.begin().purse
    head = bytes.fromhex("841E000004")

    def lock(flip: int = 0) -> CardReply:
        challenge = trial.given(trial.whole("0084000004"), "GET CHALLENGE").data
        mac = command_mac(purse, gate.key(purse, "DAMK"), challenge, head)
        return trial.whole(head + mac[:3] + bytes((mac[3] ^ flip,)))

    trial.refused(lock(1), "6988")
    gate.ride(0, _trip(15))
    trial.expect(lock(), "9000", what="to the lock")
    trial.reset(cold=True)
    name = bytes.fromhex("A000000632010105")
    trial.whole(bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name + b"\0")
    trial.check(gate.initialize().sw != 0x9000, "no INITIALIZE on a locked card", "9000")
