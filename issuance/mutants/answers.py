# SPDX-License-Identifier: Apache-2.0
"""Mutants that answer wrong: a fault between a right card and its reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from issuance.mutants.model import Fault, FaultyCard, Mutant

_OK: Final = b"\x90\x00"
_EXTERNAL_AUTHENTICATE: Final = 0x82
_VERIFY: Final = 0x20
ChangedAnswer = Callable[[bytes, bytes], bytes]


def on_command(ins: int, change: ChangedAnswer) -> Fault:
    """Another answer to a command; ``change`` gets command and right answer."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        answer = card.right(apdu)
        return change(apdu, answer) if len(apdu) > 3 and apdu[1] == ins else answer

    return fault


def body_of(ins: int, change: Callable[[bytes], bytes]) -> Fault:
    """Other data where the answer is 9000 with data; also those that GET RESPONSE fetches."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        answer = card.right(apdu)
        if apdu[1] != 0xC0:
            card.kept["ins"] = apdu[1:2]
        ours = card.kept.get("ins") == bytes((ins,))
        if ours and len(answer) > 2 and answer[-2:] == _OK:
            return change(answer[:-2]) + _OK
        return answer

    return fault


def word_instead(ins: int, old: str, new: str) -> Fault:
    """Another status word in place of one."""
    before, after = bytes.fromhex(old), bytes.fromhex(new)
    return on_command(
        ins, lambda _, answer: answer[:-2] + after if answer[-2:] == before else answer
    )


def flipped(data: bytes) -> bytes:
    """With another last bit."""
    return data[:-1] + bytes((data[-1] ^ 1,))


def _verify_costs(card: FaultyCard, apdu: bytes) -> bytes:
    """Asking for the state of the PIN costs a try."""
    answer = card.right(apdu)
    if apdu[1] == _VERIFY and len(apdu) == 5 and answer[-2:-1] == b"\x63":
        asked = card.lasting.get("asked", b"") + b"."
        card.lasting["asked"] = asked
        return b"\x63" + bytes((max(0xC0, answer[-1] - len(asked)),))
    return answer


def _locked_answers_63c0(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    return b"\x63\xc0" if apdu[1] == _VERIFY and answer == b"\x69\x83" else answer


def constant_challenge(card: FaultyCard, apdu: bytes) -> bytes:
    """Every challenge is the same."""
    answer = card.right(apdu)
    if apdu[1] == 0x84 and answer[-2:] == _OK:
        return bytes.fromhex("1020304050607080" * 2)[: len(answer) - 2] + _OK
    return answer


def _repeated_challenge(card: FaultyCard, apdu: bytes) -> bytes:
    """The first challenge after a reset is always the same."""
    answer = card.right(apdu)
    if apdu[1] == 0x84 and answer[-2:] == _OK and "given" not in card.kept:
        card.kept["given"] = b"1"
        return bytes.fromhex("A1B2C3D4E5F60718" * 2)[: len(answer) - 2] + _OK
    return answer


def _challenge_twice(card: FaultyCard, apdu: bytes) -> bytes:
    """The same right proof is taken again."""
    if apdu[1] == _EXTERNAL_AUTHENTICATE:
        if card.kept.get("proof") == apdu:
            return _OK
        answer = card.right(apdu)
        if answer == _OK:
            card.kept["proof"] = apdu
        return answer
    return card.right(apdu)


def _failed_select_moves(card: FaultyCard, apdu: bytes) -> bytes:
    """A SELECT that fails leaves the card in its MF."""
    answer = card.right(apdu)
    if apdu[1] == 0xA4 and answer == b"\x6a\x82":
        card.right(bytes.fromhex("00A4000000"))
    return answer


def _truncates(card: FaultyCard, apdu: bytes) -> bytes:
    """Le too small gives the beginning of the record instead of 6Cxx."""
    answer = card.right(apdu)
    if apdu[1] == 0xB2 and len(apdu) == 5 and apdu[4] and answer[-2:-1] == b"\x6c":
        whole = card.right(apdu[:4] + answer[-1:])
        return whole[: min(apdu[4], len(whole) - 2)] + _OK
    return answer


def _without_head(card: FaultyCard, apdu: bytes) -> bytes:
    """A record by tag comes without tag and length."""
    answer = card.right(apdu)
    if apdu[1] == 0xB2 and apdu[3] & 7 == 0 and answer[-2:] == _OK and len(answer) > 4:
        return answer[2:]
    return answer


def _unending_record(card: FaultyCard, apdu: bytes) -> bytes:
    """Behind the last record the last one comes again."""
    answer = card.right(apdu)
    if apdu[1] == 0xB2 and apdu[3] & 7 == 4 and answer == b"\x6a\x83" and apdu[2] > 1:
        return _unending_record(card, apdu[:2] + bytes((apdu[2] - 1,)) + apdu[3:])
    return answer


def _oldest_first(card: FaultyCard, apdu: bytes) -> bytes:
    """Records 1 and 2 of the log change places."""
    if apdu[:2] == b"\x00\xb2" and apdu[3] == 0x44 and apdu[2] in (1, 2):
        return card.right(apdu[:2] + bytes((3 - apdu[2],)) + apdu[3:])
    return card.right(apdu)


def _wrong_old_pin_is_free(card: FaultyCard, apdu: bytes) -> bytes:
    """A wrong old PIN in CHANGE PIN costs nothing."""
    if apdu[1] == 0x5E:
        answer = card.right(apdu)
        if answer[0] == 0x63:
            return b"\x63" + bytes((answer[1] + 1,))
        return answer
    return card.right(apdu)


def _proof_lost(card: FaultyCard, apdu: bytes) -> bytes:
    """A reset forgets the proof of the last debit."""
    answer = card.right(apdu)
    if apdu[1] == 0x2C:
        card.kept["paid"] = b"1"
    if apdu[1] == 0x2E and "paid" not in card.kept:
        return b"\x94\x06"
    return answer


def _proof_kept(card: FaultyCard, apdu: bytes) -> bytes:
    """Any number gets the proof of the last debit."""
    answer = card.right(apdu)
    if apdu[1] == 0x2E and answer == b"\x94\x06":
        return b"\x61\x08"
    return answer


def _swapped(data: bytes) -> bytes:
    return data[4:] + data[:4] if len(data) == 8 else data


def _selects_at_once(card: FaultyCard, apdu: bytes) -> bytes:
    """SELECT answers its FCI at once over T=0."""
    answer = card.right(apdu)
    if apdu[1] == 0xA4 and answer[0] == 0x61:
        return card.right(b"\x00\xc0\x00\x00" + answer[1:])
    return answer


def _like_t0(card: FaultyCard, apdu: bytes) -> bytes:
    """61xx without contacts."""
    if apdu[1] == 0xC0 and "rest" in card.kept:
        return card.kept.pop("rest")
    answer = card.right(apdu)
    if apdu[1] == 0xA4 and len(answer) > 2:
        card.kept["rest"] = answer
        return bytes((0x61, len(answer) - 2))
    return answer


def _file_with_fci(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    return b"\x61\x08" if apdu[1:3] == b"\xa4\x02" and answer == _OK else answer


def _answers(name: str, wrong: str, caught_by: str, fault: Fault, **more: object) -> Mutant:
    return Mutant(name=name, wrong=wrong, caught_by=caught_by, fault=fault, **more)  # type: ignore[arg-type]


def _atr(name: str, wrong: str, number: int, change: Callable[[bytes], bytes]) -> Mutant:
    return Mutant(name=name, wrong=wrong, caught_by=f"SSC-32.2-ATR-{number:02}", atr=change)


_C: Final = "SSC-32.5-7."
_M: Final = "SSC-32.5-8."

ANSWERS: Final = (
    _atr("atr-with-tck", "The ATR has a check byte although T=0 alone is offered", 5,
         lambda atr: atr + b"\x00"),
    _atr("atr-without-tc1", "TC1 is missing", 7, lambda atr: b"\x3b\x2d\x00" + atr[4:]),
    _atr("atr-12-historical", "Twelve historical bytes", 3,
         lambda atr: b"\x3b\x6c" + atr[2:-1]),
    _atr("atr-inverse", "Inverse convention", 1, lambda atr: b"\x3f" + atr[1:]),
    _atr("atr-vpp", "TB1 asks for a programming voltage", 6,
         lambda atr: atr[:2] + b"\x25" + atr[3:]),
    _atr("atr-t1", "T=1 is offered", 8, lambda atr: b"\x3b\xed" + atr[2:4] + b"\x81\x31"
         b"\xfe\x45" + atr[4:] + b"\x00"),
    _atr("atr-maker", "T6 is not 86", 11, lambda atr: atr[:9] + b"\x00" + atr[10:]),
    _atr("atr-serial", "TA to TD are not the serial number in 卡识别码", 14,
         lambda atr: atr[:-4] + b"\x11\x22\x33\x44"),
    _atr("atr-city", "T8 T9 are of another city", 13,
         lambda atr: atr[:11] + b"\x11\x01" + atr[13:]),
    _answers("select-without-61", "SELECT gives its FCI at once over T=0", "SSC-32.2-T0-01",
             _selects_at_once),
    _answers("contactless-61", "61xx without contacts", "SSC-14443-4-01", _like_t0,
             generation=3, contactless=True),
    _answers("fci-without-9f0c", "The FCI of 3.0 has no 9F0C", _C + "11.4-05",
             body_of(0xA4, lambda d: b"\x6f\x16\x84\x0f" + d[4:19] + b"\xa5\x03\x88\x01\x1e"
                     if len(d) == 30 else d), generation=3),
    _answers("fci-adf-a5", "The FCI of an ADF has A5", "SSC-32.3-DF01-03",
             body_of(0xA4, lambda d: b"\x6f" + bytes((d[1] + 5,)) + d[2:] + b"\xa5\x03\x88\x01\x01"
                   if len(d) == 10 else d)),
    _answers("fci-other-name", "Tag 84 is not the name selected", _C + "11.4-03",
             body_of(0xA4, lambda d: d[:4] + b"X" + d[5:])),
    _answers("ef-answers-fci", "SELECT of an EF announces data", "SSC-32.6-SSSE.EF05-select",
             _file_with_fci),
    _answers("failed-select-moves", "A failed SELECT changes the current DF", "SSC-32.3-KEEP-01",
             _failed_select_moves),
    _answers("unknown-is-6a81", "An unknown name answers 6A81", _C + "11.5-01",
             word_instead(0xA4, "6A82", "6A81")),
    _answers("select-any-p2", "Wrong P2 of SELECT is taken", _C + "11.2-08",
             word_instead(0xA4, "6A86", "9000")),
    _answers("record-truncated", "A Le too small truncates instead of 6Cxx", "SSC-32.2-T0-07",
             _truncates),
    _answers("record-without-head", "A record by tag comes without tag and length", _C + "10.4-03",
             _without_head),
    _answers("record-unending", "There is no end of records", _C + "10.5-05", _unending_record),
    _answers("record-not-found-word", "6A82 where a record is not there", _C + "10.5-04",
             word_instead(0xB2, "6A83", "6A82")),
    _answers("record-6982-with-data", "Data beside 6982", "SSC-32.6-DF01.EF05-closed",
             on_command(0xB2, lambda _, a: b"\x20\x02" + a if a == b"\x69\x82" else a)),
    _answers("record-last-byte", "The last byte of every answer is wrong", _C + "10.4-02",
             on_command(0xB2, lambda apdu, a: flipped(a[:-2]) + _OK
                        if apdu[3] > 7 and len(a) > 2 else a)),
    _answers("record-structure", "READ RECORD of a transparent file answers 6A83",
             "SSC-32.6-DF01.EF16-structure", word_instead(0xB2, "6981", "6A83")),
    _answers("binary-structure", "READ BINARY of a record file answers 6A82", _C + "9.5-02",
             word_instead(0xB0, "6981", "6A82")),
    _answers("binary-behind-end", "READ BINARY behind the end answers 9000", _C + "9.5-07",
             word_instead(0xB0, "6B00", "9000")),
    _answers("binary-one-more", "READ BINARY gives a byte more", _C + "9.4-01",
             on_command(0xB0, lambda _, a: a[:-2] + b"\x00" + _OK if a[-2:] == _OK else a)),
    _answers("challenge-constant", "The challenge is always the same", _C + "5.4-04",
             constant_challenge),
    _answers("challenge-after-reset", "The first challenge after a reset is always the same",
             _C + "5.4-07", _repeated_challenge),
    _answers("challenge-short", "A challenge is one byte short", _C + "5.4-02",
             on_command(0x84, lambda _, a: a[1:] if len(a) > 2 else a)),
    _answers("challenge-half", "The second half repeats the first", _C + "5.4-09",
             on_command(0x84, lambda _, a: a[:8] + a[:8] + _OK if len(a) == 18 else a)),
    _answers("challenge-no-16", "No challenge of 16 bytes", _C + "5.4-03",
             on_command(0x84, lambda apdu, a: b"\x67\x00" if apdu[4:] == b"\x10" else a)),
    _answers("challenge-p1", "P1 of GET CHALLENGE is ignored", _C + "5.2-01",
             word_instead(0x84, "6A86", "9000")),
    _answers("challenge-twice", "A challenge is good for two proofs", _C + "4.5-12",
             _challenge_twice),
    _answers("internal-wrong", "鉴别数据 is wrong", _C + "7.4-11", body_of(0x88, flipped)),
    _answers("internal-ignores-version", "INTERNAL AUTHENTICATE takes any key version",
             _C + "7.5-05", word_instead(0x88, "6A88", "6108")),
    _answers("internal-short", "鉴别数据 of seven bytes", _C + "7.4-01",
             body_of(0x88, lambda d: d[:-1])),
    _answers("external-no-challenge", "A proof without challenge is taken", _C + "4.5-11",
             word_instead(0x82, "6984", "9000")),
    _answers("external-unknown-key", "An unknown key answers 6A80", _C + "4.5-13",
             word_instead(0x82, "6A88", "6A80")),
    _answers("external-never-counts", "A wrong proof answers 6300", _C + "4.5-21",
             on_command(0x82, lambda _, a: b"\x63\x00" if a[0] == 0x63 else a)),
    _answers("external-count-stands", "Wrong proofs do not count", _C + "4.5-22",
             on_command(0x82, lambda _, a: b"\x63\xc2" if a[0] == 0x63 else a)),
    _answers("external-never-locks", "A key without tries answers 63C0", _C + "4.5-26",
             word_instead(0x82, "6983", "63C0")),
    _answers("external-takes-all", "Every proof is right", _C + "4.5-21",
             on_command(0x82, lambda _, a: _OK if a[0] == 0x63 else a)),
    _answers("pin-state-costs-a-try", "Asking for the state of the PIN costs a try", _C + "14.4-02",
             _verify_costs),
    _answers("pin-locked-63c0", "A locked PIN answers 63C0 for ever", _C + "14.5-15",
             _locked_answers_63c0),
    _answers("pin-counts-two", "A wrong PIN says two tries less", _C + "14.5-11",
             on_command(_VERIFY, lambda apdu, a: b"\x63" + bytes((a[1] - 1,))
                 if a[0] == 0x63 and len(apdu) > 5 else a)),
    _answers("pin-takes-all", "Every PIN is right", _C + "14.5-11",
             on_command(_VERIFY, lambda apdu, a: _OK if a[0] == 0x63 and len(apdu) > 5 else a)),
    _answers("pin-refused", "The right PIN answers 6982", _C + "14.3-01",
             on_command(_VERIFY, lambda apdu, a: b"\x69\x82" if len(apdu) > 5 and a == _OK else a)),
    _answers("pin-state-p2", "VERIFY takes another P2", _C + "14.2-02",
             word_instead(_VERIFY, "6A86", "63C6")),
    _answers("change-old-free", "A wrong old PIN in CHANGE PIN does not count", _C + "3.5-01",
             _wrong_old_pin_is_free),
    _answers("change-does-nothing", "CHANGE PIN answers 9000 and changes nothing", _C + "3.3-01",
             lambda card, apdu: _OK if apdu[1] == 0x5E else card.right(apdu)),
    _answers("unblock-any-mac", "PIN CHANGE/UNBLOCK takes a wrong MAC", _C + "8.5-01",
             word_instead(0x24, "6988", "9000")),
    _answers("unblock-without-puk", "PIN CHANGE/UNBLOCK needs no PUK", _C + "8.5-01",
             word_instead(0x24, "6982", "9000")),
    _answers("write-refused", "UPDATE RECORD is refused with its key",
             "SSC-32.6-SSSE.EF05-write-key", word_instead(0xDC, "9000", "6982")),
    _answers("write-lost", "UPDATE RECORD answers 9000 and writes nothing",
             "SSC-32.6-DF01.EF05-write-key",
             lambda card, apdu: _OK if apdu[1] == 0xDC else card.right(apdu)),
    _answers("write-free", "UPDATE RECORD without a right answers 9000",
             "SSC-32.6-DF01.EF05-write-closed", word_instead(0xDC, "6982", "9000")),
    _answers("write-wrong-tlv", "A record of wrong form is answered 9000",
             "SSC-32.6-DF01.EF05-write-form", on_command(0xDC, lambda _, a: _OK)),
    _answers("debit-mac2-first", "DEBIT answers MAC2 before TAC", _M + "2.4-01",
             body_of(0x2C, _swapped)),
    _answers("debit-wrong-tac", "The TAC is wrong", _M + "2.4-01",
             body_of(0x2C, lambda d: flipped(d[:4]) + d[4:])),
    _answers("debit-any-mac1", "A wrong MAC1 answers 9000", _M + "2.5-02",
             word_instead(0x2C, "9302", "9000")),
    _answers("debit-without-initialize", "DEBIT without INITIALIZE answers 6985", _M + "2.5-01",
             word_instead(0x2C, "6901", "6985")),
    _answers("initialize-above-balance", "More than the account has is taken", _M + "7.5-03",
             word_instead(0x28, "9401", "6116")),
    _answers("initialize-any-index", "An unknown key index answers 6A88", _M + "7.5-02",
             word_instead(0x28, "9403", "6A88")),
    _answers("initialize-random", "The random number of INITIALIZE stays the same", _M + "7.4-02",
             body_of(0x28, lambda d: d[:-4] + b"\1\2\3\4")),
    _answers("balance-without-pin", "GET BALANCE needs no PIN", _M + "3.5-11",
             word_instead(0x26, "6982", "9000")),
    _answers("total-without-year", "A yearly total has no year", _M + "3.4-02",
             body_of(0x26, lambda d: d[:4])),
    _answers("log-oldest-first", "The log begins with the oldest record", _M + "2.4-07",
             _oldest_first),
    _answers("proof-lost", "A reset forgets the proof", _M + "5.4-01", _proof_lost),
    _answers("proof-of-any-number", "Any number gets a proof", _M + "5.5-01", _proof_kept),
    _answers("unknown-ins-6f00", "An unknown instruction answers 6F00", "SSC-32.5-GENERAL-01",
             word_instead(0x02, "6D00", "6F00")),
    _answers("get-response-6a82", "GET RESPONSE with nothing waiting answers 6A82", _C + "6.5-01",
             word_instead(0xC0, "6F00", "6A82")),
    _answers("load-wrong-mac1", "MAC1 of a load is wrong", _M + "6.4-02", body_of(0x28, flipped)),
    _answers("credit-any-mac2", "A wrong MAC2 answers 9000", _M + "1.5-02",
             word_instead(0x2A, "9302", "9000")),
    _answers("day-without-key", "The starting day is written without DSK", _M + "8.5-01",
             word_instead(0x56, "6982", "9000")),
    _answers("no-current-file-word", "6A82 where no EF is current", _C + "10.5-01",
             word_instead(0xB2, "6986", "6A82")),
)  # fmt: skip
