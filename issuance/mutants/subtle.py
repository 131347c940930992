# SPDX-License-Identifier: Apache-2.0
"""Mutants that are right most of the time: offsets, counters, types, states that stay."""

from __future__ import annotations

from typing import Any, Final

from issuance.mutants.answers import body_of, word_instead
from issuance.mutants.model import Fault, FaultyCard, Mutant

_OK: Final = b"\x90\x00"
_C: Final = "SSC-32.5-7."
_M: Final = "SSC-32.5-8."
_NOT_HERE: Final = (0x69, 0x6A, 0x6D, 0x6E)
_LONG: Final = 30
"""Bytes of a record of 28 of EF08 with its status word."""


def _rights_stay(card: FaultyCard, apdu: bytes) -> bytes:
    """What was read once is read again without a right, until a reset."""
    answer, place = card.right(apdu), apdu[:4].hex()
    if apdu[1] == 0xB2 and answer == b"\x69\x82" and place in card.kept:
        return card.kept[place]
    if apdu[1] == 0xB2 and answer[-2:] == _OK:
        card.kept[place] = answer
    return answer


def _offset_ignored(card: FaultyCard, apdu: bytes) -> bytes:
    return card.right(apdu[:3] + b"\0" + apdu[4:] if apdu[1] == 0xD6 else apdu)


def _first_record(card: FaultyCard, apdu: bytes) -> bytes:
    """UPDATE RECORD by identifier writes record 1."""
    if apdu[1] == 0xDC and apdu[3] & 7 == 0:
        apdu = apdu[:2] + b"\x01" + bytes((apdu[3] | 4,)) + apdu[4:]
    return card.right(apdu)


def _key_tries(card: FaultyCard, apdu: bytes) -> bytes:
    """A reset gives the tries of a key back."""
    answer = card.right(apdu)
    if apdu[1] != 0x82 or len(apdu) <= 5:
        return answer
    if answer == _OK:
        card.lasting["all"] = card.kept["own"] = b""
    if answer[0] != 0x63:
        return answer
    before = len(card.lasting.get("all", b"")) - len(card.kept.get("own", b""))
    card.lasting["all"] = card.lasting.get("all", b"") + b"."
    card.kept["own"] = card.kept.get("own", b"") + b"."
    return b"\x63" + bytes((min(answer[1] + before, 0xCF),))


def _any_type(card: FaultyCard, apdu: bytes) -> bytes:
    return card.right(apdu[:3] + b"\x32" + apdu[4:] if apdu[1] == 0x2E else apdu)


def _verified_state(card: FaultyCard, apdu: bytes) -> bytes:
    """After the right PIN its state is 9000."""
    answer = card.right(apdu)
    if apdu[1] == 0x20 and len(apdu) > 5 and answer == _OK:
        card.kept["right"] = b"1"
    return _OK if apdu[1] == 0x20 and len(apdu) <= 5 and "right" in card.kept else answer


