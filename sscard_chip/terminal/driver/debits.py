# SPDX-License-Identifier: Apache-2.0
"""iDoDebit and iReadDebitRecord: purchases on the medical account (LD/T 33; flows, 2.10, 2.12).

A debit whose answer is lost is not repeated: the card is asked for its proof. Where that cannot
be had at once, the driver remembers the debit, and the same call made again with the card back
in the slot settles it first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sscard_chip.standard.identifiers import DF04, INSURED_FILE, PURCHASE
from sscard_chip.standard.keys import DPK
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.terminal import medical
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.codes import DriverError, ReturnCode, code_of
from sscard_chip.terminal.connection import ConnectionLostError, TerminalConnectionError
from sscard_chip.terminal.driver.context import DriverContext
from sscard_chip.terminal.driver.values import (
    CardInfo,
    DebitHsmRequest,
    DebitRecord,
    DebitResult,
    InterfaceType,
    PinPrompt,
)
from sscard_chip.terminal.medical import DebitProof, Detail
from sscard_chip.terminal.psam_client import PurchaseRequest
from sscard_chip.terminal.session import CardSession

_CARD_USE: Final = 0x8F
_OFFLINE: Final = b"2"


@dataclass(frozen=True, slots=True)
class PendingDebit:
    """A purchase that the card has initialised. ``request.number`` is the card's 序号;
    ``version`` and ``algorithm`` are the bytes that the card gave, for the PSAM.
    """

    session: CardSession
    interface: InterfaceType
    card: CardInfo
    request: DebitHsmRequest
    version: int
    algorithm: int
    mac1: bytes = b""
    terminal_number: int = 0
    by_psam: bool = False


class DebitInDoubtError(DriverError):
    """The answer to DEBIT is lost and the card cannot be asked: it may have paid or not.

    The same call again, with the card back in the slot, finds out and never pays twice.
    """

    def __init__(self, code: int, pending: PendingDebit) -> None:
        text = "it is not known whether the card has paid; insert it and call again"
        super().__init__(code, text)
        self.pending = pending


def debit_account(
    context: DriverContext, interface: InterfaceType, card: CardInfo, amounts: Split, time: str
) -> DebitResult:
    """PIN, INITIALIZE, MAC1 of the PSAM, DEBIT, MAC2 to the PSAM.

    :raises DriverError: -35 the PIN is the initial one; -51, -52; -2201 and its like, all
        before the card has paid; -37634 MAC2 is wrong, afterwards.
    :raises DebitInDoubtError: see the class.
    """
    session = _payer(context, interface, card)
    with context.sam(session) as sam:
        terminal, index = sam.terminal_id(), sam.purchase_key_index()
    pending = _initialize(context, session, interface, card, amounts, time, terminal, index)
    asked = pending.request
    with context.sam(session) as sam:
        mac1 = sam.init_purchase(
            PurchaseRequest(
                random=asked.random,
                number=asked.number,
                amounts=amounts,
                kind=PURCHASE,
                time=time,
                version=pending.version,
                algorithm=pending.algorithm,
            ),
            session.factors,
        )
    number = mac1.transaction_number
    ready = replace(pending, mac1=mac1.mac, terminal_number=number, by_psam=True)
    return check_mac2(context, ready, execute(context, ready))


def begin_debit(
    context: DriverContext, interface: InterfaceType, card: CardInfo, amounts: Split, time: str
) -> PendingDebit:
    """Step 1: PIN and INITIALIZE; the card waits for DEBIT."""
    session = _payer(context, interface, card)
    terminal, index = context.terminal_id(session), context.settings.purchase_key_index
    return _initialize(context, session, interface, card, amounts, time, terminal, index)


def finish_debit(
    context: DriverContext, pending: PendingDebit, terminal_number: int, time: str, mac1: bytes
) -> DebitResult:
    """Step 2, with the HSM's 终端交易序号, time and MAC1."""
    request = replace(pending.request, time=time)
    ready = replace(pending, request=request, mac1=mac1, terminal_number=terminal_number)
    return result_of(ready, *execute(context, ready))


def execute(context: DriverContext, pending: PendingDebit) -> DebitProof:
    """DEBIT; TAC and MAC2, also when its answer is lost but the card can be asked for them.

    :raises CardStatusError: the card refused, and has not paid.
    :raises ConnectionLostError: it broke off, and has not paid.
    :raises DebitInDoubtError: it cannot be asked.
    """
    session, request = pending.session, pending.request
    try:
        answer = medical.send_debit(session, pending.terminal_number, request.time, pending.mac1)
        if isinstance(answer, DebitProof):
            return answer
        proof = medical.get_proof(session, request.number)
        if proof is None:
            raise medical.debit_error(answer)
    except ConnectionLostError:
        proof = prove(context, pending)
        if proof is None:
            raise
    return proof


