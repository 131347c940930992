# SPDX-License-Identifier: Apache-2.0
"""The terminal's offline data authentication: SDA, DDA, and fDDA without contacts."""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.security.oda.model import (
    TAG_CA_INDEX,
    TAG_CARD_CERTIFICATE,
    TAG_DYNAMIC_SIGNATURE,
    TAG_STATIC_SIGNATURE,
    TAG_STATIC_TAGS,
    OdaError,
    fdda_input,
    needed,
)
from sscard_chip.standard.commands import INTERNAL_AUTHENTICATE
from sscard_chip.terminal.bank.results import Tsi, Tvr
from sscard_chip.terminal.bank.terminal import Authority
from sscard_chip.terminal.bank.tlv import open_template, tlvs
from sscard_chip.terminal.bank.transaction import FORMAT_1, FORMAT_2, TerminalTransaction

SDA: Final = 0x40
DDA: Final = 0x20
_STATIC_TAGS: Final = b"\x82"
_DEFAULT_DDOL: Final = bytes.fromhex("9F3704")
_RID_LENGTH: Final = 5


def authenticate_card_data(transaction: TerminalTransaction) -> None:
    """SDA or DDA as card and terminal can; TVR and TSI say how it went (EMV book 3, 10.3)."""
    supported = transaction.value(0x82)[0]
    if not supported & (SDA | DDA):
        transaction.tvr |= Tvr.ODA_NOT_PERFORMED
        return
    transaction.tsi |= Tsi.ODA
    if not supported & DDA:
        transaction.tvr |= Tvr.SDA_SELECTED
    try:
        authority, issuer = issuer_key(transaction)
        if supported & DDA:
            card = card_key(transaction, authority, issuer)
            ddol = transaction.data.get(0x9F49, _DEFAULT_DDOL)
            asked = transaction.asked(ddol, "DDOL")
            signature = _internal_authenticate(transaction, asked)
            number = authority.scheme.check_dynamic(card, signature, asked)
            transaction.data[0x9F4C] = number
        else:
            signature = needed(transaction.data, TAG_STATIC_SIGNATURE)
            static = static_data(transaction)
            transaction.data[0x9F45] = authority.scheme.check_static(issuer, signature, static)
    except OdaError:
        transaction.tvr |= Tvr.DDA_FAILED if supported & DDA else Tvr.SDA_FAILED


def authenticate_contactless(transaction: TerminalTransaction) -> bool:
    """fDDA over what the card signed in its answer to GPO; whether it proved right."""
    data = transaction.data
    transaction.tsi |= Tsi.ODA
    try:
        authority, issuer = issuer_key(transaction)
        card = card_key(transaction, authority, issuer)
        asked = fdda_input(data[0x9F37], data[0x9F02], data[0x5F2A], data.get(0x9F69, b""))
        signature = needed(data, TAG_DYNAMIC_SIGNATURE)
        data[0x9F4C] = authority.scheme.check_dynamic(card, signature, asked)
    except OdaError:
        transaction.tvr |= Tvr.DDA_FAILED
        return False
    return True


def issuer_key(transaction: TerminalTransaction) -> tuple[Authority, Any]:
    """The authority and the issuer's key under it.

    :raises OdaError: it is unknown, or the certificate is not right.
    """
    index = needed(transaction.data, TAG_CA_INDEX)
    rid = transaction.selected.aid[:_RID_LENGTH]
    authority = transaction.terminal.authorities.get((rid, index[0] if index else -1))
    if authority is None:
        raise OdaError("the terminal does not know this authority's key")
    key = authority.scheme.recover_issuer(
        authority.key, transaction.data, transaction.pan, _month(transaction)
    )
    return authority, key


def card_key(transaction: TerminalTransaction, authority: Authority, issuer: Any) -> Any:
    """The card's key under the issuer's.

    :raises OdaError: its certificate is not right.
    """
    needed(transaction.data, TAG_CARD_CERTIFICATE)
    return authority.scheme.recover_card(
        issuer,
        transaction.data,
        transaction.pan,
        _month(transaction),
        static_data(transaction),
    )


def _month(transaction: TerminalTransaction) -> str:
    return f"{transaction.purchase.when:%y%m}"


def static_data(transaction: TerminalTransaction) -> bytes:
    """The signed records, and the AIP when the card's tag list names it.

    :raises OdaError: the list names something else.
    """
    tags = transaction.data.get(TAG_STATIC_TAGS, b"")
    if tags not in (b"", _STATIC_TAGS):
        raise OdaError("9F4A: names other tags than 82")
    return transaction.static + (transaction.value(0x82) if tags else b"")


def _internal_authenticate(transaction: TerminalTransaction, asked: bytes) -> bytes:
    answer = transaction.client.send(INTERNAL_AUTHENTICATE, data=asked, le=0)
    if not answer.ok:
        raise OdaError(f"{INTERNAL_AUTHENTICATE.name}: {answer.sw:04X}")
    objects = dict(tlvs(answer.data, INTERNAL_AUTHENTICATE.name))
    if FORMAT_1 in objects:
        return objects[FORMAT_1]
    body = dict(tlvs(open_template(FORMAT_2, answer.data, INTERNAL_AUTHENTICATE.name), "9F4B"))
    return needed(body, TAG_DYNAMIC_SIGNATURE)
