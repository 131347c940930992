# SPDX-License-Identifier: Apache-2.0
"""What is the matter with a reader or a card: one step after the other, and why the first fails.

Only what reads is sent: SELECT, READ RECORD, GET CHALLENGE, and VERIFY without data, which asks
for the tries left. Nothing of the holder is in a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from sscard_chip.filesystem.tlv import find_primitive, parse_objects
from sscard_chip.profile.generations import generations
from sscard_chip.standard.commands import GET_CHALLENGE, READ_RECORD, SELECT, VERIFY
from sscard_chip.standard.errors import SscardError
from sscard_chip.standard.identifiers import DIR_FILE, ISSUER_FILE, RID, SFI_MASK, SSSE_NAME
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import Answer, ApduClient
from sscard_chip.terminal.connection import (
    Connection,
    ConnectionLostError,
    NoAnswerError,
    NoCardError,
    NotConnectedError,
    ShortAnswerError,
)
from sscard_chip.terminal.placeholders import historical_bytes

_ATR_BEGIN: Final = 0x3B
_INVERSE: Final = 0x3F
_HISTORICAL: Final = 13
_SERIAL: Final = slice(9, 13)
_CITY: Final = slice(7, 9)
_CHALLENGE: Final = 8
_BY_NAME, _BY_TAG = 0x04, 0
_DIR_TAG: Final = 0x61
_VERSIONS: Final = tuple(generation.version for generation in generations())


@unique
class Health(StrEnum):
    """How a step went."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Symptom:
    """A step: what was looked at, how it went, what was seen, and where it is not good why."""

    step: str
    health: Health
    seen: str
    cause: str = ""


class _EndError(Exception):
    """Nothing further can be looked at."""


def examine(connection: Connection) -> Iterator[Symptom]:
    """Look at a card, step by step; ends with the first step that nothing can follow.

    No step raises: what the connection raises is a finding.
    """
    patient = _Patient(connection)
    for step in (
        patient.power,
        patient.environment,
        patient.issuer,
        patient.challenge,
        patient.tries,
        patient.directory,
    ):
        try:
            yield from step()
        except _EndError:
            return
        except SscardError as error:
            yield _failed(step.__doc__ or "", error)
            return


def _failed(step: str, error: SscardError) -> Symptom:
    causes: tuple[tuple[type[SscardError], str], ...] = (
        (ShortAnswerError, "the card died in the middle of a command, or a virtual one ended"),
        (NoCardError, "no card in the slot, or it was pulled out: put it in, contacts first"),
        (NoAnswerError, "the card is mute: dirty contacts, a broken chip, or a fault that is set"),
        (ConnectionLostError, "the card or the reader went away"),
        (NotConnectedError, "no such reader, or no PC/SC service: is pcscd running, is the name"
                            " right?"),
    )  # fmt: skip
    cause = next((text for kind, text in causes if isinstance(error, kind)), "the reader failed")
    return Symptom(step.strip().rstrip("."), Health.BAD, str(error), cause)


