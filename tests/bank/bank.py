# SPDX-License-Identifier: Apache-2.0
"""An invented bank with its keys and certificates, and cards that it issues."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any, Final

from issuance.bank.authority import BankAuthority
from issuance.bank.personalise import Bank
from issuance.bank.roots import bank_slots
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.roots import RootKeys, create_roots
from sscard_chip.card import Card
from sscard_chip.terminal.bank.terminal import TerminalProfile

PAN: Final = "6239990000000012344"
NEW_PAN: Final = "6239990000000067892"
PIN: Final = "135790"
TODAY: Final = date(2026, 7, 1)
NOON: Final = datetime(2026, 11, 28, 12, 0, tzinfo=timezone(timedelta(hours=8)))
SERIAL: Final = bytes.fromhex("010A0B0C")

HOLDER: Final[dict[str, Any]] = {
    "social_security_number": "990000200102030012",
    "name": "林知夏",
    "sex": "1",
    "nation": "01",
    "birthplace": "510104",
    "birth_date": "20010203",
    "card_number": "Z00000013",
    "city": "510100",
}


@cache
def roots() -> RootKeys:
    """Root keys of the social security side."""
    return create_roots()


@cache
def bank() -> Bank:
    """A bank: the same keys in every run, certificates anew."""
    keys = {slot: hashlib.sha256(repr(slot).encode()).digest()[:16] for slot in bank_slots()}
    return Bank(RootKeys(keys, source="bank.json"), BankAuthority.create("623999", "1236"))


def holder(**account: Any) -> Holder:
    """The holder, with an account unless ``pan`` is None."""
    value = {"pan": PAN, "suite": "3des", **account}
    given = HOLDER if value["pan"] is None else HOLDER | {"bank": value}
    return Holder.from_object(given, source="HOLDER.json", today=TODAY)


def issue(generation: int = 3, *, algorithm: str | None = None, **account: Any) -> Card:
    """A card of the bank, not powered."""
    memory = issue_card(
        generation,
        roots(),
        holder(**account),
        bank=bank(),
        algorithm=algorithm,
        serial=SERIAL,
    )
    return Card(memory)


def profile(**fields: Any) -> TerminalProfile:
    """A terminal that knows the bank's authority."""
    authority = bank().authority
    known = authority.for_terminals() if authority else {}
    return TerminalProfile(**{"authorities": known, **fields})