def same_debit(doubt: PendingDebit, card: CardInfo, amounts: Split, time: str) -> bool:
    """Whether a call means the debit that is in doubt."""
    asked = doubt.request
    return (doubt.card, asked.amounts, asked.time) == (card, amounts, time)


def same_step(doubt: PendingDebit, terminal_number: int, time: str, mac1: bytes) -> bool:
    """Whether Step 2 is repeated for the debit that is in doubt."""
    step = (doubt.terminal_number, doubt.request.time, doubt.mac1)
    return step == (terminal_number, time, mac1)


def settle_doubt(
    context: DriverContext, doubt: PendingDebit, interface: InterfaceType
) -> DebitResult | None:
    """The debit in doubt, found done; None when the card has not paid.

    :raises DebitInDoubtError: the card still cannot be asked.
    """
    again = replace(doubt, interface=interface)
    proof = prove(context, again)
    if proof is None:
        return None
    return check_mac2(context, again, proof) if doubt.by_psam else result_of(again, *proof)


def prove(context: DriverContext, pending: PendingDebit) -> DebitProof | None:
    """Ask the card, in a session of its own, whether it has paid: TAC and MAC2, None if not.

    :raises DebitInDoubtError: it is not there, it is another one, or it breaks off again.
    """
    try:
        session = context.open_card(pending.interface, pending.card)
        session.enter(DF04)
        return medical.get_proof(session, pending.request.number)
    except (DriverError, CardStatusError, TerminalConnectionError) as error:
        raise DebitInDoubtError(code_of(error), pending) from None


def check_mac2(context: DriverContext, pending: PendingDebit, answer: DebitProof) -> DebitResult:
    """Let the PSAM check MAC2.

    The card has paid by now, so a PSAM that left is no error: the TAC proves the purchase.
    """
    tac, mac2 = answer
    return result_of(pending, tac, mac2, context.credit(mac2))


def result_of(
    pending: PendingDebit, tac: bytes, mac2: bytes, right: bool | None = None
) -> DebitResult:
    """What the caller gets."""
    asked = pending.request
    return DebitResult(
        asked.algorithm_code,
        asked.address,
        asked.number,
        asked.amounts,
        asked.terminal_id,
        pending.terminal_number,
        asked.time,
        tac,
        mac2,
        right,
    )


def read_records(context: DriverContext, interface: InterfaceType) -> list[DebitRecord]:
    """The purchases in DF04 EF08, newest first; loads are no debits and left out.

    In modes 1 and 2 the record's second amount is the bill and its third what account and pool
    pay; in mode 3 (8F = 2, or a record with an account amount) the three are parts of the bill.
    """
    session = context.open(interface)
    context.verify_holder(session)
    session.enter(DF04)
    offline = _card_use(session) == _OFFLINE
    return [
        _record(detail, offline=offline)
        for detail in medical.details(session)
        if detail.type == PURCHASE
    ]


def _card_use(session: CardSession) -> bytes:
    """Tag 8F 用卡方式; empty when it cannot be read."""
    try:
        session.select_file(INSURED_FILE)
        return session.record(_CARD_USE, length=1)
    except (CardStatusError, DriverError):
        return b""


def _record(detail: Detail, *, offline: bool) -> DebitRecord:
    account, own, pooled = detail.account_fen, detail.self_paid_fen or 0, detail.pooled_fen or 0
    if offline or account:
        total, insured = account + own + pooled, account + pooled
    else:
        total, insured = own, pooled
    return DebitRecord(detail.number, detail.terminal_id, detail.time, total, insured)


def _payer(context: DriverContext, interface: InterfaceType, card: CardInfo) -> CardSession:
    """The card, with the holder's PIN, which must not be the initial one."""
    session = context.open_card(interface, card)
    digits = context.verify_holder(session, PinPrompt.PAYMENT)
    if digits in context.settings.initial_pins:
        raise DriverError(
            ReturnCode.INITIAL_PIN_PAYS, "the initial PIN must be changed before paying"
        )
    return session


def _initialize(
    context: DriverContext,
    session: CardSession,
    interface: InterfaceType,
    card: CardInfo,
    amounts: Split,
    time: str,
    terminal_id: str,
    index: int,
) -> PendingDebit:
    """INITIALIZE FOR PURCHASE; the card answers 序号, version, algorithm and a random."""
    session.enter(DF04)
    opened = medical.send_initialize(session, index, amounts, terminal_id)
    request = DebitHsmRequest(
        session.algorithm_code,
        context.settings.addresses.address(DPK, opened.key_version),
        opened.random,
        opened.number,
        amounts,
        terminal_id,
        time,
    )
    return PendingDebit(session, interface, card, request, opened.key_version, opened.algorithm)
