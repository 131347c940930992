# SPDX-License-Identifier: Apache-2.0
"""A bank application for people: what it is, its counters, electronic cash and log.

The account number is masked here, so that nothing above can show it by mistake; for the same
reason the records of a bank directory are not shown raw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.applications.bank import data
from sscard_chip.applications.bank.application import BankApplication
from sscard_chip.applications.bank.authentication import SCHEME_CODES
from sscard_chip.applications.bank.data import DATA_FID
from sscard_chip.applications.bank.log import LOG_FORMAT
from sscard_chip.filesystem.layout import ApplicationState, ApplicationType
from sscard_chip.filesystem.tlv import find_primitive, parse_dol, split_dol
from sscard_chip.filesystem.tree import Directory
from sscard_chip.profile.contents import BankState, BankTransaction
from sscard_chip.standard.dates import show_day, show_time
from sscard_chip.standard.identifiers import PPSE_NAME, PSE_NAME
from sscard_chip.standard.keys import USE_CRYPTOGRAM, USE_SCRIPT_CIPHER, USE_SCRIPT_MAC
from sscard_chip.standard.pan import masked_pan
from sscard_chip.standard.text import decode_text, displayed

KEY_NAMES: Final = {
    USE_CRYPTOGRAM: ("MDK_AC", "应用密文 application cryptogram"),
    USE_SCRIPT_MAC: ("MDK_MAC", "脚本 MAC issuer scripts"),
    USE_SCRIPT_CIPHER: ("MDK_ENC", "脚本加密 encipherment of scripts"),
}
"""Roots and purposes of an application's keys, by their use."""

_NAMES: Final = {
    PSE_NAME: ("支付系统环境 PSE", "payment system environment"),
    PPSE_NAME: ("近距离支付系统环境 PPSE", "proximity payment system environment"),
}
_APPLICATION: Final = ("借贷记应用", "debit/credit application")
_STATES: Final = {
    ApplicationState.WORKING: "active",
    ApplicationState.DORMANT: "dormant",
    ApplicationState.SUSPENDED: "blocked by the issuer",
    ApplicationState.BLOCKED: "blocked for good",
}
_PAN, _SEQUENCE, _EFFECTIVE, _EXPIRY, _LABEL, _ISSUER_KEY = 0x5A, 0x5F34, 0x5F25, 0x5F24, 0x50, 0x90
_DATE, _TIME, _AMOUNT, _MERCHANT, _KIND, _COUNTER = 0x9A, 0x9F21, 0x9F02, 0x9F4E, 0x9C, 0x9F36


def is_bank(directory: Directory) -> bool:
    """Whether a directory belongs to the bank part."""
    return directory.application_type == ApplicationType.BANK


def names_of(directory: Directory) -> tuple[str, str]:
    """The Chinese and the English name of a directory of the bank part."""
    return _NAMES.get(directory.name, _APPLICATION)


def bank_state(directory: Directory) -> BankState | None:
    """An application; None for PSE and PPSE, which hold none."""
    if not is_bank(directory) or DATA_FID not in directory.internal:
        return None
    application = BankApplication.of(directory)
    values, counters = application.data, application.data.read()
    label = find_primitive(application.fci(contactless=False), _LABEL) or b""
    return BankState(
        aid=directory.name.hex().upper(),
        label=label.decode("ascii", "replace"),
        state=_STATES.get(ApplicationState(directory.state), "unknown"),
        pan=masked_pan(_digits(application, _PAN)),
        pan_sequence=_digits(application, _SEQUENCE),
        effective=show_day(_digits(application, _EFFECTIVE)),
        expiry=show_day(_digits(application, _EXPIRY)),
        algorithm=application.suite.name,
        offline_authentication=_offline(application),
        pdol=bool(application.pdol(contactless=False)),
        atc=counters.atc,
        last_online_atc=counters.last_online_atc,
        balance_fen=counters.balance_fen,
        limit_fen=values.amount(data.BALANCE_LIMIT),
        single_limit_fen=values.amount(data.SINGLE_LIMIT),
        reset_threshold_fen=values.amount(data.RESET_THRESHOLD),
        log=tuple(_log(application)),
    )


@dataclass(frozen=True, slots=True)
class BankIdentity:
    """Whose a bank application is: PAN, PAN sequence number, suite, counter; never shown."""

    pan: str = field(repr=False)
    sequence: str
    algorithm: str
    atc: int
    active: bool


def identities(directories: Iterable[Directory]) -> list[BankIdentity]:
    """The applications of a card, for the issuer's own use."""
    found = []
    for directory in directories:
        if is_bank(directory) and DATA_FID in directory.internal:
            application = BankApplication.of(directory)
            found.append(
                BankIdentity(
                    _digits(application, _PAN),
                    _digits(application, _SEQUENCE),
                    application.suite.name,
                    application.data.read().atc,
                    directory.state == ApplicationState.WORKING,
                )
            )
    return found


def _digits(application: BankApplication, tag: int) -> str:
    return (application.record_value(tag) or b"").hex().rstrip("f")


def _offline(application: BankApplication) -> str:
    """How the card proves off-line that it is genuine."""
    scheme = SCHEME_CODES.get(application.data.value(data.DYNAMIC_SCHEME)[0])
    if scheme:
        return f"DDA with {scheme.upper()}"
    return "SDA" if application.record_value(_ISSUER_KEY) else "none"


def _log(application: BankApplication) -> Iterator[BankTransaction]:
    """The log, newest first; a contactless terminal gives neither time nor merchant."""
    entries, file = parse_dol(LOG_FORMAT), application.log
    for number in range(1, (file.count if file else 0) + 1):
        values = split_dol(entries, file.record(number) if file else b"")
        yield BankTransaction(
            atc=int.from_bytes(values[_COUNTER]),
            time=show_time((values[_DATE] + values[_TIME]).hex()),
            amount_fen=int(values[_AMOUNT].hex()),
            kind=values[_KIND].hex(),
            merchant=displayed(decode_text(values[_MERCHANT]).strip(" \0")),
        )
