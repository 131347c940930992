# SPDX-License-Identifier: Apache-2.0
"""A terminal on a desk: an issued card, a PSAM of any level, a PIN pad that types what it is told.

::

    desk = Desk(2, psam_level=1)
    assert desk.call("iVerifyPIN", 1) == (0, "")
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.psam import make_psam
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.model import Profile
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.terminal.connection import Connection, Slots
from sscard_chip.terminal.driver import FUNCTIONS, Driver, PinPrompt, Settings
from sscard_chip.terminal.driver.with_hsm import StepResult, run_with_hsm
from sscard_chip.terminal.hsm import Hsm
from tests.bench.issued import HOLDER, roots

PIN: Final = "135790"
TERMINAL: Final = "510100000001"
CARD_NUMBER: Final = "Z00000013"
SERIAL: Final = bytes.fromhex("07A1B2C3")
NAME: Final = "林知夏"
LONG_NAME: Final = "阿卜杜热合曼·阿卜杜克热木·买买提明"
CARDS: Final = ((1, "3des"), (2, "3des"), (3, "sm4"), (3, "3des"))
PAY: Final = "10.00|8.00|20260102030405|"

FILES: Final[dict[int, dict[str, Any]]] = {
    1: {
        "DF01": {"EF05": {"20": "1", "21": "示例路1号"}},
        "DF02": {"EF05": {"40": [{"57": "3", "58": "080600", "59": "示例大学"}]}},
        "DF03": {"EF07": {"6C": "20591231"}},
        "DF04": {"EF05": {"8A": "YL0012"}, "EF06": {"90": "00012345"}},
    },
    2: {
        "DF01": {
            "EF05": {"20": "11", "21": "示例路1号", "0E": "510104"},
            "EF15": {
                "2A": "21",
                "40": [
                    {"57": "3", "58": "080600", "59": "示例大学"},
                    {"57": "2", "58": "080601", "59": "样本大学"},
                ],
            },
            "EF16": "A1B2C3",
        },
        "DF02": {"EF07": [["2020100", "20150301", "20180630", "示例机械厂"]]},
        "DF03": {"EF07": {"70": "110", "6C": "20591231"}},
        "DF04": {"EF05": {"8A": "YL0012"}, "EF06": {"90": "1", "92": "00012345", "93": "03"}},
    },
}


def issue(
    generation: int, algorithm: str, profile: Profile | None = None, **changes: Any
) -> Memory:
    """A card of the holder of all tests with ``changes``."""
    fields: dict[str, object] = {
        **HOLDER,
        "pin": PIN,
        "account": {"balance_fen": 100000},
        "files": FILES[min(generation, 2)],
    }
    holder = Holder.from_object(fields | changes)
    return issue_card(
        generation, roots(), holder, algorithm=algorithm, serial=SERIAL, profile=profile
    )


@cache
def _card(generation: int, algorithm: str, changes: str) -> Memory:
    return issue(generation, algorithm, **json.loads(changes))


@cache
def psam_memory(
    level: int,
    algorithm: str | None = None,
    city: str | None = None,
    *,
    key_version: int = 1,
    stk_reloads_pin: bool = True,
) -> Memory:
    """A PSAM over the roots of all tests."""
    return make_psam(
        roots(),
        level=level,
        terminal_id=TERMINAL,
        algorithm=algorithm,
        city=city,
        serial="1",
        key_version=key_version,
        stk_reloads_pin=stk_reloads_pin,
    )


class Desk:
    """``typed`` is what the PIN pad gives next, then ``pin`` for ever; ``prompts`` what was asked.

    Both slots of the card and that of the PSAM are faulty connections without faults: pull a card
    with ``desk.contact.remove()``.
    """

    def __init__(
        self,
        generation: int = 2,
        algorithm: str | None = None,
        *,
        psam_level: int | None = 3,
        psam: Memory | None = None,
        memory: Memory | None = None,
        settings: Settings | None = None,
        **changes: Any,
    ) -> None:
        suite = algorithm or ("sm4" if generation == 3 else "3des")
        issued = memory or _card(generation, suite, json.dumps(changes))
        self.generation = generation
        self.card = Card(issued.copy())
        if psam is None and psam_level is not None:
            psam = psam_memory(psam_level)
        self.psam_card = None if psam is None else Card(psam.copy())
        slots = Slots.of_card(self.card, self.psam_card)
        assert slots.contact is not None
        self.contact = FaultyConnection(slots.contact)
        self.contactless = FaultyConnection(slots.contactless) if slots.contactless else None
        self.psam = FaultyConnection(slots.psam) if slots.psam else None
        self.settings = settings
        self.pin = PIN
        self.typed: list[str | Exception] = []
        self.prompts: list[PinPrompt] = []
        self.driver = self.driver_with(self.contact)
        self.hsm = Hsm(roots(), settings.addresses if settings else None)

    def driver_with(self, contact: Connection, psam: Connection | None = None) -> Driver:
        """A driver with other connections to the same cards."""
        slots = Slots(contact, self.contactless, psam or self.psam)
        return Driver(slots, pin_pad=self._pad, settings=self.settings)

    def _pad(self, prompt: PinPrompt) -> str:
        self.prompts.append(prompt)
        typed = self.typed.pop(0) if self.typed else self.pin
        if isinstance(typed, Exception):
            raise typed
        return typed

    @property
    def card_info(self) -> str:
        """pCardInfo of the card."""
        return f"{self.identification}|{CARD_NUMBER}|"

    @property
    def identification(self) -> str:
        """卡识别码 as the card has it."""
        card = Card(self.card.image())
        card.power_on()
        card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
        return card.transmit(bytes.fromhex("00B2012800"))[2:18].hex().upper()

    def call(self, name: str, *arguments: int | str) -> tuple[int, str]:
        """A function by name."""
        return FUNCTIONS[name].call(self.driver, *arguments)

    def code(self, name: str, *arguments: int | str) -> int:
        """The return code alone."""
        return self.call(name, *arguments)[0]

    def with_hsm(self, name: str, *arguments: int | str) -> StepResult:
        """All steps of an HSM function; the last one's result."""
        return run_with_hsm(self.driver, self.hsm, name, *arguments)[-1]

    def read(self, address: str, authentication: int = 1) -> tuple[int, str]:
        """iReadCard on the contact slot."""
        return self.call("iReadCard", 1, authentication, self.card_info, address)

    def write(self, address: str, data: str) -> tuple[int, str]:
        """iWriteCard on the contact slot."""
        return self.call("iWriteCard", 1, self.card_info, address, data)
