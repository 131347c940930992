# SPDX-License-Identifier: Apache-2.0
"""The medical account as a terminal speaks to it: purchase, load, proof, balance, details (LD/T
32.7).

DF04 is current in every function. Each raises CardStatusError for what the card refuses, and
DriverError -13 for an answer that is not whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sscard_chip.standard.commands import (
    CREDIT_FOR_LOAD,
    DEBIT_FOR_PURCHASE,
    GET_BALANCE,
    GET_TRANSACTION_PROOF,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    READ_RECORD,
)
from sscard_chip.standard.identifiers import LOAD, MEDICAL_LOG, PURCHASE, SFI_MASK
from sscard_chip.standard.messages import medical as messages
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.session import CardSession

_LOG_SFI: Final = MEDICAL_LOG & SFI_MASK
MOST_DETAILS: Final = 254
"""Record numbers of a cyclic file."""

_DETAILS: Final = {layout.sizeof(): layout for layout in (messages.SHORT_DETAIL, messages.DETAIL)}


class PurchaseInitialization(NamedTuple):
    """The answer of INITIALIZE FOR PURCHASE. ``number`` is 医疗消费序号, ``random`` 4 bytes."""

    balance_fen: int
    number: int
    key_version: int
    algorithm: int
    random: bytes


class LoadInitialization(NamedTuple):
    """The answer of INITIALIZE FOR LOAD. ``random`` and ``mac1`` are 4 bytes."""

    balance_fen: int
    number: int
    key_version: int
    algorithm: int
    random: bytes
    mac1: bytes


class AccountBalances(NamedTuple):
    """个人账户余额 and the yearly totals 个人自付 and 统筹 with their year (4 digits), in fen.

    Of a card that keeps the account alone the totals and the year are 0.
    """

    account_fen: int
    self_paid_total_fen: int
    pooled_total_fen: int
    year: str


class DebitProof(NamedTuple):
    """TAC and MAC2, 4 bytes each, of DEBIT or of GET TRANSACTION PROOF."""

    tac: bytes
    mac2: bytes


class Detail(NamedTuple):
    """A record of EF08 医疗交易明细: 序号, type, terminal (hex), time (14 digits), amounts in fen.

    A card that keeps the account alone has ``account_fen`` and no other amount.
    """

    number: int
    type: int
    terminal_id: str
    time: str
    account_fen: int
    self_paid_fen: int | None
    pooled_fen: int | None


def send_initialize(
    session: CardSession, key_index: int, amounts: Split, terminal_id: str
) -> PurchaseInitialization:
    """INITIALIZE FOR PURCHASE.

    :raises CardStatusError: 6982, 9403, 9401, 9402.
    """
    data = messages.PURCHASE.build(
        {"key_index": key_index, "terminal": bytes.fromhex(terminal_id), **amounts._asdict()}
    )
    length = messages.PURCHASE_ANSWER.sizeof()
    answer = session.client.require(INITIALIZE_FOR_PURCHASE, data=data, le=length)
    if len(answer) != length:
        raise DriverError(
            ReturnCode.COMMAND, f"INITIALIZE FOR PURCHASE gave another length than {length}"
        )
    found = messages.PURCHASE_ANSWER.parse(answer)
    return PurchaseInitialization(
        found.balance_fen, found.number, found.key_version, found.algorithm, found.random
    )


def send_debit(
    session: CardSession, terminal_number: int, time: str, mac1: bytes
) -> DebitProof | int:
    """DEBIT FOR PURCHASE: its answer, or the status word of anything else.

    What is not 9000 with 8 bytes does not say for sure that the card has not paid.
    """
    data = messages.DEBIT.build(
        {"terminal_number": terminal_number, "time": bytes.fromhex(time), "MAC1": mac1}
    )
    answer = session.client.send(DEBIT_FOR_PURCHASE, data=data, le=8)
    if answer.ok and len(answer.data) == messages.DEBIT_ANSWER.sizeof():
        done = messages.DEBIT_ANSWER.parse(answer.data)
        return DebitProof(done.TAC, done.MAC2)
    return answer.sw


def debit_error(sw: int) -> CardStatusError:
    """The error of a DEBIT that ended in ``sw``."""
    return CardStatusError(DEBIT_FOR_PURCHASE.header(), sw)


def send_initialize_load(
    session: CardSession, key_index: int, amount_fen: int, terminal_id: str
) -> LoadInitialization:
    """INITIALIZE FOR LOAD.

    :raises CardStatusError: 6982, 9403, 9402, 9401.
    """
    data = messages.LOAD.build(
        {"key_index": key_index, "amount_fen": amount_fen, "terminal": bytes.fromhex(terminal_id)}
    )
    length = messages.LOAD_ANSWER.sizeof()
    answer = session.client.require(INITIALIZE_FOR_LOAD, data=data, le=length)
    if len(answer) != length:
        raise DriverError(
            ReturnCode.COMMAND, f"INITIALIZE FOR LOAD gave another length than {length}"
        )
    found = messages.LOAD_ANSWER.parse(answer)
    return LoadInitialization(
        found.balance_fen,
        found.number,
        found.key_version,
        found.algorithm,
        found.random,
        found.MAC1,
    )


def send_credit(session: CardSession, time: str, mac2: bytes) -> bytes | int:
    """CREDIT FOR LOAD: its TAC (4 bytes), or the status word of anything else.

    What is not 9000 with 4 bytes does not say for sure that the card has not been loaded.
    """
    data = messages.CREDIT.build({"time": bytes.fromhex(time), "MAC2": mac2})
    length = messages.CREDIT_ANSWER.sizeof()
    answer = session.client.send(CREDIT_FOR_LOAD, data=data, le=length)
    return answer.data if answer.ok and len(answer.data) == length else answer.sw


def credit_error(sw: int) -> CardStatusError:
    """The error of a CREDIT that ended in ``sw``."""
    return CardStatusError(CREDIT_FOR_LOAD.header(), sw)


def get_balances(session: CardSession) -> AccountBalances:
    """GET BALANCE of the account and of both yearly totals. Needs the PIN where one is set.

    :raises CardStatusError: 6982, 6985 in a directory without an account.
    """
    layouts = (messages.BALANCE_ANSWER, messages.TOTAL_ANSWER, messages.TOTAL_ANSWER)
    answers = []
    for kind, layout in enumerate(layouts, 1):
        data = session.client.require(GET_BALANCE, 0x00, kind, le=layout.sizeof())
        if len(data) != layout.sizeof():
            raise DriverError(ReturnCode.COMMAND, "GET BALANCE gave another length")
        answers.append(layout.parse(data))
    account, own, pooled = answers
    return AccountBalances(account.balance_fen, own.amount_fen, pooled.amount_fen, own.year.hex())


def get_proof(
    session: CardSession, number: int, transaction_type: int = PURCHASE
) -> DebitProof | None:
    """GET TRANSACTION PROOF of a purchase, or of a load; None for 9406: not the last one.

    The MAC of a load is the MAC2 that the card has accepted [L].
    """
    data = messages.PROOF.build({"number": number})
    answer = session.client.send(GET_TRANSACTION_PROOF, 0x00, transaction_type, data, 8)
    if answer.ok and len(answer.data) == messages.PROOF_ANSWER.sizeof():
        proof = messages.PROOF_ANSWER.parse(answer.data)
        return DebitProof(proof.TAC, proof.MAC)
    if answer.sw == StatusWord.PROOF_NOT_AVAILABLE:
        return None
    raise answer.refusal


def get_load_tac(session: CardSession, number: int) -> bytes | None:
    """The TAC of load ``number`` by GET TRANSACTION PROOF; None for 9406: not the last one."""
    proof = get_proof(session, number, LOAD)
    return None if proof is None else proof.tac


def details(session: CardSession) -> Iterator[Detail]:
    """EF08, newest first, read as far as the caller asks. Needs the PIN where one is set."""
    for position in range(1, MOST_DETAILS + 1):
        answer = session.client.send(READ_RECORD, position, _LOG_SFI << 3 | 4, le=0)
        if answer.sw == StatusWord.RECORD_NOT_FOUND:
            return
        yield _detail(answer.required())


def _detail(data: bytes) -> Detail:
    layout = _DETAILS.get(len(data))
    if layout is None:
        raise DriverError(ReturnCode.COMMAND, "a record of 医疗交易明细 is neither 20 nor 28 bytes")
    found = layout.parse(data)
    return Detail(
        found.number,
        found.transaction_type,
        found.terminal.hex().upper(),
        found.time.hex(),
        found.account_fen,
        found.get("self_paid_fen"),
        found.get("pooled_fen"),
    )