class _Patient:
    """A card under examination. The first line of a step's docstring is its name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = ApduClient(connection)
        self._historical = b""
        self._dir_sfi = DIR_FILE & SFI_MASK

    def power(self) -> Iterator[Symptom]:
        """power on, ATR"""
        atr = self._connection.power_on()
        name, shown = "power on, ATR", atr.hex().upper()
        self._historical = historical_bytes(atr)
        if not atr or atr[0] not in (_ATR_BEGIN, _INVERSE):
            yield Symptom(name, Health.BAD, shown, "this is no ATR: the reader's fault")
            raise _EndError
        if len(atr) < 2 or atr[1] & 0x0F != _HISTORICAL:
            yield Symptom(
                name, Health.DOUBTFUL, shown,
                "a social security card has 13 historical bytes: some other card?",
            )  # fmt: skip
            return
        yield Symptom(name, Health.GOOD, shown)

    def environment(self) -> Iterator[Symptom]:
        """SELECT 社会保障系统环境"""
        name = "SELECT 社会保障系统环境"
        answer = self._client.send(SELECT, _BY_NAME, 0, SSSE_NAME, 0)
        if not answer.ok:
            causes: dict[int, str] = {
                StatusWord.FILE_NOT_FOUND: "no social security card, or one that is blank",
                StatusWord.APPLICATION_BLOCKED: "the application is blocked for good: a new card",
                StatusWord.FUNCTION_NOT_SUPPORTED: "the card is blocked for good: a new card",
            }
            yield _refused(name, answer, causes)
            raise _EndError
        if find_primitive(answer.data, 0x84) != SSSE_NAME:
            yield Symptom(name, Health.BAD, "FCI without the name", "no FCI of LD/T 32.5")
            return
        announced = find_primitive(answer.data, 0x88)
        if announced:
            self._dir_sfi = announced[0] & SFI_MASK
        yield Symptom(name, Health.GOOD, f"FCI of {len(answer.data)} bytes")

    def issuer(self) -> Iterator[Symptom]:
        """READ RECORD EF05 发卡机构数据"""
        record = self._item(0x01)
        if record is None:
            yield Symptom(
                "卡识别码", Health.BAD, "cannot be read",
                "without it no key can be diversified: not personalised, or damaged",
            )  # fmt: skip
        else:
            yield self._identification(record)
        version = (self._item(0x03) or b"").rstrip(b"\x00 \xff").decode("ascii", "replace")
        known = version in _VERSIONS
        yield Symptom(
            "规范版本", Health.GOOD if known else Health.DOUBTFUL, version or "not given",
            "" if known else f"none of {', '.join(_VERSIONS)}: programs go by it",
        )  # fmt: skip

    def _identification(self, code: bytes) -> Symptom:
        name = "卡识别码"
        if code[3:8] != RID:
            missing = f"erased or not personalised: {RID.hex().upper()} is missing"
            return Symptom(name, Health.BAD, "another RID", missing)
        if len(self._historical) == _HISTORICAL:
            if code[8:12] != self._historical[_SERIAL]:
                return Symptom(
                    name, Health.BAD, "serial differs from the ATR",
                    "keys are diversified by the ATR: authentication and TAC will fail",
                )  # fmt: skip
            if code[:2] != self._historical[_CITY]:
                return Symptom(
                    name, Health.DOUBTFUL, "city differs from the ATR",
                    "keys are diversified by the city: one of the two is wrong",
                )  # fmt: skip
        return Symptom(name, Health.GOOD, f"{len(code)} bytes, serial and city as in the ATR")

    def challenge(self) -> Iterator[Symptom]:
        """GET CHALLENGE"""
        first, second = (self._client.send(GET_CHALLENGE, le=_CHALLENGE) for _ in range(2))
        if not first.ok or len(first.data) != _CHALLENGE:
            yield _refused(GET_CHALLENGE.name, first, {})
        elif first.data == second.data:
            yield Symptom(
                GET_CHALLENGE.name, Health.BAD, "twice the same",
                "its random numbers repeat: authentications can be replayed",
            )  # fmt: skip
        else:
            yield Symptom(GET_CHALLENGE.name, Health.GOOD, "two random numbers, different")

    def tries(self) -> Iterator[Symptom]:
        """VERIFY without data: tries of the PIN"""
        name = "tries of the PIN"
        answer = self._client.send(VERIFY)
        if answer.ok:
            yield Symptom(name, Health.GOOD, "no PIN is set")
        elif answer.sw == StatusWord.AUTHENTICATION_BLOCKED:
            yield Symptom(name, Health.BAD, "none", "the PIN is locked: unlock it at the counter")
        elif answer.sw & 0xFFF0 == StatusWord.VERIFICATION_FAILED:
            left = answer.sw & 0x0F
            yield Symptom(
                name, Health.GOOD if left > 1 else Health.DOUBTFUL, f"{left} left",
                "" if left > 1 else "one more wrong PIN locks it",
            )  # fmt: skip
        else:
            yield _refused(name, answer, {})

    def directory(self) -> Iterator[Symptom]:
        """DIR"""
        names = list(self._entries())
        if not names:
            yield Symptom(
                "DIR", Health.DOUBTFUL, "no entry", "programs that go by it find no application"
            )
            return
        yield Symptom("DIR", Health.GOOD, f"{len(names)} applications")
        for aid in names:
            answer = self._client.send(SELECT, _BY_NAME, 0, aid, 0)
            name = f"SELECT {aid.hex().upper()}"
            if answer.ok:
                yield Symptom(name, Health.GOOD, "there")
            else:
                blocked: dict[int, str] = {StatusWord.APPLICATION_BLOCKED: "blocked for good"}
                yield _refused(name, answer, blocked)

    def _entries(self) -> Iterator[bytes]:
        for number in range(1, 32):
            answer = self._read(number, self._dir_sfi, 0x04)
            if not answer.ok:
                return
            try:
                for tag, content in parse_objects(answer.data):
                    aid = find_primitive(content, 0x4F) if tag in (_DIR_TAG, 0x70) else None
                    if aid:
                        yield aid
            except ValueError:
                continue

    def _item(self, tag: int) -> bytes | None:
        answer = self._read(tag, ISSUER_FILE & SFI_MASK, _BY_TAG)
        if not answer.ok or len(answer.data) < 2 or answer.data[0] != tag:
            return None
        return answer.data[2 : 2 + answer.data[1]]

    def _read(self, number: int, sfi: int, how: int) -> Answer:
        return self._client.send(READ_RECORD, number, sfi << 3 | how, le=0)


def _refused(step: str, answer: Answer, causes: dict[int, str]) -> Symptom:
    cause = causes.get(answer.sw, "not what LD/T 32.5 says of this command")
    return Symptom(step, Health.BAD, str(answer.refusal), cause)
