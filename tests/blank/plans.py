# SPDX-License-Identifier: Apache-2.0
"""Cards of the vectors as plans, and the same cards as patched templates."""

from __future__ import annotations

from functools import cache
from typing import Final

from msgspec.structs import replace

from issuance.holder import Holder, InitialAccount
from issuance.personalise import CardData, prepare, write_card
from issuance.plan import Plan, make_plan
from sscard_chip.card import Card
from sscard_chip.filesystem.layout import HISTORICAL_AT, HISTORICAL_LENGTH
from sscard_chip.memory import Memory
from sscard_chip.profile import Profile, for_generation
from sscard_chip.profile.blank import make_blank
from sscard_chip.profile.compiler import compile_template
from sscard_chip.profile.local import load_local_file
from tests.bench.blank import HISTORICAL, TRANSPORT
from tests.vectors.cards import LOCAL_FILES, SERIAL, VECTORS, roots

CARDS: Final = ((1, "3des"), (2, "3des"), (3, "sm4"), (3, "3des"))
ACCOUNT: Final = InitialAccount(balance_fen=123_456, year="2025", starting_day="0701")


@cache
def card_data(
    generation: int, algorithm: str, *, local: bool = False, account: bool = False
) -> CardData:
    holder = Holder.load(VECTORS / "holders" / f"generation{generation}.json")
    if account and holder.account is None:
        holder = replace(holder, account=ACCOUNT)
    profile = _profile(generation, local=local, account=holder.account is not None)
    return prepare(profile, roots(), holder, algorithm=algorithm, serial=SERIAL)


def _profile(generation: int, *, local: bool, account: bool) -> Profile:
    files = [load_local_file(LOCAL_FILES)] if local else []
    return for_generation(generation, local_files=files, with_account=account)


def plan_of(data: CardData, transport_key: bytes = TRANSPORT) -> Plan:
    return make_plan(data, transport_key=transport_key)


def blank_for(data: CardData) -> Card:
    return Card(
        make_blank(TRANSPORT, historical_bytes=HISTORICAL, contactless=data.profile.contactless)
    )


def patched(data: CardData) -> bytes:
    """The cells of the card as patching the template gives it."""
    return comparable(write_card(compile_template(data.profile, data.algorithm), data))


def comparable(memory: Memory) -> bytes:
    """All cells but the maker's historical bytes, which hold the maker's serial."""
    cells = bytearray(memory.cells)
    cells[HISTORICAL_AT : HISTORICAL_AT + HISTORICAL_LENGTH] = bytes(HISTORICAL_LENGTH)
    return bytes(cells)


def data_for(profile: Profile, algorithm: str) -> CardData:
    """The vectors' holder on another profile of the same generation, without files."""
    holder = Holder.load(VECTORS / "holders" / f"generation{profile.generation}.json")
    bare = replace(holder, files={}, account=None)
    return prepare(profile, roots(), bare, algorithm=algorithm, serial=SERIAL)
