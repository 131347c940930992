# SPDX-License-Identifier: Apache-2.0
"""Cards of generation 3 whose transport or certificate application is faulty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from issuance.mutants.answers import body_of, flipped, on_command, word_instead
from issuance.mutants.model import Fault, FaultyCard, Mutant
from sscard_chip.standard.identifiers import PKI_NAME, TRANSIT_AID, TRANSIT_CASH_AID

_OK: Final = b"\x90\x00"
_RIDE: Final = "SSC-978-RIDE-"
_TU: Final = "SSC-978-TU-"
_SIGN: Final = "SSC-6001.2-signing-"
_CERTIFICATE: Final = "SSC-6001.2-certificate-"
_INIT, _CACHE, _DEBIT, _CREDIT, _PROVE, _BALANCE = 0x50, 0xDC, 0x54, 0x52, 0x5A, 0x5C
_SELECT, _VERIFY, _CHALLENGE, _SIGNATURE, _LOCK = 0xA4, 0x20, 0x84, 0x2A, 0x1E
_TRANSIT: Final = (TRANSIT_AID, TRANSIT_CASH_AID)


def _there(names: tuple[bytes, ...], fault: Fault) -> Fault:
    """A fault while an application of these names is selected."""

    def whole(card: FaultyCard, apdu: bytes) -> bytes:
        if apdu[1] == _SELECT and apdu[2] == 0x04:
            name = apdu[5 : 5 + apdu[4]]
            card.kept["there"] = b"1" if name in names else b""
        elif apdu[1] == _SELECT and apdu[5:7] == b"\x3f\x00":
            card.kept["there"] = b""
        return fault(card, apdu) if card.kept.get("there") else card.right(apdu)

    return whole


def _in_answer(ins: int, length: int, change: Callable[[bytes], bytes]) -> Fault:
    """Other data where an answer has this length."""
    return body_of(ins, lambda data: change(data) if len(data) == length else data)


def _writes_at_once(card: FaultyCard, apdu: bytes) -> bytes:
    """What was cached is shown as written before DEBIT."""
    answer = card.right(apdu)
    if apdu[:4] == b"\x80\xdc\x00\xf0" and answer == _OK:
        card.lasting["trip"] = apdu[5 : 5 + apdu[4]]
    if apdu[1] == _DEBIT:
        card.lasting.pop("trip", None)
    shows = apdu[:4] == b"\x00\xb2\x01\xf4" and "trip" in card.lasting
    return card.lasting["trip"] + _OK if shows and answer[-2:] == _OK else answer


def _half(card: FaultyCard, apdu: bytes) -> bytes:
    """The journey is lost when a trip is cached behind it."""
    if apdu[1] == _CACHE and apdu[3] == 0xD0:
        return _OK
    return card.right(apdu)


def _second_try(card: FaultyCard, apdu: bytes) -> bytes:
    """After a wrong MAC1 the transaction goes on."""
    answer = card.right(apdu)
    if apdu[1] == _DEBIT and answer[:1] == b"\x93":
        card.kept["again"] = b"1"
    elif apdu[1] == _DEBIT and answer == b"\x69\x85" and card.kept.pop("again", b""):
        return bytes(8) + _OK
    return answer


def _later(step: int) -> Fault:
    """The proof is known by another number."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        if apdu[1] == _PROVE:
            number = int.from_bytes(apdu[5:7]) + step
            apdu = apdu[:5] + (number & 0xFFFF).to_bytes(2) + apdu[7:]
        return card.right(apdu)

    return fault


