# SPDX-License-Identifier: Apache-2.0
"""Transactions with contacts against our issuer's host (JR/T 0025.5 and 0025.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sscard_chip.profile.model import Confidence
from sscard_chip.standard import commands
from sscard_chip.standard.cryptograms import CryptogramType
from sscard_chip.terminal.bank.data import APPROVED, NOT_SUFFICIENT, AuthorisationRequest
from sscard_chip.terminal.bank.host import WrongCryptogramError
from sscard_chip.terminal.bank.results import Decision, Tvr
from sscard_chip.terminal.bank.scripts import ECASH_BALANCE
from sscard_chip.terminal.bank.tlv import find_object, tlvs
from sscard_chip.terminal.bank.transaction import TerminalTransaction
from sscard_chip.terminal.conformance.banking.build import BankChapter
from sscard_chip.terminal.conformance.banking.trial import BankTrial, RecordingHost
from sscard_chip.terminal.conformance.case import CONTACT, Case, Need
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.verdict import NotApplicableError, UndecidedError

_CONTACT: Final = frozenset({CONTACT})
_PAY: Final = BankChapter("PAY", "JR/T 0025.5, transaction", "pboc-transaction", _CONTACT)
_AC: Final = BankChapter("AC", "JR/T 0025.5, GENERATE AC", "pboc-transaction", _CONTACT)
_SCRIPT: Final = BankChapter("SCRIPT", "JR/T 0025.5, issuer scripts", "pboc-transaction", _CONTACT)
_PIN: Final = BankChapter("PIN", "JR/T 0025.5, cardholder verification", "pboc-transaction",
                          _CONTACT)  # fmt: skip
_KEYS: Final[dict[str, Any]] = {"level": Level.WRITE, "needs": frozenset({Need.KEYS})}
_WRITE: Final[dict[str, Any]] = {"level": Level.WRITE}
_HARM: Final[dict[str, Any]] = {
    "level": Level.DESTRUCTIVE,
    "needs": frozenset({Need.PIN}),
    "lasting": 2,
}
_M: Final = {"confidence": Confidence.MEDIUM}
_ARQC, _TC, _AAC = 0x80, 0x40, 0x00


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_PAY(), *_AC(), *_SCRIPT(), *_PIN())


def _parsed(trial: BankTrial, transaction: TerminalTransaction, data: bytes) -> dict[int, bytes]:
    objects = list(tlvs(data, "GENERATE AC"))
    trial.equal(len(objects), 1, "templates in the answer")
    tag, body = objects[0]
    trial.check(tag in (0x80, 0x77), "template 80 or 77", "another")
    if tag == 0x77:
        return dict(tlvs(body, "GENERATE AC"))
    trial.check(len(body) >= 11, "CID, ATC and cryptogram", "fewer bytes")
    return {0x9F27: body[:1], 0x9F36: body[1:3], 0x9F26: body[3:11], 0x9F10: body[11:]}


def _asked(
    trial: BankTrial, kind: int, **more: Any
) -> tuple[TerminalTransaction, dict[int, bytes]]:
    transaction = trial.begin(**more)
    reply = trial.expect(trial.generate(transaction, kind), "9000")
    values = _parsed(trial, transaction, reply.data)
    transaction.data |= values
    return transaction, values


def _proven(trial: BankTrial, transaction: TerminalTransaction) -> None:
    """See that the host finds the cryptogram right."""
    host = trial.host()
    try:
        trial.strict(lambda: host.verify(transaction.request()))
    except WrongCryptogramError as error:
        trial.check(False, "a cryptogram that the host finds right", str(error))


# --- a transaction -------------------------------------------------------------------------------


@_PAY.case(1, "A purchase on-line is approved: the host finds the card's cryptogram right", **_KEYS)
def _(trial: BankTrial) -> None:
    host = RecordingHost(trial.host())
    outcome = trial.pay(host, force_online=True)
    trial.equal(len(host.requests), 1, "requests to the host")
    trial.equal(outcome.decision.value, Decision.APPROVED_ONLINE.value, "decision")
    trial.equal(outcome.response_code, APPROVED, "answer of the host")


@_PAY.case(2, "A purchase that the issuer declines gets no certificate", **_KEYS)
def _(trial: BankTrial) -> None:
    outcome = trial.pay(trial.host(NOT_SUFFICIENT), force_online=True)
    trial.equal(outcome.decision.value, Decision.DECLINED_ONLINE.value, "decision")


@_PAY.case(3, "A wrong answer of the issuer is noticed", **_KEYS)
def _(trial: BankTrial) -> None:
    host = RecordingHost(trial.host(), spoil=True)
    outcome = trial.pay(host, force_online=True)
    if not outcome.data[0x82][0] & 0x04:
        raise NotApplicableError("the card leaves issuer authentication to GENERATE AC")
    trial.check(
        bool(outcome.tvr & Tvr.ISSUER_AUTHENTICATION_FAILED), "a refusal of the wrong ARPC", "9000"
    )


@_PAY.case(4, "The cryptogram covers amount, TVR and random: purchases of many kinds prove right",
           **_KEYS)  # fmt: skip
def _(trial: BankTrial) -> None:
    for amount in (1, 1000, 99_999_999, 10_00000000):
        transaction, values = _asked(trial, _ARQC, amount_fen=amount)
        trial.check(values[0x9F27][0] & 0xC0 == 0x80, "an ARQC", "another cryptogram")
        _proven(trial, transaction)


@_PAY.case(5, "The ATC rises by one each time, and no cryptogram comes twice", **_KEYS)
def _(trial: BankTrial) -> None:
    found = []
    for _ in range(4):
        transaction, values = _asked(trial, _ARQC)
        _proven(trial, transaction)
        found.append((int.from_bytes(values[0x9F36]), values[0x9F26]))
        trial.reset(cold=True)
    first = found[0][0]
    trial.equal([atc for atc, _ in found], list(range(first, first + 4)), "ATC")
    trial.equal(len({one for _, one in found}), 4, "different cryptograms")


@_PAY.case(6, "The final certificate is right too", **_KEYS)
def _(trial: BankTrial) -> None:
    outcome = trial.pay(trial.host(), force_online=True)
    if not outcome.decision.approved:
        raise UndecidedError("the purchase was not approved")
    host = trial.host()
    request = AuthorisationRequest(outcome.pan, outcome.data.get(0x5F34, b"\0").hex(), outcome.data)
    try:
        host.verify(request)
    except WrongCryptogramError as error:
        trial.check(False, "a certificate that the host finds right", str(error))


@_PAY.case(7, "An approved purchase stands on top of the log", **_KEYS, **_M)
def _(trial: BankTrial) -> None:
    outcome = trial.pay(trial.host(), 4321, force_online=True)
    if not outcome.decision.approved:
        raise UndecidedError("the purchase was not approved")
    fci = trial.expect(trial.send(commands.SELECT, 0x04, 0x00, outcome.aid, 0), "9000").data
    place = find_object(fci, 0x9F4D, "FCI")
    if place is None:
        raise NotApplicableError("the card has no log")
    record = trial.expect(trial.whole(bytes((0x00, 0xB2, 0x01, place[0] << 3 | 4, 0x00))), "9000")
    trial.check(bytes.fromhex("000000004321") in record.data, "the amount in record 1", "another")
    trial.check(outcome.data[0x9F36] in record.data, "the ATC in record 1", "another")


@_PAY.case(8, "A declined purchase changes no balance of electronic cash", **_KEYS)
def _(trial: BankTrial) -> None:
    trial.select()
    before = trial.get_data(ECASH_BALANCE)
    if before.sw != 0x9000:
        raise NotApplicableError("the card has no electronic cash")
    trial.pay(trial.host(NOT_SUFFICIENT), force_online=True)
    trial.select()
    trial.same(trial.expect(trial.get_data(ECASH_BALANCE), "9000").data, before.data, "9F79")


# --- GENERATE AC ---------------------------------------------------------------------------------


@_AC.case(1, "Asked to decline, the card declines", **_WRITE)
def _(trial: BankTrial) -> None:
    _, values = _asked(trial, _AAC)
    trial.equal(values[0x9F27][0] & 0xC0, int(CryptogramType.AAC), "cryptogram")


@_AC.case(2, "Asked for an ARQC, the card gives an ARQC or declines, never a certificate",
          **_WRITE)  # fmt: skip
def _(trial: BankTrial) -> None:
    _, values = _asked(trial, _ARQC)
    trial.check(values[0x9F27][0] & 0xC0 in (_ARQC, _AAC), "ARQC or AAC", "another")


@_AC.case(3, "After a declined one there is no other: 6985", **_WRITE)
def _(trial: BankTrial) -> None:
    transaction, _ = _asked(trial, _AAC)
    for kind in (_ARQC, _TC, _AAC):
        trial.refused(trial.generate(transaction, kind), "6985")


@_AC.case(4, "A third GENERATE AC: 6985", **_KEYS)
def _(trial: BankTrial) -> None:
    transaction, _ = _asked(trial, _ARQC)
    transaction.data[0x8A] = APPROVED
    trial.given(trial.generate(transaction, _AAC, 0x8D), "the second GENERATE AC")
    trial.refused(trial.generate(transaction, _AAC, 0x8D), "6985")


@_AC.case(5, "Asked to decline after an ARQC, the card declines", **_WRITE)
def _(trial: BankTrial) -> None:
    transaction, _ = _asked(trial, _ARQC)
    transaction.data[0x8A] = APPROVED
    reply = trial.expect(trial.generate(transaction, _AAC, 0x8D), "9000")
    values = _parsed(trial, transaction, reply.data)
    trial.equal(values[0x9F27][0] & 0xC0, int(CryptogramType.AAC), "second cryptogram")
    trial.equal(values[0x9F36], transaction.data[0x9F36], "ATC of both")


@_AC.case(6, "A wrong length of its data: 6700, and the transaction goes on", **_WRITE, **_M)
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    data = transaction.asked(transaction.value(0x8C), "CDOL1")
    for other in (data[:-1], data + b"\0"):
        reply = trial.send(commands.GENERATE_AC, _ARQC, 0x00, other, 0)
        trial.refused(reply, "6700", "6A80", "6985")


@_AC.case(7, "P1 that asks for nothing: 6A86", **_WRITE)
def _(trial: BankTrial) -> None:
    transaction = trial.begin()
    trial.refused(trial.generate(transaction, 0xC0), "6A86", "6985")


@_AC.case(8, "EXTERNAL AUTHENTICATE: the issuer's answer is taken once, then 6985", **_KEYS)
def _(trial: BankTrial) -> None:
    transaction, values = _asked(trial, _ARQC)
    if values[0x9F27][0] & 0xC0 != _ARQC or not transaction.value(0x82)[0] & 0x04:
        raise NotApplicableError("the card wants no issuer authentication")
    answer = trial.host().authorise(transaction.request())
    trial.check(answer.response_code == APPROVED, "an ARQC that the host finds right", "another")
    trial.expect(trial.send(commands.EXTERNAL_AUTHENTICATE, data=answer.issuer_data), "9000")
    reply = trial.send(commands.EXTERNAL_AUTHENTICATE, data=answer.issuer_data)
    trial.refused(reply, "6985")


@_AC.case(9, "A wrong answer of the issuer: refused, and no certificate follows", **_KEYS)
def _(trial: BankTrial) -> None:
    transaction, values = _asked(trial, _ARQC)
    if values[0x9F27][0] & 0xC0 != _ARQC or not transaction.value(0x82)[0] & 0x04:
        raise NotApplicableError("the card wants no issuer authentication")
    answer = trial.host().authorise(transaction.request())
    wrong = answer.issuer_data[:-3] + bytes((answer.issuer_data[-3] ^ 1,)) + answer.issuer_data[-2:]
    trial.refused(trial.send(commands.EXTERNAL_AUTHENTICATE, data=wrong), "6300", "6982", "6985")
    trial.refused(
        trial.send(commands.EXTERNAL_AUTHENTICATE, data=answer.issuer_data), "6985", "6300"
    )
    transaction.data[0x8A] = APPROVED
    reply = trial.expect(trial.generate(transaction, _TC, 0x8D), "9000")
    values = _parsed(trial, transaction, reply.data)
    trial.equal(values[0x9F27][0] & 0xC0, int(CryptogramType.AAC), "second cryptogram")


@_AC.case(10, "EXTERNAL AUTHENTICATE before GENERATE AC: 6985", **_WRITE)
def _(trial: BankTrial) -> None:
    trial.begin()
    reply = trial.send(commands.EXTERNAL_AUTHENTICATE, data=bytes(10))
    trial.refused(reply, "6985", "6984")


# --- scripts -------------------------------------------------------------------------------------


def _balance(trial: BankTrial) -> bytes:
    reply = trial.get_data(ECASH_BALANCE)
    if reply.sw != 0x9000:
        raise NotApplicableError("the card has no electronic cash")
    return reply.data[3:]


def balance_script(trial: BankTrial, transaction: TerminalTransaction, amount_fen: int) -> bytes:
    """PUT DATA of 9F79 with its MAC."""
    host = trial.host()
    verified = trial.strict(lambda: host.verify(transaction.request()))
    builder = host.script(transaction.request(), verified)
    return builder.put_amount(ECASH_BALANCE, amount_fen).commands[0]


def after_arqc(trial: BankTrial) -> TerminalTransaction:
    """After an ARQC and a declined second GENERATE AC: scripts are taken now."""
    transaction, values = _asked(trial, _ARQC)
    if values[0x9F27][0] & 0xC0 != _ARQC:
        raise UndecidedError("the card gave no ARQC")
    answer = trial.host().authorise(transaction.request())
    if transaction.value(0x82)[0] & 0x04:
        trial.send(commands.EXTERNAL_AUTHENTICATE, data=answer.issuer_data)
    transaction.data[0x8A] = APPROVED
    return transaction


@_SCRIPT.case(1, "PUT DATA with a right MAC sets the balance to what it is", **_KEYS)
def _(trial: BankTrial) -> None:
    transaction = after_arqc(trial)
    now = _balance(trial)
    trial.expect(trial.whole(balance_script(trial, transaction, int(now.hex()))), "9000")
    trial.same(_balance(trial), now, "9F79")


@_SCRIPT.case(2, "PUT DATA with a wrong MAC: 6988, and nothing is changed", **_KEYS)
def _(trial: BankTrial) -> None:
    transaction = after_arqc(trial)
    now = _balance(trial)
    apdu = balance_script(trial, transaction, int(now.hex()) + 100)
    for place in (-1, -4):
        wrong = bytearray(apdu)
        wrong[place] ^= 0x20
        trial.refused(trial.whole(bytes(wrong)), "6988", "6982", "6985")
    trial.same(_balance(trial), now, "9F79")


@_SCRIPT.case(3, "A MAC of another transaction or over another amount: refused", **_KEYS)
def _(trial: BankTrial) -> None:
    transaction = after_arqc(trial)
    now = int(_balance(trial).hex())
    old = balance_script(trial, transaction, now + 100)
    trial.reset(cold=True)
    transaction = after_arqc(trial)
    trial.refused(trial.whole(old), "6988", "6982", "6985")
    transaction = _again(trial)
    apdu = balance_script(trial, transaction, now)
    other = apdu[:10] + bytes((apdu[10] ^ 1,)) + apdu[11:]
    trial.refused(trial.whole(other), "6988", "6982", "6985", "6A80")
    trial.check(int(_balance(trial).hex()) == now, "9F79 as it was", "another balance")


def _again(trial: BankTrial) -> TerminalTransaction:
    trial.reset(cold=True)
    return after_arqc(trial)


@_SCRIPT.case(4, "PUT DATA without a transaction: refused", **_KEYS)
def _(trial: BankTrial) -> None:
    transaction = after_arqc(trial)
    now = _balance(trial)
    apdu = balance_script(trial, transaction, int(now.hex()) + 100)
    trial.reset(cold=True)
    trial.select()
    trial.refused(trial.whole(apdu), "6985", "6988", "6982", "6901")
    trial.same(_balance(trial), now, "9F79")


@_SCRIPT.case(5, "PUT DATA without secure messaging: refused", **_WRITE)
def _(trial: BankTrial) -> None:
    trial.begin()
    reply = trial.whole("00DA9F7906000000009999")
    trial.refused(reply, "6E00", "6D00", "6987", "6985", "6982", "6700")


# --- PIN -----------------------------------------------------------------------------------------


def _tries(trial: BankTrial) -> int:
    return trial.number_of(0x9F17)


def _wrong_pin(trial: BankTrial) -> str:
    pin = trial.need_pin()
    return pin[:-1] + ("1" if pin[-1] != "1" else "2")


@_PIN.case(1, "The right PIN: 9000", level=Level.SESSION, needs=frozenset({Need.PIN}))
def _(trial: BankTrial) -> None:
    trial.begin()
    trial.expect(trial.verify(trial.need_pin()), "9000")


@_PIN.case(2, "A wrong PIN: 63Cx, one try less in 9F17, also after power-off; the right one gives "
           "all back", **_HARM)  # fmt: skip
def _(trial: BankTrial) -> None:
    trial.begin()
    trial.given(trial.verify(trial.need_pin()), "VERIFY of the given PIN")
    tries = _tries(trial)
    if tries < 3:
        raise NotApplicableError("the PIN has too few tries")
    trial.equal(trial.wrong(_wrong_pin(trial)).word, f"63C{tries - 1:X}", "answer to a wrong PIN")
    trial.equal(_tries(trial), tries - 1, "tries in 9F17")
    trial.reset(cold=True)
    trial.begin()
    trial.equal(_tries(trial), tries - 1, "tries in 9F17 after power-off")
    trial.expect(trial.verify(trial.need_pin()), "9000")
    trial.equal(_tries(trial), tries, "tries after the right PIN")


@_PIN.case(3, "A PIN of another form costs no try", **_HARM, confidence=Confidence.LOW)
def _(trial: BankTrial) -> None:
    trial.begin()
    tries = _tries(trial)
    trial.refused(trial.wrong_block(bytes(8)), "6A80", "6700")
    trial.equal(_tries(trial), tries, "tries in 9F17")


@_PIN.case(
    4, "The last wrong PIN locks it: 6983, for the right one too", **(_HARM | {"lasting": 6})
)
def _(trial: BankTrial) -> None:
    trial.begin()
    for _ in range(16):
        if trial.wrong(_wrong_pin(trial)).sw in (0x6983, 0x6984):
            break
    trial.equal(_tries(trial), 0, "tries in 9F17")
    trial.refused(trial.verify(trial.need_pin()), "6983", "6984")
    trial.reset(cold=True)
    trial.begin()
    trial.refused(trial.verify(trial.need_pin()), "6983", "6984", what="after power-off")
