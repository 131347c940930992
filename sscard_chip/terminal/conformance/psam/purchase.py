# SPDX-License-Identifier: Apache-2.0
"""INIT SAM FOR PURCHASE and CREDIT SAM FOR PURCHASE: MAC1, the terminal's number, MAC2 (PSAM guide,
7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from sscard_chip.profile.model import Confidence
from sscard_chip.standard import commands
from sscard_chip.standard.amounts import MAX_NUMBER
from sscard_chip.standard.identifiers import PURCHASE
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal.conformance.case import Case, Need
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.psam.build import PsamChapter
from sscard_chip.terminal.conformance.psam.trial import PsamTrial
from sscard_chip.terminal.conformance.verdict import NotApplicableError
from sscard_chip.terminal.psam_client import PurchaseRequest

_INIT: Final = PsamChapter("INIT", "7 INIT SAM FOR PURCHASE")
_CREDIT: Final = PsamChapter("CREDIT", "7 CREDIT SAM FOR PURCHASE")
_WRITE: Final[dict[str, Any]] = {"level": Level.WRITE}
_KEYS: Final[dict[str, Any]] = {"level": Level.WRITE, "needs": frozenset({Need.KEYS})}
_L: Final = {"confidence": Confidence.LOW}
_M: Final = {"confidence": Confidence.MEDIUM}


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_INIT(), *_CREDIT())


def _request(trial: PsamTrial, **changes: Any) -> PurchaseRequest:
    request = PurchaseRequest(
        random=bytes.fromhex("A1B2C3D4"),
        number=5,
        amounts=Split(0, 1000, 500),
        kind=PURCHASE,
        time="20151118185001",
        version=1,
        algorithm=trial.suite.key_code(16),
    )
    return replace(request, **changes)


def _begun(trial: PsamTrial, request: PurchaseRequest) -> bytes:
    reply = trial.expect(trial.init_purchase(request), "9000", what="to INIT SAM FOR PURCHASE")
    trial.equal(len(reply.data), 8, "bytes of number and MAC1")
    return reply.data


def _amounts(request: PurchaseRequest) -> bytes:
    return b"".join(part.to_bytes(4) for part in request.amounts)


def _mac1(trial: PsamTrial, request: PurchaseRequest, number: bytes) -> bytes:
    what = _amounts(request) + bytes((request.kind,)) + trial.environment.terminal
    session = trial.purchase_session(request, number)
    return session.mac(what + bytes.fromhex(request.time))


def _mac2(trial: PsamTrial, request: PurchaseRequest, number: bytes) -> bytes:
    return trial.purchase_session(request, number).mac(_amounts(request))


def _credit(trial: PsamTrial, mac2: bytes) -> Any:
    return trial.send(commands.CREDIT_SAM_FOR_PURCHASE, data=mac2)


# --- INIT SAM ------------------------------------------------------------------------------------


def _version(number: int, version: int) -> None:
    @_INIT.case(number, f"MAC1 under the purchase key of version {version} is right", **_KEYS)
    def _(trial: PsamTrial) -> None:
        trial.enter()
        request = _request(trial, version=version)
        data = _begun(trial, request)
        expected = _mac1(trial, request, data[:4])
        trial.check(data[4:] == expected, "the right MAC1", "another value")


for _one in (1, 2, 3):
    _version(_one, _one)


@_INIT.case(4, "MAC1 is over every amount, the type, the time, the card's number and random",
            **_KEYS)  # fmt: skip
def _(trial: PsamTrial) -> None:
    trial.enter()
    for changes in (
        {"amounts": Split(0x01020304, 0x05060708, 0x090A0B0C)},
        {"amounts": Split(MAX_NUMBER, 0, 1)},
        {"time": "20991231235959"},
        {"kind": 0x31},
        {"number": 0xFFFE},
        {"random": bytes.fromhex("00000001")},
    ):
        request = _request(trial, **changes)
        data = _begun(trial, request)
        name = ", ".join(changes)
        trial.check(
            data[4:] == _mac1(trial, request, data[:4]), f"the right MAC1, other {name}", "another"
        )


@_INIT.case(5, "The number is that of 0019, which then is one higher", **_WRITE, **_L)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for _ in range(3):
        before = trial.number()
        data = _begun(trial, _request(trial))
        trial.equal(int.from_bytes(data[:4]), before, "终端交易序号")
        trial.equal(trial.number(), before + 1, "0019 afterwards")


@_INIT.case(6, "No number is given twice, also after a reset and in other purchases", **_WRITE)
def _(trial: PsamTrial) -> None:
    found = []
    for cold in (False, True):
        trial.reset(cold=cold)
        trial.enter()
        for version in (1, 2, 1):
            found.append(_begun(trial, _request(trial, version=version))[:4])
            _credit(trial, bytes(4))
    trial.equal(len(set(found)), len(found), "different numbers")
    trial.check(found == sorted(found), "numbers that rise", "others")


@_INIT.case(7, "A key version that is not there: 6A88, and no number is taken", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    before = trial.number()
    for version in (0, 4, 0xFF):
        trial.refused(trial.init_purchase(_request(trial, version=version)), "6A88")
    trial.equal(trial.number(), before, "终端交易序号")


@_INIT.case(8, "Another number of factors: refused", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for count in {1, 2, 3} - {trial.environment.steps}:
        reply = trial.init_purchase(_request(trial), count=count)
        trial.refused(reply, "6700", "6A80", "6A88")


@_INIT.case(9, "A wrong length: 6700", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    data = _request(trial).encode() + trial.subject.factors(trial.environment.steps)
    for other in (data[:28], data[:-1], data + b"\0", data[:27]):
        reply = trial.send(commands.INIT_SAM_FOR_MEDICAL_PURCHASE, data=other, le=8)
        trial.refused(reply, "6700")


@_INIT.case(10, "P1 and P2 other than 01 00: 6A86", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    data = _request(trial).encode() + trial.subject.factors(trial.environment.steps)
    for p1, p2 in ((0x02, 0), (0x01, 1), (0xFF, 0)):
        reply = trial.send(commands.INIT_SAM_FOR_MEDICAL_PURCHASE, p1, p2, data, 8)
        trial.refused(reply, "6A86")


@_INIT.case(11, "Every card has another MAC1", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    steps = trial.environment.steps
    request = _request(trial).encode()
    found = set()
    for place in range(-1, steps):
        factors = bytearray(trial.subject.factors(steps))
        if place >= 0:
            factors[8 * place] ^= 1
        reply = trial.send(
            commands.INIT_SAM_FOR_MEDICAL_PURCHASE, data=request + bytes(factors), le=8
        )
        found.add(trial.given(reply, "INIT SAM").data[4:])
    trial.equal(len(found), steps + 1, "different MAC1")


# --- CREDIT SAM ----------------------------------------------------------------------------------


@_CREDIT.case(1, "Without INIT SAM: 6901", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.refused(_credit(trial, bytes(4)), "6901")


@_CREDIT.case(2, "The card's MAC2 is taken", **_KEYS)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for version in (1, 2, 3):
        request = _request(trial, version=version, amounts=Split(7, 0x10203, 9))
        number = _begun(trial, request)[:4]
        reply = trial.expect(_credit(trial, _mac2(trial, request, number)), "9000")
        trial.equal(len(reply.data), 0, "data bytes")


@_CREDIT.case(3, "A wrong MAC2: 9302 or 63CF, whichever of its bytes is wrong", **_KEYS)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for place in range(4):
        request = _request(trial)
        mac2 = bytearray(_mac2(trial, request, _begun(trial, request)[:4]))
        mac2[place] ^= 0x01
        trial.refused(_credit(trial, bytes(mac2)), "9302", "63CF")


@_CREDIT.case(4, "MAC2 of another amount: 9302 or 63CF", **_KEYS)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for other in (Split(1, 1000, 500), Split(0, 1001, 500), Split(0, 1000, 501)):
        request = _request(trial)
        number = _begun(trial, request)[:4]
        mac2 = _mac2(trial, replace(request, amounts=other), number)
        trial.refused(_credit(trial, mac2), "9302", "63CF")


@_CREDIT.case(5, "MAC2 is taken once: then 6901", **_KEYS)
def _(trial: PsamTrial) -> None:
    trial.enter()
    request = _request(trial)
    mac2 = _mac2(trial, request, _begun(trial, request)[:4])
    trial.given(_credit(trial, mac2), "CREDIT SAM")
    trial.refused(_credit(trial, mac2), "6901")


@_CREDIT.case(6, "After a wrong MAC2 the right one is refused: 6901", **_KEYS, **_M)
def _(trial: PsamTrial) -> None:
    trial.enter()
    request = _request(trial)
    mac2 = _mac2(trial, request, _begun(trial, request)[:4])
    trial.given_word(_credit(trial, bytes((mac2[0] ^ 1,)) + mac2[1:]), "9302", "63CF")
    trial.refused(_credit(trial, mac2), "6901")


@_CREDIT.case(7, "Another command between: 6901", **_KEYS)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for between in ("0084000008", "00A40200020019"):
        request = _request(trial)
        mac2 = _mac2(trial, request, _begun(trial, request)[:4])
        trial.whole(between)
        trial.refused(_credit(trial, mac2), "6901", what=f"to CREDIT SAM after {between[:4]}")


@_CREDIT.case(8, "MAC2 of an earlier purchase: 9302 or 63CF", **_KEYS)
def _(trial: PsamTrial) -> None:
    trial.enter()
    request = _request(trial)
    old = _mac2(trial, request, _begun(trial, request)[:4])
    _begun(trial, request)
    trial.refused(_credit(trial, old), "9302", "63CF")


@_CREDIT.case(9, "A wrong length: 6700; wrong P1: 6A86", **_WRITE)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for mac2 in (bytes(3), bytes(5), bytes(8)):
        _begun(trial, _request(trial))
        trial.refused(_credit(trial, mac2), "6700")
    _begun(trial, _request(trial))
    reply = trial.send(commands.CREDIT_SAM_FOR_PURCHASE, 0x01, 0x00, bytes(4))
    trial.refused(reply, "6A86")


@_CREDIT.case(10, "After a reset MAC2 is refused: 6901", **_KEYS)
def _(trial: PsamTrial) -> None:
    trial.enter()
    request = _request(trial)
    mac2 = _mac2(trial, request, _begun(trial, request)[:4])
    trial.reset()
    trial.enter()
    trial.refused(_credit(trial, mac2), "6901")


@_CREDIT.case(11, "A wrong MAC2 locks nothing: purchases go on", **_KEYS)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for _ in range(6):
        _begun(trial, _request(trial))
        trial.given_word(_credit(trial, bytes(4)), "9302", "63CF")
    request = _request(trial)
    number = _begun(trial, request)[:4]
    trial.expect(_credit(trial, _mac2(trial, request, number)), "9000")


@_CREDIT.case(12, "The two environments count and compute apart", **_KEYS, **_L)
def _(trial: PsamTrial) -> None:
    if len(trial.subject.environments) < 2:
        raise NotApplicableError("there is one environment")
    trial.enter()
    before = trial.number()
    for other in trial.subject.environments:
        if other == trial.algorithm:
            continue
        own, trial.algorithm = trial.algorithm, other
        trial.enter()
        _begun(trial, _request(trial))
        trial.algorithm = own
    trial.enter()
    trial.equal(trial.number(), before, "终端交易序号 of this environment")
