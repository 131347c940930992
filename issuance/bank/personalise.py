# SPDX-License-Identifier: Apache-2.0
"""From an account to the bank application of a card: keys, certificates, purse.

The bank's keys come from the bank's store only, diversified by PAN and PAN sequence number.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from msgspec.structs import astuple

from issuance.bank.account import BankAccount
from issuance.bank.authority import CARD_BITS, BankAuthority
from issuance.bank.purse import purse_contents
from issuance.bank.roots import KEY_VERSION, MDK_AC, MDK_ENC, MDK_MAC
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.bank import (
    BankContents,
    BankKeys,
    ElectronicCash,
    OfflineData,
    OfflineLimits,
    Variant,
    add_bank,
    static_data,
)
from sscard_chip.profile.purse import add_purse
from sscard_chip.security.emv import pan_block
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.oda.model import SERIAL_LENGTH, TAG_CA_INDEX, Validity
from sscard_chip.standard.errors import BAD_INPUT, IssuingError
from sscard_chip.standard.status import StatusError

_VARIANTS: Final = {
    "debit": Variant.DEBIT,
    "credit": Variant.CREDIT,
    "quasi-credit": Variant.QUASI_CREDIT,
    "electronic-cash": Variant.ELECTRONIC_CASH,
}
_SCHEMES: Final = {"sda": "rsa", "dda": "rsa", "sm2": "sm2"}
_TAG_STATIC_SIGNATURE: Final = 0x93
_AUTHENTICATION_CODE: Final = bytes.fromhex("DAC1")


class BankIssueError(IssuingError, ValueError):
    """A bank application that cannot be made; one line without number or key."""

    exit_code = BAD_INPUT


@dataclass(frozen=True, slots=True)
class Bank:
    """What issuing needs of a bank: its store, and its certificates if it has some."""

    store: KeyStore
    authority: BankAuthority | None = None
    random: Callable[[int], bytes] = os.urandom


def put_bank(
    memory: Memory, bank: Bank, account: BankAccount, *, issued: str, algorithm: str
) -> Memory:
    """A copy of a card's memory with the bank application, and the purse if there is one.

    ``issued`` (YYYYMMDD) is when the account begins, ``algorithm`` the card's suite, the default of
    the account's. ``memory`` stays as it was.

    :raises BankIssueError:
    :raises KeyStoreError:
    :raises AuthorityError:
    """
    suite = account.suite or algorithm
    contents = bank_contents(bank, account, suite, issued=issued)
    purse = None
    if account.purse is not None:
        purse = purse_contents(
            account.purse,
            bank.store,
            suite,
            pan=account.pan,
            pin=account.pin,
            division=FileSystem(memory).historical_bytes[7:9].hex(),
            start=issued,
            expiry=account.expiry,
            dormant=contents.dormant,
            random=bank.random,
        )
    card = memory.copy()
    fault = ""
    try:
        add_bank(card, contents)
        if purse is not None:
            add_purse(card, purse)
    except StatusError:
        fault = "bank: the card has no room for it"
    except ValueError as error:
        fault = str(error)
    if fault:
        raise BankIssueError(fault)
    return card


def bank_contents(bank: Bank, account: BankAccount, suite: str, *, issued: str) -> BankContents:
    """Everything of one account's application; ``issued`` is YYYYMMDD.

    :raises KeyStoreError:
    :raises AuthorityError:
    :raises BankIssueError:
    """
    cash = account.ecash
    contents = BankContents(
        pan=account.pan,
        expiry=account.expiry[2:],
        keys=card_keys(bank.store, suite, account.pan, account.pan_sequence),
        variant=_VARIANTS[account.variant],
        suite=suite,
        sequence=account.pan_sequence,
        effective=issued[2:],
        service_code=account.service_code,
        pin=account.pin,
        pdol=account.pdol,
        cash=ElectronicCash(
            cash.balance_fen, cash.limit_fen, cash.single_limit_fen, cash.reset_threshold_fen
        ),
        limits=OfflineLimits(*astuple(account.offline_limits)),
        enciphered_pin=account.enciphered_pin,
        contactless_cryptogram_version=int(account.cryptogram_version, 16),
        dormant=account.state == "dormant",
    )
    return replace(contents, offline=_offline(bank, account, contents))


def card_keys(store: KeyStore, suite: str, pan: str, sequence: str) -> BankKeys:
    """The card keys (UDK) of a PAN.

    :raises KeyStoreError:
    """
    chains = [[pan_block(pan, sequence)]]
    cryptogram, script_mac, script_cipher = (
        store.diversify(suite, name, KEY_VERSION, chains)[0] for name in (MDK_AC, MDK_MAC, MDK_ENC)
    )
    return BankKeys(cryptogram, script_mac, script_cipher, KEY_VERSION)


def oda_rule(authority: BankAuthority | None, account: BankAccount) -> tuple[str, str] | None:
    """The item, and the rule that it breaks, when the offline data authentication of an account
    cannot be had with the bank's certificates."""
    if account.oda == "none":
        return None
    if authority is None:
        return "bank oda", f"{account.oda} needs the bank's certificates"
    scheme = _SCHEMES[account.oda]
    keys = authority.keys.get(scheme)
    if keys is None:
        return (
            "bank oda",
            f"{account.oda} needs keys of {scheme}, the bank's certificates have none",
        )
    if not account.pan.startswith(keys.identifier):
        return "bank pan", "the bank's certificate is for numbers that begin otherwise"
    return None


def _offline(bank: Bank, account: BankAccount, contents: BankContents) -> OfflineData | None:
    """Certificates and signatures, as ``oda`` of the account asks for.

    SDA: the issuer signs the static data. DDA and SM2: it certifies the card's own key too.
    """
    if account.oda == "none":
        return None
    broken, authority = oda_rule(bank.authority, account), bank.authority
    if authority is None or broken:
        raise BankIssueError(": ".join(broken or ()))
    keys = authority.of_scheme(_SCHEMES[account.oda])
    scheme, dynamic = keys.scheme, account.oda != "sda"
    static = static_data(contents, dynamic=dynamic)
    tags = {TAG_CA_INDEX: bytes((keys.index,)), **keys.certificate}
    tags[_TAG_STATIC_SIGNATURE] = scheme.sign_static(keys.issuer, _AUTHENTICATION_CODE, static)
    if not dynamic:
        return OfflineData(scheme.name, tags)
    card: Any = scheme.generate(CARD_BITS)
    expiry = account.expiry[4:6] + account.expiry[2:4]
    validity = Validity(expiry, bank.random(SERIAL_LENGTH))
    tags |= scheme.certify_card(keys.issuer, scheme.public(card), account.pan, validity, static)
    return OfflineData(scheme.name, tags, scheme.encode_private(card))