def _in_log(change: Any) -> Fault:
    """Records of 28 bytes of EF08 are other ones."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        answer = card.right(apdu)
        return change(answer) if apdu[1] == 0xB2 and len(answer) == _LONG else answer

    return fault


def _wrong_mac1_counts(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    if apdu[1] == 0x2C and answer == b"\x93\x02":
        card.lasting["wrong"] = card.lasting.get("wrong", b"") + b"."
    if apdu[1] in (0x28, 0xC0) and len(answer) == 24:
        number = int.from_bytes(answer[14:16]) + len(card.lasting.get("wrong", b""))
        return answer[:14] + number.to_bytes(2) + answer[16:]
    return answer


def _debit_again(card: FaultyCard, apdu: bytes) -> bytes:
    """The same DEBIT is answered once more."""
    if apdu[1] == 0x2C and card.kept.get("paid") == apdu:
        return _OK
    answer = card.right(apdu)
    if apdu[1] == 0x2C and answer[0] in (0x61, 0x90):
        card.kept["paid"] = apdu
    return answer


def _balance_any_le(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    if apdu[1] == 0x26 and len(apdu) == 5 and answer[-2:-1] == b"\x6c":
        return card.right(apdu[:4] + answer[-1:])
    return answer


def _known_everywhere(card: FaultyCard, apdu: bytes) -> bytes:
    """GET BALANCE is answered in every directory."""
    answer = card.right(apdu)
    return bytes(4) + _OK if apdu[:2] == b"\xb0\x26" and answer[0] in _NOT_HERE else answer


def _year_stands(card: FaultyCard, apdu: bytes) -> bytes:
    """The year of the totals is the first one for ever."""
    answer = card.right(apdu)
    if apdu[1] == 0x2C:
        card.kept["paid"] = b"1"
    if apdu[1] == 0x26 and len(answer) == 8 and "paid" in card.kept:
        return answer[:4] + b"\x20\x01" + _OK
    return answer


def _log_lost(card: FaultyCard, apdu: bytes) -> bytes:
    """A power-off loses the newest record of the log."""
    if apdu[1] == 0x2C:
        card.kept["fresh"] = b"1"
    if apdu[:2] == b"\x00\xb2" and apdu[3] == 0x44 and "fresh" not in card.kept:
        apdu = apdu[:2] + bytes((min(apdu[2] + 1, 0xFF),)) + apdu[3:]
    return card.right(apdu)


def _first_digits(card: FaultyCard, apdu: bytes) -> bytes:
    """Of a PIN the first four digits count."""
    pin = bytes.fromhex("135790")
    if apdu[1] == 0x20 and len(apdu) == 8 and apdu[5:7] == pin[:2]:
        apdu = apdu[:5] + pin
    return card.right(apdu)


def _version_three(card: FaultyCard, apdu: bytes) -> bytes:
    """Every proof under version 3 of a key is right."""
    return _OK if apdu[1] == 0x82 and apdu[21:] == b"\x03" else card.right(apdu)


def _day_turned(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    return answer[1::-1] + answer[2:] if apdu[1] == 0x56 and len(answer) == 4 else answer


def _subtle(name: str, wrong: str, caught_by: str, fault: Fault) -> Mutant:
    return Mutant(name=name, wrong=wrong, caught_by=caught_by, fault=fault)


SUBTLE: Final = (
    _subtle("rights-stay", "A right stays when the directory changes", "SSC-32.4-RIGHT-03",
            _rights_stay),
    _subtle("offset-ignored", "UPDATE BINARY ignores the offset", _C + "12.4-01", _offset_ignored),
    _subtle("first-record", "UPDATE RECORD by identifier writes record 1", _C + "13.4-03",
            _first_record),
    _subtle("key-tries-forgotten", "A reset gives the tries of a key back", _C + "4.5-27",
            _key_tries),
    _subtle("proof-of-any-type", "A purchase is proven as a load", _M + "5.5-03", _any_type),
    _subtle("pin-state-verified", "After the right PIN its state is 9000", _C + "14.4-13",
            _verified_state),
    _subtle("pin-first-digits", "Only the first four digits of a PIN count", _C + "14.5-16",
            _first_digits),
    _subtle("load-as-purchase", "A load stands in EF08 as a purchase", _M + "1.4-02",
            _in_log(lambda a: a[:2] + b"2" + a[3:] if a[2:3] == b"1" else a)),
    _subtle("log-amounts-exchanged", "Self-paid and pooled part change places in EF08",
            _M + "2.4-10", _in_log(lambda a: a[:20] + a[24:28] + a[20:24] + a[28:])),
    _subtle("initialize-without-year", "INITIALIZE tells no year", _M + "2.4-09",
            body_of(0x28, lambda d: d[:12] + bytes(2) + d[14:] if len(d) == 22 else d)),
    _subtle("totals-exchanged", "INITIALIZE tells SPFP before SPIP", _M + "2.4-09",
            body_of(0x28, lambda d: d[:4] + d[8:12] + d[4:8] + d[12:] if len(d) == 22 else d)),
    _subtle("wrong-mac1-counts", "A wrong MAC1 takes a number", _M + "2.5-06", _wrong_mac1_counts),
    _subtle("debit-again", "The same DEBIT is taken twice", _M + "2.5-08", _debit_again),
    _subtle("balance-any-le", "GET BALANCE gives its answer for any Le", _M + "3.5-12",
            _balance_any_le),
    _subtle("account-everywhere", "GET BALANCE answers in every directory", _M + "3.4-03",
            _known_everywhere),
    _subtle("year-stands", "The year of the totals stands", "SSC-32.7-YEAR-02", _year_stands),
    _subtle("no-end", "Without a number left INITIALIZE answers 9403", _M + "7.5-05",
            word_instead(0x28, "9402", "9403")),
    _subtle("blocked-by-fid", "A blocked application is selected by its FID", _C + "1.4-01",
            lambda card, apdu: _OK if apdu[:4] == b"\x00\xa4\x00\x00"
            and card.right(apdu) == b"\x93\x03" else card.right(apdu)),
    _subtle("log-lost", "A power-off loses the newest record of EF08",
            "SSC-6001.2-PULLOUT-DEBIT-01", _log_lost),
    _subtle("version-three", "Every proof under version 3 of a key is right", _C + "4.5-24",
            _version_three),
    _subtle("day-turned", "The starting day is told as day and month", _M + "4.4-02", _day_turned),
    _subtle("behind-end-word", "READ BINARY behind the end answers 6A86", _C + "9.5-07",
            word_instead(0xB0, "6B00", "6A86")),
    _subtle("block-any-mac", "CARD BLOCK with a wrong MAC answers 9000", _C + "2.5-02",
            word_instead(0x16, "6988", "9000")),
    _subtle("reload-any-mac", "A new PIN with a wrong MAC answers 9000", _C + "8.5-02",
            word_instead(0x24, "6988", "9000")),
)  # fmt: skip
