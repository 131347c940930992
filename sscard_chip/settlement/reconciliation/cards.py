# SPDX-License-Identifier: Apache-2.0
"""What a card knows of its account: from its image, or asked of a card in a reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sscard_chip.card import Card
from sscard_chip.profile.contents import CardContents
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.security.diversify import card_factor
from sscard_chip.settlement.reconciliation.results import ReconciliationError
from sscard_chip.standard import identifiers
from sscard_chip.standard.commands import (
    GET_BALANCE,
    INITIALIZE_FOR_LOAD,
    INITIALIZE_FOR_PURCHASE,
    StandardCommand,
)
from sscard_chip.standard.messages import medical as messages
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal import medical
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.placeholders import historical_bytes
from sscard_chip.terminal.session import CardSession, open_session

LOAD, PURCHASE = "load", "purchase"

_ISSUER_FILE: Final = "EF05"
_KINDS: Final = {identifiers.LOAD: LOAD, identifiers.PURCHASE: PURCHASE}
_KEY_INDEXES: Final = (1, 2, 3)


class CardEntry(NamedTuple):
    """A record of EF08. ``time`` is YYYYMMDDhhmmss; a load has one amount, ``account_fen``.

    ``self_paid_fen`` and ``pooled_fen`` are None on a card that keeps the account only.
    """

    number: int
    kind: str
    terminal_id: str
    time: str
    account_fen: int
    self_paid_fen: int | None
    pooled_fen: int | None


@dataclass(frozen=True, slots=True, repr=False)
class CardState:
    """The medical account of a card (DF04), and whose it is.

    ``identification`` is 卡识别码, 32 hex digits, ``factor`` the diversification factor;
    ``purchase_counter`` and ``load_counter`` are the numbers that the next purchase and load get.
    ``log`` is EF08, newest first.
    """

    card_number: str
    identification: str
    factor: bytes
    algorithm: str
    balance_fen: int
    purchase_counter: int
    load_counter: int
    log: tuple[CardEntry, ...]


def state_of_image(card: Card) -> CardState:
    """The account in a card's memory; it need not be powered, and no PIN is needed.

    :raises ReconciliationError: the card has no medical account.
    """
    return state_of_contents(inspect_card(card))


def state_of_contents(contents: CardContents) -> CardState:
    """The account of an inspected card. Errors as :func:`state_of_image`."""
    account = next((d.account for d in contents.directories if d.account is not None), None)
    issuer = {
        value.tag: value
        for directory in contents.directories
        for file in directory.files
        if file.fid == _ISSUER_FILE and directory.fid == "DDF1"
        for record in file.records
        for value in record
    }
    if account is None or not {"01", "07"} <= issuer.keys():
        raise ReconciliationError("card: has no medical account of the off-line mode")
    return CardState(
        issuer["07"].text,
        issuer["01"].raw,
        card_factor(historical_bytes(bytes.fromhex(contents.atr))),
        contents.algorithm,
        account.balance_fen,
        account.purchase_counter,
        account.load_counter,
        tuple(
            CardEntry(
                entry.number,
                entry.kind,
                entry.terminal,
                "".join(filter(str.isdecimal, entry.time)),
                entry.account_fen,
                None if account.account_only or entry.kind == LOAD else entry.self_paid_fen,
                None if account.account_only or entry.kind == LOAD else entry.pooled_fen,
            )
            for entry in account.log
        ),
    )


def read_state(connection: Connection, pin: str | None = None) -> CardState:
    """The account of the card in a slot; nothing on the card changes.

    Balance and details want the PIN where one is set. The counters are in the answers of
    INITIALIZE FOR PURCHASE and FOR LOAD with amounts of 0, which are not gone on with.

    :param pin: digits, None when the card has no PIN.
    :raises ReconciliationError: the card has no medical account, or gives no whole answer.
    :raises DriverError: no social security card; PIN wrong or locked.
    :raises CardStatusError: a command that it refuses, 6982 without the PIN.
    :raises TerminalConnectionError: the connection failed.
    """
    session = open_session(connection)
    if pin is not None and session.pin_needed():
        session.verify_pin(pin)
    try:
        session.enter(identifiers.DF04)
        balance = session.client.require(GET_BALANCE, 0x00, 0x01, le=4)
    except CardStatusError as error:
        if error.sw in (StatusWord.FILE_NOT_FOUND, StatusWord.CONDITIONS_NOT_SATISFIED):
            raise ReconciliationError("card: has no medical account of the off-line mode") from None
        raise
    log = tuple(_details(session))
    purchase = _initialize(session, INITIALIZE_FOR_PURCHASE, bytes(18), messages.PURCHASE_ANSWER)
    load = _initialize(session, INITIALIZE_FOR_LOAD, bytes(10), messages.LOAD_ANSWER)
    return CardState(
        session.card_number,
        session.identification.hex().upper(),
        card_factor(session.historical),
        session.algorithm,
        int.from_bytes(balance),
        purchase.number,
        load.number,
        log,
    )


def _initialize(session: CardSession, command: StandardCommand, rest: bytes, layout: Any) -> Any:
    """INITIALIZE with the first key index that the card supports; GET BALANCE leaves its state."""
    length = layout.sizeof()
    for index in _KEY_INDEXES:
        answer = session.client.send(command, data=bytes((index,)) + rest, le=length)
        if answer.ok:
            if len(answer.data) != length:
                raise ReconciliationError("card: INITIALIZE gave another length")
            return layout.parse(answer.data)
        if answer.sw != StatusWord.KEY_INDEX_NOT_SUPPORTED:
            break
    raise answer.refusal


def _details(session: CardSession) -> list[CardEntry]:
    """EF08, newest first; empty where there is none."""
    try:
        return [_entry(detail) for detail in medical.details(session)]
    except CardStatusError as error:
        if error.sw == StatusWord.FILE_NOT_FOUND:
            return []
        raise


def _entry(detail: medical.Detail) -> CardEntry:
    load = detail.type == identifiers.LOAD
    return CardEntry(
        detail.number,
        _KINDS.get(detail.type, f"{detail.type:02X}"),
        detail.terminal_id,
        detail.time,
        detail.account_fen,
        None if load else detail.self_paid_fen,
        None if load else detail.pooled_fen,
    )
