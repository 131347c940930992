# SPDX-License-Identifier: Apache-2.0
"""Mutants that do not look: parameters, classes and files that do not count, tries and rights that
end too late or too early."""

from __future__ import annotations

from typing import Any, Final

from issuance.mutants.answers import word_instead
from issuance.mutants.model import Fault, FaultyCard, Mutant

_OK: Final = b"\x90\x00"
_C: Final = "SSC-32.5-7."
_M: Final = "SSC-32.5-8."
_MEDICAL: Final = (0x26, 0x28, 0x2A, 0x2C, 0x2E, 0x56)
_SELECT, _RECORD, _BINARY, _CHALLENGE, _INTERNAL = 0xA4, 0xB2, 0xB0, 0x84, 0x88
_EXTERNAL, _VERIFY, _CHANGE, _UNBLOCK, _UPDATE = 0x82, 0x20, 0x5E, 0x24, 0xDC
_BALANCE, _INIT, _CREDIT, _DEBIT, _PROOF, _DAY = 0x26, 0x28, 0x2A, 0x2C, 0x2E, 0x56


def _taken_for(ins: int, at: int, value: int, *, p1: int | None = None) -> Fault:
    """P1 (``at`` 2) or P2 (3) of a command does not count: it is taken for this value."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        if len(apdu) > 3 and apdu[1] == ins and p1 in (None, apdu[2]):
            apdu = apdu[:at] + bytes((value,)) + apdu[at + 1 :]
        return card.right(apdu)

    return fault


def _class_taken_for(cla: int, own: int, *ins: int) -> Fault:
    """Commands of another class are taken for those of their own; all without ``ins``."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        if apdu[0] == cla and (not ins or apdu[1] in ins):
            apdu = bytes((own,)) + apdu[1:]
        return card.right(apdu)

    return fault


def _neighbour_is_mf(card: FaultyCard, apdu: bytes) -> bytes:
    if apdu[:3] == b"\x00\xa4\x00" and apdu[5:7] == b"\x3f\x01":
        return card.right(bytes.fromhex("00A40000023F00"))
    return card.right(apdu)


def _without_fci(card: FaultyCard, apdu: bytes) -> bytes:
    """P2 0C, as of cards of other kinds, is taken."""
    return _OK if apdu[1:2] == b"\xa4" and apdu[3] == 0x0C else card.right(apdu)


def _last_sfi(card: FaultyCard, apdu: bytes) -> bytes:
    return b"\x6a\x81" if apdu[1] == _RECORD and apdu[3] >> 3 == 0x1F else card.right(apdu)


def _offset_of_sfi(card: FaultyCard, apdu: bytes) -> bytes:
    if apdu[1] == _BINARY and apdu[2] & 0x80:
        apdu = apdu[:3] + b"\0" + apdu[4:]
    return card.right(apdu)


def _tries_lost(card: FaultyCard, apdu: bytes) -> bytes:
    """CHANGE PIN gives no tries back; VERIFY does."""
    answer, lost = card.right(apdu), card.lasting
    wrong = answer[:1] == b"\x63" and len(apdu) > 5
    if apdu[1] == _CHANGE and answer == _OK:
        lost["gone"] = lost.get("gone", b"") + lost.pop("wrong", b"")
    elif apdu[1] in (_CHANGE, _VERIFY) and wrong:
        lost["wrong"] = lost.get("wrong", b"") + b"."
    elif apdu[1] == _VERIFY and len(apdu) > 5 and answer == _OK:
        lost.clear()
    if apdu[1] == _VERIFY and answer[:1] == b"\x63":
        return b"\x63" + bytes((max(0xC0, answer[1] - len(lost.get("gone", b""))),))
    return answer


def _unblocks_again(card: FaultyCard, apdu: bytes) -> bytes:
    if apdu[1] == _UNBLOCK and card.kept.get("done") == apdu:
        return _OK
    answer = card.right(apdu)
    if apdu[1] == _UNBLOCK and answer == _OK:
        card.kept["done"] = apdu
    return answer


