# SPDX-License-Identifier: Apache-2.0
"""An issued card of an invented holder, for the benchmarks."""

from __future__ import annotations

from typing import Final

from issuance.fixtures.holder import INVENTED_HOLDER
from issuance.holder import Holder
from issuance.personalise import CardData, prepare, write_card
from issuance.roots import create_roots
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.profile.compiler import compile_template
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import SSSE_NAME

BALANCE_FEN: Final = 0x10000000
SELECT_SSSE: Final = commands.SELECT.apdu(0x04, data=SSSE_NAME)
SELECT_DF04: Final = commands.SELECT.apdu(0x04, data=bytes.fromhex("D15600000503"))
VERIFY: Final = commands.VERIFY.apdu(data=bytes.fromhex("123456"))

HOLDER: Final[dict[str, object]] = {
    **INVENTED_HOLDER,
    "account": {"balance_fen": BALANCE_FEN, "year": "2025"},
}


def issue(generation: int, algorithm: str) -> tuple[CardData, Memory]:
    """A card with a medical account, and its keys."""
    profile = for_generation(generation)
    holder = Holder.from_object(HOLDER)
    data = prepare(profile, create_roots(), holder, algorithm=algorithm)
    return data, write_card(compile_template(profile, algorithm), data)


def send(card: Card, command: bytes) -> bytes:
    """The body of a command's answer. Raises RuntimeError when it is refused."""
    answer = card.transmit(command)
    if answer[-2:] != b"\x90\x00":
        raise RuntimeError(f"{command[:4].hex().upper()} answers {answer[-2:].hex().upper()}")
    return answer[:-2]
