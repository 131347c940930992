# SPDX-License-Identifier: Apache-2.0
"""What T=0 makes of commands and answers, and what a card without contacts does instead (LD/T
32.2; ISO/IEC 7816-3, 12.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sscard_chip.profile.model import Confidence
from sscard_chip.standard.identifiers import ISSUER_FILE, SSSE, SSSE_NAME
from sscard_chip.terminal.conformance.case import CONTACT, CONTACTLESS, Judge
from sscard_chip.terminal.conformance.cases.build import Chapter, select_issuer
from sscard_chip.terminal.conformance.groups import (
    ANSWER,
    MESSAGE,
    TRANSPORT,
    WORDS,
    clause_of,
)
from sscard_chip.terminal.conformance.trial import Trial

_T0: Final = "LD/T 32.2, T=0"
_CONTACT: Final = frozenset({CONTACT})
_CONTACTLESS: Final = frozenset({CONTACTLESS})
_SELECT: Final = "00A404000F" + SSSE_NAME.hex()
_GET_RESPONSE: Final = "GET RESPONSE"

cases = Chapter(TRANSPORT)


def _fci(trial: Trial) -> bytes:
    return trial.given(trial.whole(_SELECT), "SELECT of SSSE").data


def _t0(
    number: int, title: str, *clauses: str, confidence: Confidence = Confidence.HIGH
) -> Callable[[Judge], Judge]:
    return cases.case(
        f"SSC-32.2-T0-{number:02}", title, _T0, *clauses,
        interfaces=_CONTACT, confidence=confidence,
    )  # fmt: skip


@_t0(1, "SELECT of SSSE answers 61xx before its data", clause_of("SELECT", ANSWER))
def _(trial: Trial) -> None:
    reply = trial.raw(_SELECT)
    trial.expect(reply, "61xx")
    trial.equal(len(reply.data), 0, "data bytes beside 61xx")


@_t0(2, "xx of 61xx is the length of the FCI")
def _(trial: Trial) -> None:
    reply = trial.raw(_SELECT)
    trial.expect(reply, "61xx")
    length = reply.sw & 0xFF
    fetched = trial.raw(bytes((0x00, 0xC0, 0x00, 0x00, length)))
    trial.expect(fetched, "9000")
    trial.equal(len(fetched.data), length, "bytes of GET RESPONSE")


@_t0(3, "61xx of every generation is that of its FCI: 18, of 3.0 1E")
def _(trial: Trial) -> None:
    reply = trial.expect(trial.raw(_SELECT), "61xx")
    trial.equal(reply.word, "611E" if trial.subject.generation == 3 else "6118", "answer")


@_t0(4, "INTERNAL AUTHENTICATE answers 6108", clause_of("INTERNAL AUTHENTICATE", ANSWER))
def _(trial: Trial) -> None:
    trial.enter()
    reply = trial.raw("0088000010" + "0102030405060708" * 2)
    trial.expect(reply, "6108")


@_t0(5, "SELECT of a directory answers 61xx")
def _(trial: Trial) -> None:
    trial.enter()
    directory = trial.subject.profile.applications[0]
    reply = trial.raw(bytes((0, 0xA4, 4, 0, len(directory.df_name))) + directory.df_name)
    trial.expect(reply, "61xx")


@_t0(6, "READ RECORD with Le 00 answers 6C and the length", clause_of("READ RECORD", WORDS))
def _(trial: Trial) -> None:
    select_issuer(trial)
    reply = trial.raw("00B2010400")
    trial.equal(reply.word, "6C12", "answer to READ RECORD of 卡识别码 with Le 00")
    trial.equal(len(reply.data), 0, "data bytes beside 6Cxx")
    trial.expect(trial.raw("00B2010412"), "9000")


@_t0(7, "READ RECORD with a Le too small answers 6Cxx and no data", clause_of("READ RECORD", WORDS))
def _(trial: Trial) -> None:
    select_issuer(trial)
    for le in (0x01, 0x05, 0x11):
        reply = trial.raw(bytes((0x00, 0xB2, 0x01, 0x04, le)))
        trial.equal(reply.word, "6C12", f"answer to Le {le:02X}")
        trial.equal(len(reply.data), 0, "data bytes beside 6Cxx")


@_t0(8, "READ RECORD with a Le too great answers 6Cxx", clause_of("READ RECORD", WORDS))
def _(trial: Trial) -> None:
    select_issuer(trial)
    for le in (0x13, 0x40, 0xFF):
        reply = trial.raw(bytes((0x00, 0xB2, 0x01, 0x04, le)))
        trial.equal(reply.word, "6C12", f"answer to Le {le:02X}")


@_t0(9, "A command without data and answer is not answered 61xx", clause_of("SELECT", ANSWER))
def _(trial: Trial) -> None:
    trial.enter()
    trial.expect(trial.raw("00A4020002EF05"), "9000")


@_t0(10, "The length of 6Cxx is that of each record of SSSE EF05")
def _(trial: Trial) -> None:
    select_issuer(trial)
    for item, number in zip(trial.file(SSSE, ISSUER_FILE).items, range(1, 8), strict=False):
        reply = trial.raw(bytes((0x00, 0xB2, number, 0x04, 0x00)))
        trial.equal(reply.word, f"6C{item.length + 2:02X}", f"answer for record {number}")
        again = trial.raw(bytes((0x00, 0xB2, number, 0x04, item.length + 2)))
        trial.expect(again, "9000")
        trial.equal(len(again.data), item.length + 2, "bytes of the record")


@cases.command(_GET_RESPONSE, WORDS, 1, "Nothing waits: 6F00", interfaces=_CONTACT)
def _(trial: Trial) -> None:
    trial.enter()
    trial.refused(trial.raw("00C0000010"), "6F00", "6400", "6985")


@cases.command(_GET_RESPONSE, WORDS, 2, "Le 00 while data wait: 6Cxx, and they go on waiting",
               interfaces=_CONTACT)  # fmt: skip
def _(trial: Trial) -> None:
    length = len(_fci(trial))
    trial.given_word(trial.raw(_SELECT), "61xx")
    reply = trial.raw("00C0000000")
    trial.equal(reply.word, f"6C{length:02X}", "answer to Le 00")
    fetched = trial.raw(bytes((0x00, 0xC0, 0x00, 0x00, length)))
    trial.expect(fetched, "9000")
    trial.equal(len(fetched.data), length, "bytes of GET RESPONSE")


@cases.command(_GET_RESPONSE, WORDS, 3, "A Le too great: 6Cxx", interfaces=_CONTACT)
def _(trial: Trial) -> None:
    length = len(_fci(trial))
    trial.given_word(trial.raw(_SELECT), "61xx")
    trial.equal(trial.raw("00C00000FF").word, f"6C{length:02X}", "answer to Le FF")


@cases.command(_GET_RESPONSE, ANSWER, 1, "Data come in pieces, 61xx tells the rest",
               interfaces=_CONTACT)  # fmt: skip
def _(trial: Trial) -> None:
    whole = _fci(trial)
    trial.given_word(trial.raw(_SELECT), "61xx")
    first = trial.raw("00C0000005")
    trial.equal(first.word, f"61{len(whole) - 5:02X}", "answer to a part")
    rest = trial.raw(bytes((0x00, 0xC0, 0x00, 0x00, len(whole) - 5)))
    trial.expect(rest, "9000")
    trial.equal(first.data + rest.data, whole, "FCI in two pieces")


@cases.command(_GET_RESPONSE, ANSWER, 2, "Data are given once", interfaces=_CONTACT)
def _(trial: Trial) -> None:
    whole = _fci(trial)
    trial.refused(trial.raw(bytes((0x00, 0xC0, 0x00, 0x00, len(whole)))), "6F00", "6400", "6985")


@cases.command(_GET_RESPONSE, ANSWER, 3, "Another command drops the data that wait",
               interfaces=_CONTACT)  # fmt: skip
def _(trial: Trial) -> None:
    length = len(_fci(trial))
    trial.given_word(trial.raw(_SELECT), "61xx")
    trial.raw("0084000008")
    trial.refused(trial.raw(bytes((0x00, 0xC0, 0x00, 0x00, length))), "6F00", "6400", "6985")


@cases.command(_GET_RESPONSE, MESSAGE, 1, "P1 and P2 other than 00: 6A86", interfaces=_CONTACT)
def _(trial: Trial) -> None:
    for header in ("00C00100", "00C00001"):
        trial.given_word(trial.raw(_SELECT), "61xx")
        trial.refused(trial.raw(header + "05"), "6A86", "6B00")


@cases.case("SSC-14443-4-01", "Answers come whole, without 61xx", "ISO/IEC 14443-4",
            interfaces=_CONTACTLESS)  # fmt: skip
def _(trial: Trial) -> None:
    for apdu in (_SELECT, _SELECT + "00"):
        reply = trial.raw(apdu)
        trial.expect(reply, "9000")
        trial.check(len(reply.data) > 20, "the FCI", f"{len(reply.data)} bytes")
    reply = trial.raw("0088000010" + "0102030405060708" * 2 + "08")
    trial.expect(reply, "9000")
    trial.equal(len(reply.data), 8, "bytes of INTERNAL AUTHENTICATE")


@cases.case("SSC-14443-4-02", "Le 00 and a Le more than enough give the record whole",
            "ISO/IEC 14443-4", interfaces=_CONTACTLESS)  # fmt: skip
def _(trial: Trial) -> None:
    select_issuer(trial)
    for le in ("00", "12", "40", "FF"):
        reply = trial.raw("00B20104" + le)
        trial.expect(reply, "9000")
        trial.equal(len(reply.data), 0x12, f"bytes of record 1 with Le {le}")


@cases.case("SSC-14443-4-03", "A Le too small is 6Cxx without data", "ISO/IEC 14443-4",
            interfaces=_CONTACTLESS)  # fmt: skip
def _(trial: Trial) -> None:
    select_issuer(trial)
    reply = trial.raw("00B2010405")
    trial.equal(reply.word, "6C12", "answer to Le 05")
    trial.equal(len(reply.data), 0, "data bytes beside 6Cxx")


@cases.case("SSC-14443-4-04", "The same files are there as over the contacts", "ISO/IEC 14443-4",
            interfaces=_CONTACTLESS)  # fmt: skip
def _(trial: Trial) -> None:
    for directory in trial.subject.profile.directories:
        if not trial.subject.statement.lacks(directory.short_name):
            trial.enter(directory.fid)


def _generic(number: int, title: str, words: tuple[str, ...], *apdus: str,
             confidence: Confidence = Confidence.HIGH) -> None:  # fmt: skip
    @cases.case(
        f"SSC-32.5-GENERAL-{number:02}", title, "LD/T 32.5, status words", confidence=confidence
    )
    def _(trial: Trial) -> None:
        for apdu in apdus:
            trial.enter()
            trial.refused(trial.whole(apdu), *words)


_generic(1, "An unknown instruction: 6D00", ("6D00",), "0002000000", "00FC000000", "0006000000")
_generic(2, "An unknown class: 6E00", ("6E00",), "A084000008", "E0B2010400", "C084000008",
         "9084000008")  # fmt: skip
_generic(3, "A known instruction under another class: 6E00", ("6E00", "6D00"), "8084000008",
         "80B2010400", "B084000008", "00260001")  # fmt: skip
_generic(4, "A logical channel: 6881", ("6881", "6E00"), "0184000008", "0284000008", "03B2010400",
         confidence=Confidence.LOW)  # fmt: skip
_generic(5, "Lc does not agree with the data: 6700", ("6700",), "00A4040010" + SSSE_NAME.hex(),
         "00A404000E" + SSSE_NAME.hex() + "0000", confidence=Confidence.MEDIUM)  # fmt: skip


@cases.case("SSC-32.5-GENERAL-06", "Every refusal leaves the card able to answer",
            "LD/T 32.5, status words")  # fmt: skip
def _(trial: Trial) -> None:
    for apdu in ("00A4000002FFFF", "0002FFFFFF", "00B2FFFF00", "00B0FFFF00"):
        trial.enter()
        trial.check(trial.whole(apdu).sw not in (0x9000, 0), "a refusal", "9000")
        trial.expect(trial.whole("0084000008"), "9000")


@cases.case("SSC-32.5-GENERAL-07", "Status words are of the standard's table",
            "LD/T 32.5, status words", confidence=Confidence.MEDIUM)  # fmt: skip
def _(trial: Trial) -> None:
    known = (
        "9000", "61xx", "63Cx", "6581", "6700", "6881", "6901", "698x", "6A8x", "6B00", "6Cxx",
        "6D00", "6E00", "6F00", "9302", "9303", "940x", "6283", "6400",
    )  # fmt: skip
    trial.enter()
    for ins in ("A4", "B0", "B2", "84", "88", "C0"):
        for p1p2 in ("0000", "0100", "00FF", "FF00", "7F7F"):
            trial.expect(trial.whole(f"00{ins}{p1p2}00"), *known)
