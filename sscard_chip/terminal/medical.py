# SPDX-License-Identifier: Apache-2.0
"""The medical account as a terminal speaks to it: purchase, proof, details (LD/T 32.7).

DF04 is current in every function. Each raises CardStatusError for what the card refuses, and
DriverError -13 for an answer that is not whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sscard_chip.standard.commands import (
    DEBIT_FOR_PURCHASE,
    GET_TRANSACTION_PROOF,
    INITIALIZE_FOR_PURCHASE,
    READ_RECORD,
)
from sscard_chip.standard.identifiers import MEDICAL_LOG, PURCHASE, SFI_MASK
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


def get_proof(session: CardSession, number: int) -> DebitProof | None:
    """GET TRANSACTION PROOF of purchase ``number``; None for 9406: not the card's last one."""
    data = messages.PROOF.build({"number": number})
    answer = session.client.send(GET_TRANSACTION_PROOF, 0x00, PURCHASE, data, 8)
    if answer.ok and len(answer.data) == messages.PROOF_ANSWER.sizeof():
        proof = messages.PROOF_ANSWER.parse(answer.data)
        return DebitProof(proof.TAC, proof.MAC)
    if answer.sw == StatusWord.PROOF_NOT_AVAILABLE:
        return None
    raise answer.refusal


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
