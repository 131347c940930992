# SPDX-License-Identifier: Apache-2.0
"""Cards whose bank application is faulty."""

from __future__ import annotations

from typing import Any, Final

from issuance.mutants.answers import body_of, on_command, word_instead
from issuance.mutants.model import Fault, FaultyCard, Mutant

_OK: Final = b"\x90\x00"
_B: Final = "SSC-0025-"
_SELECT, _RECORD, _DATA, _GPO, _AC = 0xA4, 0xB2, 0xCA, 0xA8, 0xAE
_EXTERNAL, _PUT_DATA, _VERIFY, _INTERNAL = 0x82, 0xDA, 0x20, 0x88


def _bank(name: str, wrong: str, caught_by: str, fault: Fault, **more: Any) -> Mutant:
    return Mutant(
        name=f"bank-{name}", wrong=wrong, caught_by=_B + caught_by, fault=fault, judged="bank",
        generation=3, **more,
    )  # fmt: skip


def _replaced(ins: int, before: bytes, change: bytes) -> Fault:
    """Other bytes in place of some in an answer's data."""
    return body_of(ins, lambda data: data.replace(before, change))


def _in_value(ins: int, tag: bytes, at: int) -> Fault:
    """Another byte in the value behind a tag and its length."""

    def change(data: bytes) -> bytes:
        place = data.find(tag)
        if place < 0:
            return data
        place += len(tag) + at
        return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]

    return body_of(ins, change)


def _cryptogram(data: bytes) -> bytes:
    """CID 1, ATC 2, then the cryptogram, behind 80 L."""
    return data[:7] + bytes((data[7] ^ 1,)) + data[8:] if data[:1] == b"\x80" else data


def _kind(before: int, after: int) -> Fault:
    """Another cryptogram is announced than is given."""

    def change(data: bytes) -> bytes:
        fits = data[:1] == b"\x80" and data[2] & 0xC0 == before
        return data[:2] + bytes((after,)) + data[3:] if fits else data

    return body_of(_AC, change)


def _first_of(tag: bytes) -> Fault:
    """GET DATA of a tag gives what it gave first for ever."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        answer = card.right(apdu)
        if apdu[1] != 0xC0:
            card.kept["asked"] = apdu[2:4] if apdu[1] == _DATA else b""
        if card.kept.get("asked") == tag and len(answer) > 2 and answer[-2:] == _OK:
            return card.lasting.setdefault(f"first {len(answer)}", answer)
        return answer

    return fault


def _inside(ins: int, tag: bytes, at: int) -> Fault:
    """Another byte in a value of 128 bytes or more, whose length has a byte 81 or 82 before it."""
    return _in_value(ins, tag, at + 2)


def _without(tag: bytes, other: bytes) -> Fault:
    """A data object of the records is another one."""
    return _replaced(_RECORD, tag, other)


def _signed_before(card: FaultyCard, apdu: bytes) -> bytes:
    """INTERNAL AUTHENTICATE gives for ever what it gave first."""
    answer = card.right(apdu)
    if apdu[1] != 0xC0:
        card.kept["signs"] = b"1" if apdu[1] == _INTERNAL else b""
    if card.kept.get("signs") and len(answer) > 2 and answer[-2:] == _OK:
        return card.lasting.setdefault(f"signature {len(answer)}", answer)
    return answer


def _signs_zeros(card: FaultyCard, apdu: bytes) -> bytes:
    """The terminal's random does not count."""
    if apdu[1] == _INTERNAL and len(apdu) > 5:
        apdu = apdu[:5] + bytes(apdu[4]) + apdu[5 + apdu[4] :]
    return card.right(apdu)


def _script_again(card: FaultyCard, apdu: bytes) -> bytes:
    if apdu[1] == _PUT_DATA and card.kept.get("script") == apdu:
        return _OK
    answer = card.right(apdu)
    if apdu[1] == _PUT_DATA and answer == _OK:
        card.kept["script"] = apdu
    return answer