def _puk_is_free(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    wrong = apdu[1] == _EXTERNAL and apdu[3] == 0x06 and answer[:1] == b"\x63"
    return b"\x63\xc3" if wrong else answer


def _lock_keys_count(card: FaultyCard, apdu: bytes) -> bytes:
    """Three wrong proofs lock BK."""
    answer, wrong = card.right(apdu), card.lasting.get("wrong", b"")
    if apdu[1] != _EXTERNAL or apdu[3] != 0x05:
        return answer
    if len(wrong) >= 3:
        return b"\x69\x83"
    if answer[:1] == b"\x63":
        card.lasting["wrong"] = wrong + b"."
        return b"\x63" + bytes((0xC2 - len(wrong),))
    return answer


def _what_fits(card: FaultyCard, apdu: bytes) -> bytes:
    """UPDATE BINARY across the end writes its first byte."""
    answer = card.right(apdu)
    if apdu[1] == 0xD6 and answer[0] in (0x67, 0x6A, 0x6B) and len(apdu) > 6:
        card.right(apdu[:4] + b"\x01" + apdu[5:6])
    return answer


def _writes_log(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    return _OK if apdu[1] == _UPDATE and apdu[4] == 0x1C else answer


def _wants_pin(ins: int, p1: int) -> Fault:
    """A command that needs no PIN is refused without it."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        answer = card.right(apdu)
        if apdu[1] == _VERIFY and len(apdu) > 5 and answer == _OK:
            card.kept["pin"] = b"1"
        wanted = apdu[:3] == bytes((0xB0, ins, p1)) and "pin" not in card.kept
        return b"\x69\x82" if wanted else answer

    return fault


def _ends(query: int, step: int) -> Fault:
    """A query between INITIALIZE and the step behind it ends the transaction."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        if apdu[:1] == b"\xb0":
            if apdu[1] == step and card.kept.pop("asked", b""):
                return b"\x69\x01"
            if apdu[1] == query:
                card.kept["asked"] = b"1"
            elif apdu[1] == _INIT:
                card.kept.pop("asked", None)
        return card.right(apdu)

    return fault


def _day_clears(card: FaultyCard, apdu: bytes) -> bytes:
    """Another starting day sets the totals to 0."""
    answer = card.right(apdu)
    if apdu[:3] == b"\xb0\x56\x00" and answer == _OK:
        card.lasting["day"] = b"1"
    if apdu[1] == _BALANCE and len(answer) == 8 and "day" in card.lasting:
        return bytes(4) + answer[4:]
    return answer


def _spends_challenge(ins: int) -> Fault:
    """A command that has nothing to do with the challenge spends it."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        if apdu[1] == ins:
            card.kept["spent"] = b"1"
        elif apdu[1] == _CHALLENGE:
            card.kept.pop("spent", None)
        elif apdu[1] == _EXTERNAL and len(apdu) > 5 and "spent" in card.kept:
            return b"\x69\x84"
        return card.right(apdu)

    return fault


def _one_right(card: FaultyCard, apdu: bytes) -> bytes:
    """A second key takes the right of the first away."""
    answer = card.right(apdu)
    if apdu[1] == _SELECT and apdu[2] != 0x02:
        card.kept.clear()
    elif apdu[1] == _EXTERNAL and answer == _OK:
        card.kept["keys"] = card.kept.get("keys", b"") + apdu[3:4]
    elif apdu[1] == _UPDATE and answer == _OK and len(set(card.kept.get("keys", b""))) > 1:
        return b"\x69\x82"
    return answer


def _plain_under_04(card: FaultyCard, apdu: bytes) -> bytes:
    """Secure messaging without a MAC is taken for the plain command."""
    return card.right(b"\0" + apdu[1:] if apdu[:2] == b"\x04\xdc" else apdu)


def _careless(name: str, wrong: str, caught_by: str, fault: Fault, **more: Any) -> Mutant:
    return Mutant(name=name, wrong=wrong, caught_by=caught_by, fault=fault, **more)


CARELESS: Final = (
    _careless("neighbour-is-mf", "3F01 is taken for the MF", _C + "11.5-51", _neighbour_is_mf),
    _careless("select-p2-0c", "P2 0C of SELECT is taken", _C + "11.2-51", _without_fci),
    _careless("select-class-80", "SELECT is taken under class 80", _C + "11.2-52",
              _class_taken_for(0x80, 0x00, _SELECT)),
    _careless("record-class-04", "READ RECORD is taken under class 04", _C + "10.2-51",
              _class_taken_for(0x04, 0x00, _RECORD)),
    _careless("medical-class-80", "Commands of the account are taken under class 80",
              _M + "3.2-52", _class_taken_for(0x80, 0xB0, *_MEDICAL)),
    _careless("class-04-plain", "UPDATE RECORD under class 04 needs no MAC", _C + "13.5-51",
              _plain_under_04),
    _careless("last-sfi", "SFI 1F answers 6A81", _C + "10.5-51", _last_sfi),
    _careless("sfi-offset", "READ BINARY by SFI ignores the offset", _C + "9.4-08",
              _offset_of_sfi),
    _careless("change-keeps-tries", "CHANGE PIN gives no tries back", _C + "3.4-01", _tries_lost),
    _careless("change-locked", "CHANGE PIN of a locked PIN answers 63C0", _C + "3.5-03",
              word_instead(_CHANGE, "6983", "63C0")),
    _careless("unblock-again", "PIN CHANGE/UNBLOCK is taken twice", _C + "8.5-03",
              _unblocks_again),
    _careless("puk-is-free", "Wrong proofs of PUK do not count", _C + "4.5-30", _puk_is_free),
    _careless("lock-key-counts", "Wrong proofs lock BK", _C + "4.5-31", _lock_keys_count),
    _careless("binary-what-fits", "UPDATE BINARY across the end writes what fits",
              _C + "12.5-03", _what_fits),
    _careless("log-written", "A terminal writes EF08", _C + "13.5-02", _writes_log),
    _careless("initialize-p2", "P2 of INITIALIZE FOR PURCHASE does not count", _M + "7.2-51",
              _taken_for(_INIT, 3, 1, p1=1)),
    _careless("load-p2", "P2 of INITIALIZE FOR LOAD does not count", _M + "6.2-51",
              _taken_for(_INIT, 3, 1, p1=0)),
    _careless("debit-p1", "P1 of DEBIT FOR PURCHASE does not count", _M + "2.2-51",
              _taken_for(_DEBIT, 2, 1)),
    _careless("credit-p2", "P2 of CREDIT FOR LOAD does not count", _M + "1.2-51",
              _taken_for(_CREDIT, 3, 0)),
    _careless("proof-p1", "P1 of GET TRANSACTION PROOF does not count", _M + "5.2-51",
              _taken_for(_PROOF, 2, 0)),
    _careless("day-p2", "P2 of GET STARTING DAY does not count", _M + "4.2-51",
              _taken_for(_DAY, 3, 0)),
    _careless("block-p2", "P2 of APPLICATION BLOCK does not count", _C + "1.2-51",
              _taken_for(0x1E, 3, 1)),
    _careless("card-block-p1", "P1 of CARD BLOCK does not count", _C + "2.2-51",
              _taken_for(0x16, 2, 0)),
    _careless("proof-wants-pin", "GET TRANSACTION PROOF wants the PIN", _M + "5.4-05",
              _wants_pin(_PROOF, 0)),
    _careless("day-wants-pin", "GET STARTING DAY wants the PIN", _M + "4.4-03",
              _wants_pin(_DAY, 1)),
    _careless("proof-ends-purchase", "GET TRANSACTION PROOF ends a purchase", _M + "5.4-04",
              _ends(_PROOF, _DEBIT)),
    _careless("balance-ends-load", "GET BALANCE ends a load", _M + "1.4-04",
              _ends(_BALANCE, _CREDIT)),
    _careless("day-clears", "Another starting day sets the totals to 0", _M + "8.4-02",
              _day_clears),
    _careless("day-any", "What is no day is taken for a starting day", _M + "8.5-02",
              word_instead(_DAY, "6A80", "9000")),
    _careless("internal-spends", "INTERNAL AUTHENTICATE spends the challenge", _C + "5.4-12",
              _spends_challenge(_INTERNAL)),
    _careless("verify-spends", "VERIFY spends the challenge", _C + "5.4-13",
              _spends_challenge(_VERIFY)),
    _careless("one-right", "A second key takes the right of the first away", "SSC-32.4-RIGHT-07",
              _one_right),
)  # fmt: skip