def _proof_ends(ins: int) -> Fault:
    """The proof is gone after another command, until the next DEBIT."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        if apdu[1] == ins:
            card.lasting["gone"] = b"1"
        elif apdu[1] == _DEBIT:
            card.lasting.pop("gone", None)
        elif apdu[1] == _PROVE and "gone" in card.lasting:
            return b"\x94\x06"
        return card.right(apdu)

    return fault


def _le_wanted(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    return _OK if apdu[1] == _DEBIT and len(apdu) == 20 and answer[-2:] == _OK else answer


def _no_wall(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    return bytes(4) + _OK if apdu[:2] == b"\xb0\x5c" else answer


def _more(data: bytes) -> bytes:
    return data[:4] + (int.from_bytes(data[4:6]) + 1 & 0xFFFF).to_bytes(2) + data[6:]


def _locks_any(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    return _OK if apdu[1] == _LOCK and answer == b"\x69\x88" else answer


def _counts_none(card: FaultyCard, apdu: bytes) -> bytes:
    """Tries of a PIN stand."""
    answer = card.right(apdu)
    if apdu[1] == _VERIFY and answer[:1] == b"\x63":
        return card.lasting.setdefault(f"tries {apdu[3]}", answer)
    return answer


def _stays(card: FaultyCard, apdu: bytes) -> bytes:
    """A signature that was allowed once is given for ever."""
    answer = card.right(apdu)
    if apdu[1] == _SIGNATURE and answer[-2:] == _OK and len(answer) > 2:
        card.lasting["signed"] = answer
    if apdu[1] == _SIGNATURE and answer == b"\x69\x82" and "signed" in card.lasting:
        return card.lasting["signed"]
    return answer


def _same_signature(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    if apdu[1] == _SIGNATURE and len(answer) == 66:
        return card.lasting.setdefault("signature", answer)
    return answer


def _proof_again(card: FaultyCard, apdu: bytes) -> bytes:
    if apdu[1] == _VERIFY and card.kept.get("proof") == apdu:
        return _OK
    answer = card.right(apdu)
    if apdu[1] == _VERIFY and answer == _OK:
        card.kept["proof"] = apdu
    return answer


def _third(name: str, wrong: str, caught_by: str, fault: Fault, **more: Any) -> Mutant:
    return Mutant(
        name=name, wrong=wrong, caught_by=caught_by, fault=fault, generation=3, contactless=True,
        whole=True, **more,
    )  # fmt: skip


def _ride(name: str, wrong: str, caught_by: str, fault: Fault) -> Mutant:
    return _third(f"ride-{name}", wrong, caught_by, _there(_TRANSIT, fault))


def _pki(name: str, wrong: str, caught_by: str, fault: Fault) -> Mutant:
    names = (PKI_NAME, b"SS.CERT.ADF1")
    return _third(f"pki-{name}", wrong, caught_by, _there(names, fault))


THIRD: Final = (
    _ride("mac2-first", "DEBIT answers MAC2 before TAC", _RIDE + "01",
          body_of(_DEBIT, lambda data: data[4:] + data[:4])),
    _ride("tac-wrong", "The TAC is wrong", _RIDE + "01",
          body_of(_DEBIT, lambda data: flipped(data[:4]) + data[4:])),
    _ride("mac2-wrong", "MAC2 is wrong", _RIDE + "01", body_of(_DEBIT, flipped)),
    _ride("le-wanted", "DEBIT without Le gives nothing", _RIDE + "02", _le_wanted),
    _ride("journey-lost", "Of two cached records one is written", _RIDE + "03", _half),
    _ride("written-at-once", "What is cached is written at once", _RIDE + "04", _writes_at_once),
    _ride("any-mac1", "A wrong MAC1 answers 9000", _RIDE + "05",
          on_command(_DEBIT, lambda _, answer: bytes(8) + _OK if answer == b"\x93\x02"
                     else answer)),
    _ride("second-try", "A wrong MAC1 leaves the transaction", _RIDE + "05", _second_try),
    _ride("debit-again", "The same DEBIT is taken twice", _RIDE + "10",
          word_instead(_DEBIT, "6985", "9000")),
    _ride("number-jumps", "INITIALIZE tells the next number", _RIDE + "01",
          _in_answer(_INIT, 15, _more)),
    _ride("random-stands", "The random number is always the same", _RIDE + "11",
          _in_answer(_INIT, 15, lambda data: data[:-4] + b"\x01\x02\x03\x04")),
    _ride("record-written", "UPDATE RECORD writes the trips", _RIDE + "12",
          on_command(_CACHE, lambda apdu, answer: _OK if apdu[0] == 0 else answer)),
    _ride("cache-any-length", "A record of another length is cached", _RIDE + "13",
          on_command(_CACHE, lambda apdu, answer: _OK if apdu[0] == 0x80 else answer)),
    _ride("any-index", "An unknown key index answers 6A88", _RIDE + "14",
          word_instead(_INIT, "9403", "6A88")),
    _ride("above-balance", "More than the card has answers 9301", _RIDE + "15",
          word_instead(_INIT, "9401", "9301")),
    _ride("balance-told", "INITIALIZE tells another balance than GET BALANCE", _RIDE + "16",
          _in_answer(_INIT, 15, lambda data: bytes(4) + data[4:])),
    _ride("proof-number", "The proof goes by INITIALIZE's number", _RIDE + "21", _later(1)),
    _ride("proof-next", "The proof goes by the number after the next", _RIDE + "21", _later(-1)),
    _ride("proof-turned", "The proof is TAC before MAC2", _RIDE + "21",
          body_of(_PROVE, lambda data: data[4:] + data[:4])),
    _ride("proof-until-init", "INITIALIZE ends the proof", _RIDE + "21", _proof_ends(_INIT)),
    _ride("proof-until-select", "SELECT ends the proof", _RIDE + "21", _proof_ends(_SELECT)),
    _ride("load-mac1", "MAC1 of a load is wrong", _RIDE + "31", _in_answer(_INIT, 16, flipped)),
    _ride("load-any-mac2", "A load with a wrong MAC2 answers 9000", _RIDE + "31",
          on_command(_CREDIT, lambda _, answer: bytes(4) + _OK if answer == b"\x93\x02"
                     else answer)),
    _ride("load-tac", "The TAC of a load is wrong", _RIDE + "31", body_of(_CREDIT, flipped)),
    _ride("lock-any-mac", "A lock with a wrong MAC answers 9000", _RIDE + "32", _locks_any),
    _ride("limit-used", "GET BALANCE gives the limit for what is used", _TU + "10",
          lambda card, apdu: b"\0\0\1\0" + _OK if apdu[:3] == b"\x80\x5c\x02"
          else card.right(apdu)),
    _ride("account-answers", "A command of the account is answered", _TU + "13", _no_wall),
    _third("ride-one-name", "The second name is not there", _TU + "03",
           lambda card, apdu: b"\x6a\x82" if apdu[5:13] == TRANSIT_CASH_AID else card.right(apdu)),
    _third("ride-cash-balance", "The second name has another balance", _TU + "03",
           _there((TRANSIT_CASH_AID,), body_of(_BALANCE, flipped))),
    _pki("user-refused", "The right proof of the user is refused", _SIGN + "01",
         on_command(_VERIFY, lambda apdu, answer: b"\x69\x82" if len(apdu) > 5 and apdu[3] == 0x81
                    and answer == _OK else answer)),
    _pki("challenge-8", "There is no challenge of 8 bytes", _CERTIFICATE + "12",
         lambda card, apdu: b"\x67\x00" if apdu[:2] == b"\x00\x84"
         and apdu[4:5] == b"\x08" else card.right(apdu)),
    _pki("proof-again", "A proof is taken twice", _SIGN + "03", _proof_again),
    _pki("tries-stand", "Wrong proofs cost no try", _SIGN + "04", _counts_none),
    _pki("admin-refused", "The right proof of the administrator is refused", _SIGN + "11",
         on_command(_VERIFY, lambda apdu, answer: b"\x69\x82" if len(apdu) > 5 and apdu[3] == 0
                    and answer == _OK else answer)),
    _pki("signature-wrong", "The signature is wrong", _SIGN + "31",
         body_of(_SIGNATURE, flipped)),
    _pki("signature-same", "The signature is always the same", _SIGN + "31", _same_signature),
    _pki("signs-without", "The card signs without a PIN", _SIGN + "32",
         on_command(_SIGNATURE, lambda _, answer: bytes(64) + _OK if answer == b"\x69\x82"
                    else answer)),
    _pki("signs-for-ever", "A PIN that was right once is right for ever", _SIGN + "32", _stays),
    _pki("key-without-session", "A private key is taken without a session key", _SIGN + "35",
         on_command(0xC2, lambda apdu, answer: _OK)),
    _pki("certificate-lost", "UPDATE BINARY of a certificate writes nothing", _SIGN + "36",
         lambda card, apdu: _OK if apdu[:2] == b"\x00\xd6" else card.right(apdu)),
    _pki("pin-any-mac", "A new PIN with a wrong MAC answers 9000", _SIGN + "37",
         on_command(0x5E, lambda _, answer: _OK)),
    _pki("digest-wrong", "The digest is not SM3", _CERTIFICATE + "11",
         body_of(0xC4, lambda data: bytes(len(data)))),
    _pki("environment-fci", "The FCI of the environment has no version", _CERTIFICATE + "01",
         body_of(_SELECT, lambda data: data.replace(b"\x92\x0230", b"\x92\x0231"))),
    _pki("generates-free", "A key pair is generated without a PIN", _CERTIFICATE + "14",
         word_instead(0x40, "6982", "9000")),
)  # fmt: skip
