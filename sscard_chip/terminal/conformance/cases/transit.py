# SPDX-License-Identifier: Apache-2.0
"""The transport application (交通联合, JT/T 978) as gates and telephones read it, without contacts.

Of JT/T 978 the text is not public: the clauses here are what programs of the field need [M, where
nothing is said]. A card that does not find the application by its name has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sscard_chip.profile.model import Confidence
from sscard_chip.standard.identifiers import PPSE_NAME, TRANSIT_AID, TRANSIT_CASH_AID
from sscard_chip.standard.transit import INSIDE, STATUSES, TRIP_TYPES
from sscard_chip.terminal.conformance.case import CONTACTLESS, Judge
from sscard_chip.terminal.conformance.cases.build import Chapter
from sscard_chip.terminal.conformance.groups import FIREWALL, FUNCTION
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError

CLAUSE: Final = "JT/T 978, transport application"
_CONTACTLESS: Final = frozenset({CONTACTLESS})
_GENERATION: Final = frozenset({3})
_JOURNEY: Final = "00B201D480"
_TRIPS, _LOG = 30, 10

cases = Chapter(FUNCTION)


def select_transit(trial: Trial, name: bytes = TRANSIT_AID) -> CardReply:
    """SELECT by name.

    :raises NotApplicableError: the card has no such application.
    """
    reply = trial.whole(bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name + b"\0")
    if reply.sw == 0x6A82:
        raise NotApplicableError("the card has no transport application")
    return trial.expect(reply, "9000")


def _case(
    number: int,
    title: str,
    *,
    level: Level = Level.READ,
    group: str = FUNCTION,
    confidence: Confidence = Confidence.MEDIUM,
) -> Callable[[Judge], Judge]:
    return cases.case(
        f"SSC-978-TU-{number:02}",
        title,
        CLAUSE,
        level=level,
        group=group,
        confidence=confidence,
        generations=_GENERATION,
        interfaces=_CONTACTLESS,
    )


@_case(1, "9F0C of its FCI is a copy of 0015", confidence=Confidence.HIGH)
def _(trial: Trial) -> None:
    fci = select_transit(trial).data
    public = trial.expect(trial.whole("00B095001E"), "9000").data
    trial.equal(len(public), 30, "bytes of 0015")
    trial.check(b"\x9f\x0c\x1e" + public in fci, "9F0C with the bytes of 0015 in the FCI")


@_case(2, "The number has 20 digits and begins with 031", confidence=Confidence.HIGH)
def _(trial: Trial) -> None:
    select_transit(trial)
    number = trial.expect(trial.whole("00B095001E"), "9000").data[10:20].hex()
    trial.check(number.isdecimal(), "20 digits")
    trial.check(number.startswith("031"), "031 first")


@_case(3, "The name A000000632010106 has the same balance")
def _(trial: Trial) -> None:
    select_transit(trial)
    own = trial.expect(trial.whole("805C000204"), "9000").data
    name = bytes((0x00, 0xA4, 0x04, 0x00, len(TRANSIT_CASH_AID))) + TRANSIT_CASH_AID + b"\0"
    trial.expect(trial.whole(name), "9000", what="to SELECT of A000000632010106")
    trial.same(trial.expect(trial.whole("805C000204"), "9000").data, own, "balance")


@_case(4, "PPSE lists it, and last", confidence=Confidence.HIGH)
def _(trial: Trial) -> None:
    select_transit(trial)
    command = bytes((0x00, 0xA4, 0x04, 0x00, len(PPSE_NAME))) + PPSE_NAME + b"\0"
    answer = trial.expect(trial.whole(command), "9000").data
    last = answer.rpartition(b"\x4f\x08")[2]
    trial.same(last[:8], TRANSIT_AID, "name in the last entry")
    trial.check(b"\x50\x08MOT_T_EP" in last, "the label MOT_T_EP in the last entry")


@_case(5, "0017 names China, an interoperation mark and a card type", confidence=Confidence.HIGH)
def _(trial: Trial) -> None:
    select_transit(trial)
    data = trial.expect(trial.whole("00B097000B"), "9000").data
    trial.same(data[:4], bytes.fromhex("00000156"), "country")
    trial.check(data[8:10] in (b"\0\0", b"\0\1"), "0000 or 0001", data[8:10].hex())
    trial.check(1 <= data[10] <= 5, "a card type from 01 to 05", f"{data[10]:02X}")


def _full(trial: Trial, sfi: int, count: int, length: int) -> list[bytes]:
    """All records of a log that readers want full."""
    select_transit(trial)
    found = []
    for number in range(1, count + 1):
        command = bytes((0x00, 0xB2, number, sfi << 3 | 4, 0x00))
        record = trial.expect(trial.whole(command), "9000", "6A83").data
        if record:
            trial.equal(len(record), length, f"bytes of record {number}")
            found.append(record)
    trial.equal(len(found), count, "records")
    return found


@_case(6, "0018 has 10 records of 23 bytes, from the start", confidence=Confidence.HIGH)
def _(trial: Trial) -> None:
    _full(trial, 0x18, _LOG, 23)


@_case(7, "001E has 30 records of 48 bytes, from the start", confidence=Confidence.HIGH)
def _(trial: Trial) -> None:
    for record in _full(trial, 0x1E, _TRIPS, 48):
        trial.check(f"{record[0]:02x}" in TRIP_TYPES, "a known type of trip", f"{record[0]:02X}")


@_case(8, "001A has a journey of 128 bytes, by number and by identifier",
       confidence=Confidence.HIGH)  # fmt: skip
def _(trial: Trial) -> None:
    select_transit(trial)
    record = trial.expect(trial.whole(_JOURNEY), "9000").data
    trial.equal(len(record), 128, "bytes of the record")
    trial.equal(record[2], 0x7D, "length behind the identifier")
    trial.check(f"{record[14]:02x}" in STATUSES, "a known status", f"{record[14]:02X}")
    same = trial.whole(bytes((0x00, 0xB2, record[1], 0xD0, 0x80)))
    trial.same(trial.expect(same, "9000").data, record, "record by its identifier")


@_case(9, "A journey that is open has a place and a time of entry")
def _(trial: Trial) -> None:
    select_transit(trial)
    record = trial.expect(trial.whole(_JOURNEY), "9000").data
    if len(record) == 128 and record[14] in INSIDE:
        trial.check(any(record[19:27]), "an organisation of entry")
        trial.check(record[67:74].hex().isdecimal(), "a time of entry")


@_case(10, "GET BALANCE: with the limit, the limit, what is used, the own money",
       confidence=Confidence.HIGH)  # fmt: skip
def _(trial: Trial) -> None:
    select_transit(trial)
    views = []
    for p1 in range(4):
        reply = trial.expect(trial.whole(bytes((0x80, 0x5C, p1, 0x02, 0x04))), "9000")
        trial.equal(len(reply.data), 4, "bytes of a balance")
        views.append(int.from_bytes(reply.data))
    both, limit, used, own = views
    trial.check(both + used == own + limit, "balance and used as own money and limit together")
    trial.check(not (used and own), "no own money where the limit is used")


@_case(11, "A file that is not there leaves the application current", confidence=Confidence.HIGH)
def _(trial: Trial) -> None:
    select_transit(trial)
    trial.expect(trial.whole("00A4000002100100"), "6A82")
    trial.expect(trial.whole("805C030204"), "9000")


@_case(12, "INITIALIZE asks no PIN and answers 15 bytes, again and again with the same number",
       level=Level.SESSION, confidence=Confidence.HIGH)  # fmt: skip
def _(trial: Trial) -> None:
    select_transit(trial)
    numbers = []
    for _ in range(2):
        reply = trial.expect(trial.whole("805003020B0100000000000000000001" + "0F"), "9000")
        trial.equal(len(reply.data), 15, "bytes of the answer")
        numbers.append(reply.data[4:6])
    trial.same(numbers[1], numbers[0], "number")


@_case(13, "The medical account is out of reach from it", group=FIREWALL,
       confidence=Confidence.HIGH)  # fmt: skip
def _(trial: Trial) -> None:
    select_transit(trial)
    trial.refused(trial.whole("B05C000104"), "6E00", "6D00")


@_case(14, "Selecting the social security part leaves it", group=FIREWALL,
       confidence=Confidence.HIGH)  # fmt: skip
def _(trial: Trial) -> None:
    select_transit(trial)
    trial.enter()
    trial.refused(trial.whole("805C030204"), "6E00", "6D00")
