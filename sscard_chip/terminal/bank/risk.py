# SPDX-License-Identifier: Apache-2.0
"""Restrictions, terminal risk management, action analysis (EMV book 3, 10.4, 10.6, 10.7)."""

from __future__ import annotations

from typing import Final

from sscard_chip.standard.cryptograms import CryptogramType
from sscard_chip.terminal.bank.results import Tsi, Tvr
from sscard_chip.terminal.bank.transaction import TerminalTransaction

TERMINAL_RISK: Final = 0x08  # of the AIP

_DEFAULT, _DENIAL, _ONLINE = 0, 1, 2
_ISSUER_ACTION_CODES: Final = (0x9F0D, 0x9F0E, 0x9F0F)
_ALL: Final = (1 << 40) - 1
_DOMESTIC_GOODS, _FOREIGN_GOODS = 0x20_00 | 0x08_00, 0x10_00 | 0x04_00
_TERMINALS: Final = 0x01_00  # valid at terminals other than ATMs


def check_restrictions(transaction: TerminalTransaction) -> None:
    """Version, usage control, effective and expiry date; TVR says what is against it."""
    data = transaction.data
    if 0x9F08 in data and data[0x9F08] != transaction.terminal.version:
        transaction.tvr |= Tvr.VERSIONS_DIFFER
    today = data[0x9A]
    if _day(data.get(0x5F25, today)) > _day(today):
        transaction.tvr |= Tvr.NOT_YET_EFFECTIVE
    if _day(transaction.value(0x5F24)) < _day(today):
        transaction.tvr |= Tvr.EXPIRED
    usage = data.get(0x9F07)
    if usage is not None and len(usage) == 2:
        control = int.from_bytes(usage)
        domestic = data.get(0x5F28, data[0x9F1A]) == data[0x9F1A]
        goods = _DOMESTIC_GOODS if domestic else _FOREIGN_GOODS
        if not control & _TERMINALS or not control & goods:
            transaction.tvr |= Tvr.SERVICE_NOT_ALLOWED


def manage_risk(transaction: TerminalTransaction) -> None:
    """Floor limit, and how many transactions the card made off-line in a row."""
    purchase, terminal = transaction.purchase, transaction.terminal
    if purchase.force_online:
        transaction.tvr |= Tvr.FORCED_ONLINE
    if not transaction.value(0x82)[0] & TERMINAL_RISK:
        return
    transaction.tsi |= Tsi.TERMINAL_RISK
    if purchase.amount_fen >= terminal.floor_limit_fen:
        transaction.tvr |= Tvr.FLOOR_LIMIT_EXCEEDED
    lower, upper = transaction.data.get(0x9F14), transaction.data.get(0x9F23)
    if not lower or not upper:
        return
    atc, last = transaction.get_data(0x9F36), transaction.get_data(0x9F13)
    if atc is None or last is None:
        transaction.tvr |= Tvr.LOWER_LIMIT_EXCEEDED | Tvr.UPPER_LIMIT_EXCEEDED
        return
    in_a_row = int.from_bytes(atc) - int.from_bytes(last)
    if in_a_row > lower[0]:
        transaction.tvr |= Tvr.LOWER_LIMIT_EXCEEDED
    if in_a_row > upper[0]:
        transaction.tvr |= Tvr.UPPER_LIMIT_EXCEEDED
    if not int.from_bytes(last):
        transaction.tvr |= Tvr.NEW_CARD


def first_request(transaction: TerminalTransaction, *, online: bool) -> CryptogramType:
    """What the terminal asks the card for, with ``online`` when it can reach the issuer."""
    if _any(transaction, _DENIAL):
        return CryptogramType.AAC
    if online:
        return CryptogramType.ARQC if _any(transaction, _ONLINE) else CryptogramType.TC
    return unable_online(transaction)


def unable_online(transaction: TerminalTransaction) -> CryptogramType:
    """What it asks for when the issuer cannot be reached."""
    return CryptogramType.AAC if _any(transaction, _DEFAULT) else CryptogramType.TC


def _any(transaction: TerminalTransaction, which: int) -> bool:
    """Whether TVR has a bit of the issuer's or the terminal's action code."""
    code = transaction.data.get(_ISSUER_ACTION_CODES[which])
    issuer = int.from_bytes(code) if code else (0 if which == _DENIAL else _ALL)
    terminal = int.from_bytes(transaction.terminal.action_codes[which])
    return bool(int(transaction.tvr) & (issuer | terminal))


def _day(field: bytes) -> str:
    """YYMMDD with its century: years from 50 up are of the 1900s."""
    text = field.hex()
    return ("19" if text >= "50" else "20") + text