BANKS: Final = (
    _bank("pse-sfi", "PSE names an SFI above 10", "SELECT-01",
          _replaced(_SELECT, b"\x88\x01\x01", b"\x88\x01\x1e")),
    _bank("directory-template", "A directory record is no template 70", "SELECT-02",
          body_of(_RECORD, lambda data: b"\x61" + data[1:])),
    _bank("fci-name", "The FCI has another AID", "SELECT-03",
          body_of(_SELECT, lambda data: data[:10] + b"\x34" + data[11:]
                  if data[2:3] == b"\x84" and data[4:5] == b"\xa0" else data)),
    _bank("unknown-aid", "An unknown AID answers 6A81", "SELECT-04",
          word_instead(_SELECT, "6A82", "6A81")),
    _bank("other-account", "57 is of another account than 5A", "READ-03",
          _in_value(_RECORD, b"\x57", 4)),
    _bank("expiry", "5F24 is no day", "READ-04",
          body_of(_RECORD, lambda data: data[: data.find(b"\x5f\x24\x03") + 4] + b"\x13"
                  + data[data.find(b"\x5f\x24\x03") + 5 :] if b"\x5f\x24\x03" in data else data)),
    _bank("cdol", "CDOL1 asks for no random number", "READ-05",
          _replaced(_RECORD, b"\x9f\x37\x04", b"\x9f\x35\x04")),
    _bank("gpo-again", "GPO is taken twice", "READ-09", word_instead(_GPO, "6985", "9000")),
    _bank("data-unknown", "GET DATA of what is not there answers 6A82", "DATA-02",
          word_instead(_DATA, "6A88", "6A82")),
    _bank("data-without-tag", "GET DATA gives values without tag and length", "DATA-01",
          body_of(_DATA, lambda data: data[3:])),
    _bank("atc-stands", "The ATC does not rise", "DATA-05", _first_of(b"\x9f\x36")),
    _bank("cryptogram-wrong", "The cryptogram is wrong", "PAY-01", body_of(_AC, _cryptogram)),
    _bank("cryptogram-of-a-fen", "The cryptogram covers another amount", "PAY-04",
          lambda card, apdu: card.right(apdu[:10] + b"\x01" + apdu[11:])
          if apdu[1] == _AC and len(apdu) > 12 else card.right(apdu)),
    _bank("any-issuer", "EXTERNAL AUTHENTICATE takes any answer", "PAY-03",
          word_instead(_EXTERNAL, "6300", "9000")),
    _bank("too-much", "A certificate where an ARQC was asked for", "AC-02", _kind(0x80, 0x40)),
    _bank("does-not-decline", "An ARQC where a decline was asked for", "AC-01", _kind(0x00, 0x80)),
    _bank("third", "A third GENERATE AC answers 9000", "AC-04", word_instead(_AC, "6985", "9000")),
    _bank("script-any-mac", "A script with a wrong MAC answers 9000", "SCRIPT-02",
          word_instead(_PUT_DATA, "6988", "9000")),
    _bank("script-refused", "A right script is refused", "SCRIPT-01",
          word_instead(_PUT_DATA, "9000", "6985")),
    _bank("log-without-amount", "The log has no amount", "PAY-07",
          body_of(_RECORD, lambda data: data if data[:1] == b"\x70" else bytes(len(data)))),
    _bank("pin-any", "Every PIN is right", "PIN-02",
          on_command(_VERIFY, lambda _, answer: _OK if answer[0] == 0x63 else answer)),
    _bank("pin-tries-stand", "9F17 does not fall", "PIN-02", _first_of(b"\x9f\x17")),
    _bank("field-cryptogram", "The cryptogram without contacts is wrong", "QPBOC-05",
          _in_value(_GPO, b"\x9f\x26\x08", 2), contactless=True),
    _bank("ppse-name", "PPSE has another name", "QPBOC-01",
          _replaced(_SELECT, b"2PAY", b"1PAY"), contactless=True),
    _bank("cash-stands", "A purchase off-line leaves the balance", "QPBOC-08",
          _first_of(b"\x9f\x79"), contactless=True),
    _bank("pdol", "The PDOL does not ask for 9F66", "QPBOC-04",
          _replaced(_SELECT, b"\x9f\x66\x04", b"\x9f\x35\x04"), contactless=True),
    _bank("answer-cut", "The answer to GENERATE AC is a byte short", "PAY-04",
          body_of(_AC, lambda data: data[:-1])),
    _bank("sda-signature", "The static signature is wrong", "ODA-12",
          _inside(_RECORD, b"\x93\x81", 20), oda="sda"),
    _bank("sda-other-record", "A signed record is not what was signed", "ODA-12",
          _replaced(_RECORD, b"\x5f\x28\x02\x01\x56", b"\x5f\x28\x02\x03\x44"), oda="sda"),
    _bank("issuer-certificate", "The issuer's certificate is of nobody", "ODA-11",
          _inside(_RECORD, b"\x90\x81", 20), oda="dda"),
    _bank("authority-unknown", "The key index is one that no authority has", "ODA-11",
          _in_value(_RECORD, b"\x8f\x01", 0), oda="dda"),
    _bank("without-issuer", "The AIP promises SDA, and no issuer certificate is there", "ODA-01",
          _without(b"\x90\x81", b"\x91\x81"), oda="sda"),
    _bank("card-certificate", "The card's certificate is wrong", "ODA-13",
          _inside(_RECORD, b"\x9f\x46\x81", 20), oda="dda"),
    _bank("signature-stays", "The card's signature is always the same", "ODA-14", _signed_before,
          oda="dda"),
    _bank("random-ignored", "The card signs 0 for the terminal's random", "ODA-14", _signs_zeros,
          oda="dda"),
    _bank("ddol-any-length", "INTERNAL AUTHENTICATE takes any length", "ODA-16",
          word_instead(_INTERNAL, "6700", "9000"), oda="dda"),
    _bank("sm2-signature", "The card's SM2 signature is wrong", "ODA-14",
          body_of(_INTERNAL, lambda data: data[:-5] + bytes((data[-5] ^ 1,)) + data[-4:]),
          oda="sm2"),
    _bank("fdda-signature", "What is signed without contacts is wrong", "FDDA-01",
          _in_value(_RECORD, b"\x9f\x4b", 20), contactless=True, oda="dda"),
    _bank("log-format", "9F4F names a length that no record has", "DATA-06",
          _replaced(_DATA, b"\x9f\x21\x03", b"\x9f\x21\x02")),
    _bank("log-format-order", "9F4F has two amounts in another order than the records", "PAY-09",
          _replaced(_DATA, b"\x9f\x02\x06\x9f\x03\x06", b"\x9f\x03\x06\x9f\x02\x06")),
    _bank("log-place", "9F4D of GET DATA names another file", "DATA-07",
          _replaced(_DATA, b"\x9f\x4d\x02\x0b", b"\x9f\x4d\x02\x0c")),
    _bank("log-records", "9F4D names fewer records than there are", "PAY-10",
          body_of(_SELECT, lambda data: data.replace(b"\x0b\x0a", b"\x0b\x05"))),
    _bank("log-atc", "The log has another ATC", "PAY-09",
          body_of(_RECORD, lambda data: data if data[:1] == b"\x70" or not any(data)
                  else data[:-1] + bytes((data[-1] ^ 1,)))),
    _bank("locator-short", "The AFL leaves its last file out", "READ-13",
          body_of(_GPO, lambda data: bytes((0x80, data[1] - 4)) + data[2:-4])),
    _bank("signed-for-nothing", "The AFL names a signed record without an AIP that promises it",
          "READ-15", body_of(_GPO, lambda data: data[:-1] + b"\x01")),
    _bank("country", "5F28 is another country", "READ-13",
          _replaced(_RECORD, b"\x5f\x28\x02\x01\x56", b"\x5f\x28\x02\x03\x44")),
    _bank("above-limit", "A balance above the limit answers 9000", "SCRIPT-06",
          word_instead(_PUT_DATA, "6A80", "9000")),
    _bank("script-again", "The same script is taken twice", "SCRIPT-07", _script_again),
    _bank("gpo-parameters", "P1 and P2 of GPO do not count", "READ-16",
          lambda card, apdu: card.right(
              apdu[:2] + b"\0\0" + apdu[4:] if apdu[1] == _GPO else apdu)),
    _bank("ac-p2", "P2 of GENERATE AC does not count", "READ-17",
          lambda card, apdu: card.right(apdu[:3] + b"\0" + apdu[4:] if apdu[1] == _AC else apdu)),
    _bank("record-class", "READ RECORD is taken under class 80", "READ-18",
          lambda card, apdu: card.right(b"\0" + apdu[1:] if apdu[:2] == b"\x80\xb2" else apdu)),
    _bank("field-qualifiers", "9F6C is not in the answer to GPO", "QPBOC-12",
          _replaced(_GPO, b"\x9f\x6c\x02", b"\x9f\x6e\x02"), contactless=True),
    _bank("field-sequence", "5F34 is not in the answer to GPO", "QPBOC-12",
          _replaced(_GPO, b"\x5f\x34\x01", b"\x5f\x35\x01"), contactless=True),
)  # fmt: skip
