# SPDX-License-Identifier: Apache-2.0
"""DELIVERY SESSION KEY and CIPHER DATA of a PSAM, and which key may do what (PSAM guide, 6, 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sscard_chip.applications.psam.keys import KeyType
from sscard_chip.profile.model import Confidence
from sscard_chip.profile.psam_keys import KEYS, SamKeyRow
from sscard_chip.security.suite import pad
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import PSAM_AID
from sscard_chip.standard.keys import DPK, IRK, STKSSSE
from sscard_chip.terminal.conformance.case import Case, Need
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.psam.build import PsamChapter
from sscard_chip.terminal.conformance.psam.trial import PsamTrial
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_DELIVER: Final = PsamChapter("DELIVER", "7 DELIVERY SESSION KEY")
_CIPHER: Final = PsamChapter("CIPHER", "7 CIPHER DATA")
_USAGE: Final = PsamChapter("KEY", "6 and annex B, keys")
_SESSION: Final[dict[str, Any]] = {"level": Level.SESSION}
_KEYS: Final[dict[str, Any]] = {"level": Level.SESSION, "needs": frozenset({Need.KEYS})}
_L: Final = {"confidence": Confidence.LOW}
_M: Final = {"confidence": Confidence.MEDIUM}
_MAC_TYPES: Final = (KeyType.MAC_AND_ENCRYPTION, KeyType.MAC)
_TEXT: Final = bytes(range(1, 129))


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_DELIVER(), *_CIPHER(), *_USAGE())


# --- DELIVERY SESSION KEY ------------------------------------------------------------------------


@_DELIVER.case(1, "IRK is delivered, without an answer", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    reply = trial.expect(trial.deliver(IRK), "9000")
    trial.equal(len(reply.data), 0, "data bytes")


@_DELIVER.case(2, "A key that is not there: 6A88", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    steps = trial.environment.steps
    for identifier in (0x0F, 0xC5):
        data = trial.subject.factors(steps) + trial.factor()
        reply = trial.send(commands.DELIVERY_SESSION_KEY, steps << 5 | 7, identifier, data)
        trial.refused(reply, "6A88")


@_DELIVER.case(3, "Another number of factors, or another level: 6A80 or 6A88", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    steps = trial.environment.steps
    for count in {0, 1, 2, 3} - {steps}:
        trial.refused(trial.deliver(IRK, count=count), "6A80", "6A88", "6700")
        trial.refused(trial.deliver(IRK, steps=count, count=count), "6A80", "6A88")


@_DELIVER.case(4, "A wrong length: 6700", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    steps = trial.environment.steps
    factors = trial.subject.factors(steps)
    for data in (factors + bytes(trial.block - 1), factors + bytes(trial.block + 3)):
        reply = trial.send(commands.DELIVERY_SESSION_KEY, steps << 5 | 7, 0x08, data)
        trial.refused(reply, "6700", "6A80")


@_DELIVER.case(5, "A purchase key is delivered to nobody: 6985 or 6A88", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for version in (1, 2, 3):
        steps = trial.environment.steps
        data = trial.subject.factors(steps) + trial.factor()
        reply = trial.send(commands.DELIVERY_SESSION_KEY, steps << 5 | 2, version, data)
        trial.refused(reply, "6985", "6A88", "6982")
        trial.refused(trial.cipher(0x00, bytes(trial.block)), "6901", "6985")


@_DELIVER.case(6, "Every session factor gives another key, every card too", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    found = []
    for factor in (trial.factor(), b"\x5a" + trial.factor()[1:]):
        trial.given(trial.deliver(IRK, factor), "DELIVERY SESSION KEY")
        found.append(trial.given(trial.cipher(0x00, bytes(trial.block))).data)
    trial.check(found[0] != found[1], "another cryptogram under another factor", "the same")
    steps = trial.environment.steps
    other = b"\x11" * 8 + trial.subject.factors(steps)[8:] + trial.factor()
    trial.given(trial.send(commands.DELIVERY_SESSION_KEY, steps << 5 | 7, 0x08, other))
    third = trial.given(trial.cipher(0x00, bytes(trial.block))).data
    trial.check(third != found[0], "another cryptogram for another card", "the same")


@_DELIVER.case(7, "Every factor of the chain counts", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    steps = trial.environment.steps
    found = set()
    for place in range(-1, steps):
        factors = bytearray(trial.subject.factors(steps))
        if place >= 0:
            factors[8 * place + 7] ^= 1
        data = bytes(factors) + trial.factor()
        trial.given(trial.send(commands.DELIVERY_SESSION_KEY, steps << 5 | 7, 0x08, data))
        found.add(trial.given(trial.cipher(0x00, bytes(trial.block))).data)
    trial.equal(len(found), steps + 1, "different cryptograms")


@_DELIVER.case(8, "A failed delivery leaves no key", **_SESSION, **_L)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
    trial.given_word(trial.deliver(IRK, kind=0x06), "6xxx")
    trial.refused(trial.cipher(0x00, bytes(trial.block)), "6901")


@_DELIVER.case(9, "Outside DF01 there is no key: 6985", **_SESSION, **_M)
def _(trial: PsamTrial) -> None:
    trial.enter(application=False)
    trial.given_word(trial.deliver(IRK), "6xxx")


# --- CIPHER DATA ---------------------------------------------------------------------------------


@_CIPHER.case(1, "Without a key: 6901", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.refused(trial.cipher(0x00, bytes(trial.block)), "6901")
    trial.refused(trial.cipher(0x05, bytes(2 * trial.block), 4), "6901")


def _encryption(number: int, blocks: int) -> None:
    @_CIPHER.case(number, f"Encryption of {blocks} blocks: as many bytes, ECB, right", **_KEYS)
    def _(trial: PsamTrial) -> None:
        trial.enter()
        session = trial.session(IRK)
        trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
        text = _TEXT[: blocks * trial.block]
        reply = trial.expect(trial.cipher(0x00, text), "9000")
        trial.equal(len(reply.data), len(text), "bytes of the cryptogram")
        found, first = reply.data, session.authentication_data(text[:8])
        if trial.block == 8:
            trial.check(found[:8] == first, "the right first block", "another value")
        blocks_of = [found[at : at + trial.block] for at in range(0, len(found), trial.block)]
        for place, block in enumerate(blocks_of):
            trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
            part = text[place * trial.block : (place + 1) * trial.block]
            single = trial.given(trial.cipher(0x00, part)).data
            trial.check(single == block, f"block {place + 1} as it is alone (ECB)", "another value")


for _number, _blocks in ((2, 1), (3, 2), (4, 8)):
    _encryption(_number, _blocks)


@_CIPHER.case(5, "鉴别数据 under IRK is that of the card", **_KEYS)
def _(trial: PsamTrial) -> None:
    trial.enter()
    session = trial.session(IRK)
    for original in (bytes(8), bytes.fromhex("0102030405060708"), b"\xff" * 8):
        trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
        reply = trial.expect(trial.cipher(0x00, original.ljust(trial.block, b"\0")), "9000")
        value = reply.data
        if trial.block == 16 and len(value) == 16:
            value = (int.from_bytes(value[:8]) ^ int.from_bytes(value[8:])).to_bytes(8)
        expected = session.authentication_data(original)
        trial.check(value == expected, "the right 鉴别数据", "another value")


@_CIPHER.case(6, "No block, half a block and nine blocks: 6700", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for length in (trial.block - 1, trial.block + 1, 9 * trial.block):
        trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
        trial.refused(trial.cipher(0x00, bytes(length)), "6700")


@_CIPHER.case(7, "P1 and P2 that are none: 6A86", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
    for p1, p2 in ((0x04, 0), (0x06, 0), (0x80, 0), (0x00, 1)):
        reply = trial.send(commands.CIPHER_DATA, p1, p2, bytes(trial.block), 0)
        trial.refused(reply, "6A86")


@_CIPHER.case(8, "An encryption that ends takes the key: 6901", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
    trial.given(trial.cipher(0x00, bytes(trial.block)))
    trial.refused(trial.cipher(0x00, bytes(trial.block)), "6901")


@_CIPHER.case(9, "With P1 02 more blocks follow, P1 00 ends", **_SESSION, **_M)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
    first = trial.expect(trial.cipher(0x02, bytes(trial.block)), "9000").data
    second = trial.expect(trial.cipher(0x00, bytes(trial.block)), "9000").data
    trial.equal(second, first, "cryptogram of the same block")
    trial.refused(trial.cipher(0x02, bytes(trial.block)), "6901")


@_CIPHER.case(10, "Another directory or a reset takes the key: 6901", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
    trial.reset()
    trial.enter()
    trial.refused(trial.cipher(0x00, bytes(trial.block)), "6901")


@_CIPHER.case(11, "Another environment takes the key: 6901", **_SESSION, **_L)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.given(trial.deliver(IRK), "DELIVERY SESSION KEY")
    trial.enter(application=False)
    trial.given(trial.send(commands.SELECT, 0x04, 0x00, PSAM_AID), "SELECT of DF01")
    trial.refused(trial.cipher(0x00, bytes(trial.block)), "6901")


def _mac(number: int, length: int) -> None:
    @_CIPHER.case(number, f"A MAC over {length} bytes is right, 4 bytes", **_KEYS)
    def _(trial: PsamTrial) -> None:
        trial.enter()
        session = trial.session(STKSSSE)
        trial.delivered(STKSSSE, *_MAC_TYPES)
        data = bytes(trial.block) + pad(_TEXT[:length], trial.block)
        reply = trial.expect(trial.cipher(0x05, data, 4), "9000")
        trial.equal(len(reply.data), 4, "bytes of the MAC")
        trial.check(reply.data == session.mac(_TEXT[:length]), "the right MAC", "another value")


for _number, _length in ((21, 5), (22, 8), (23, 16), (24, 50)):
    _mac(_number, _length)


@_CIPHER.case(25, "The MAC of a chain 07, 03, 01 is that of one command", **_KEYS, **_M)
def _(trial: PsamTrial) -> None:
    trial.enter()
    expected = trial.session(STKSSSE).mac(_TEXT[:60])
    size, data = trial.block, pad(_TEXT[:60], trial.block)
    trial.delivered(STKSSSE, *_MAC_TYPES)
    trial.expect(trial.cipher(0x07, bytes(size), None), "9000")
    trial.expect(trial.cipher(0x03, data[:size], None), "9000")
    trial.expect(trial.cipher(0x03, data[size:-size], None), "9000")
    reply = trial.expect(trial.cipher(0x01, data[-size:], 4), "9000")
    trial.check(reply.data == expected, "the right MAC", "another value")


@_CIPHER.case(26, "The initial value counts", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    found = []
    for start in (bytes(trial.block), b"\x01" + bytes(trial.block - 1)):
        trial.delivered(STKSSSE, *_MAC_TYPES)
        data = start + pad(_TEXT[:5], trial.block)
        found.append(trial.given(trial.cipher(0x05, data, 4)).data)
    trial.check(found[0] != found[1], "another MAC under another initial value", "the same")


@_CIPHER.case(27, "A MAC that ends takes the key for MACs: 6901", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.delivered(STKSSSE, *_MAC_TYPES)
    trial.given(trial.cipher(0x05, bytes(2 * trial.block), 4))
    trial.refused(trial.cipher(0x05, bytes(2 * trial.block), 4), "6901")


@_CIPHER.case(28, "03 and 01 without 07: 6901", **_SESSION, **_L)
def _(trial: PsamTrial) -> None:
    trial.enter()
    for p1 in (0x03, 0x01):
        trial.delivered(STKSSSE, *_MAC_TYPES)
        trial.refused(trial.cipher(p1, bytes(trial.block), None if p1 == 3 else 4), "6901")


@_CIPHER.case(29, "A MAC of an initial value alone: 6700", **_SESSION)
def _(trial: PsamTrial) -> None:
    trial.enter()
    trial.delivered(STKSSSE, *_MAC_TYPES)
    trial.refused(trial.cipher(0x05, bytes(trial.block), 4), "6700")


@_CIPHER.case(30, "One delivered key serves one encryption and one MAC", **_SESSION, **_M)
def _(trial: PsamTrial) -> None:
    trial.enter()
    if trial.delivered(STKSSSE, *_MAC_TYPES) is KeyType.MAC:
        raise NotApplicableError("STK only MACs")
    trial.expect(trial.cipher(0x00, bytes(trial.block)), "9000")
    trial.expect(trial.cipher(0x05, bytes(2 * trial.block), 4), "9000")
    trial.refused(trial.cipher(0x00, bytes(trial.block)), "6901")


# --- who may do what -----------------------------------------------------------------------------


def _use(number: int, row: SamKeyRow) -> None:
    @_USAGE.case(number, f"{row.root}: type {row.type:02X}, identifier {row.identifier:02X}, does "
                 "what its type may and nothing else", confidence=row.confidence,
                 **_SESSION)  # fmt: skip
    def _(trial: PsamTrial) -> None:
        trial.enter()
        kinds = _MAC_TYPES if row.type is KeyType.MAC_AND_ENCRYPTION else (row.type,)
        kind = trial.delivered(row.root, *kinds)
        macs, encrypts = kind in _MAC_TYPES, kind is not KeyType.MAC
        reply = trial.cipher(0x00, bytes(trial.block))
        if encrypts:
            trial.expect(reply, "9000", what="to encryption")
        else:
            trial.refused(reply, "6985", "6901", what="to encryption")
        trial.delivered(row.root, kind)
        reply = trial.cipher(0x05, bytes(2 * trial.block), 4)
        if macs:
            trial.expect(reply, "9000", what="to a MAC")
        else:
            trial.refused(reply, "6985", "6901", what="to a MAC")

    @_USAGE.case(number + 100, f"{row.root} is the card's key", confidence=row.confidence,
                 **_KEYS)  # fmt: skip
    def _(trial: PsamTrial) -> None:
        trial.enter()
        session = trial.session(row.root)
        kinds = _MAC_TYPES if row.type is KeyType.MAC_AND_ENCRYPTION else (row.type,)
        kind = trial.delivered(row.root, *kinds)
        if kind in _MAC_TYPES:
            data = bytes(trial.block) + pad(_TEXT[:5], trial.block)
            found = trial.expect(trial.cipher(0x05, data, 4), "9000").data
            trial.check(found == session.mac(_TEXT[:5]), "the right MAC", "another value")
            return
        original = _TEXT[:8].ljust(trial.block, b"\0")
        found = trial.expect(trial.cipher(0x00, original), "9000").data
        if trial.block == 16 and len(found) == 16:
            found = (int.from_bytes(found[:8]) ^ int.from_bytes(found[8:])).to_bytes(8)
        expected = session.authentication_data(_TEXT[:8])
        trial.check(found == expected, "the right 鉴别数据", "another value")


for _number, _row in enumerate((one for one in KEYS if one.root != DPK), 1):
    _use(_number, _row)
