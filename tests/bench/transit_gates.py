# SPDX-License-Identifier: Apache-2.0
"""Gates, a bus and a desk of an invented city, with cards and a PSAM of one transport issuer."""

from __future__ import annotations

from functools import cache
from typing import Any

from issuance.bank.account import BankAccount
from issuance.bank.personalise import put_bank
from issuance.psam import make_transport_psam
from issuance.roots import RootKeys
from issuance.transport import transport_slots
from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile.purse import add_purse
from sscard_chip.profile.transit import TransitContents, add_transit, transit_root_names
from sscard_chip.reader.failures import CardRemovedError
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.security.purse import card_factors
from sscard_chip.standard.documents import convert
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.transit import (
    BlackList,
    Bus,
    MetroGate,
    ServiceDesk,
    TapJournal,
    TransitRegion,
    TransitSam,
)
from tests.bank import bank
from tests.bench import account_cards as medical
from tests.bench import purse_cards
from tests.bench.reference import purse as reference
from tests.bench.reference.blocks import encrypt
from tests.bench.transit_cards import MANAGEMENT, PUBLIC

TERMINAL = "510100000001"
NORTH, MARKET, LAKE = (bytes.fromhex(f"0001000{n}") for n in (1, 2, 3))
RING = bytes.fromhex("01010001")
MORNING = "20260315081112"
RICH = Purse(balance_fen=5_000, online_number=3, offline_number=9)
REGION: dict[str, Any] = {
    "format": "sscard-transit-region/1",
    "city": "5510",
    "organisation": "02005510FFFFFFFF",
    "operator": "0001",
    "merchant": "00000001",
    "added_entry_fen": 200,
    "auto_load_fen": 1_000,
    "stations": {f"0001000{n}": {} for n in (1, 2, 3)},
    "fares": {
        "by": "stations",
        "highest_fen": 1_000,
        "same_station_fen": 100,
        "table": [
            {"between": "00010001", "and": "00010002", "fen": 200},
            {"between": "00010001", "and": "00010003", "fen": 400},
        ],
    },
    "buses": {"0101": {"fen": 200}},
    "card_types": {
        "01": {},
        "02": {"percent": 50},
        "03": {"fixed_fen": 0},
        "05": {"sale": False},
    },
    "discounts": {
        "month": [{"from_fen": 0, "percent": 100}, {"from_fen": 1_000, "percent": 80}],
        "transfer": {"minutes": 60, "rebate_fen": 150},
    },
    "limits": {"minimum_balance_fen": 200},
    "over_time": {"minutes": 240, "fen": 500},
    "double_entry": {"minutes": 20, "fen": 300},
}


@cache
def store() -> RootKeys:
    """The transport issuer's roots, each another pattern."""
    return RootKeys(
        {slot: bytes((at + 1,)) * 8 + bytes(range(8)) for at, slot in enumerate(transport_slots())}
    )


def card_key(algorithm: str, root: str, public: bytes = PUBLIC) -> bytes:
    """A key of a card, by the independent reference."""
    key = store().diversify(algorithm, root, 1, [()])[0]
    for factor in card_factors(public[:8], public[10:20]):
        other = bytes(byte ^ 0xFF for byte in factor)
        blocks = [factor, other] if algorithm == "3des" else [factor + other]
        key = b"".join(encrypt(algorithm, key, block) for block in blocks)
    return key


@cache
def _memory(algorithm: str, public: bytes, management: bytes, purse: Purse, beside: str) -> Memory:
    memory = medical.new_memory(algorithm, balance_fen=0)
    if "bank" in beside:
        account = BankAccount.from_object(
            {"pan": bank.PAN, "pin": bank.PIN, "suite": algorithm}, card_expiry="20350102"
        )
        memory = put_bank(memory, bank.bank(), account, issued="20250102", algorithm=algorithm)
    if "purse" in beside:
        add_purse(memory, purse_cards.contents(algorithm))
    chain = [card_factors(public[:8], public[10:20])]
    add_transit(
        memory,
        TransitContents(
            algorithm,
            public=public,
            management=management,
            secrets={
                root: store().diversify(algorithm, root, 1, chain)[0]
                for root in transit_root_names()
            },
            purse=purse,
        ),
    )
    return memory


@cache
def _sam() -> Memory:
    return make_transport_psam(store(), terminal_id=TERMINAL, serial="77000000000000000001")


class CutConnection(ForwardingConnection):
    """A connection that breaks at the exchange ``at``, before the command or after it."""

    at: int | None = None
    after = False
    count = 0

    def transmit(self, apdu: bytes) -> bytes:
        self.count += 1
        if self.count - 1 != self.at:
            return super().transmit(apdu)
        if self.after:
            super().transmit(apdu)
        raise CardRemovedError("the card is gone")


def region(**changes: Any) -> TransitRegion:
    return convert(TransitRegion, {**REGION, **changes})


class City:
    """A card, a PSAM, and all places where the card is taken; one journal for all of them.

    ``beside``: what else the card carries, "bank" or "bank and purse".
    """

    def __init__(
        self,
        algorithm: str = "3des",
        *,
        purse: Purse = RICH,
        public: bytes = PUBLIC,
        management: bytes = MANAGEMENT,
        black_list: BlackList | None = None,
        beside: str = "",
        **changes: Any,
    ) -> None:
        self.algorithm = algorithm
        self.card = Card(_memory(algorithm, public, management, purse, beside).copy())
        self.slot = CutConnection(connect_card(self.card, contactless=True))
        self.slot.power_on()
        self.psam = CutConnection(connect_card(Card(_sam().copy())))
        self.sam = TransitSam(self.psam)
        self.region = region(**changes)
        self.journal = TapJournal()
        self.black_list = black_list

    def _at(self, kind: type, station: bytes) -> Any:
        return kind(
            self.slot,
            self.sam,
            self.region,
            station,
            journal=self.journal,
            black_list=self.black_list,
        )

    def gate(self, station: bytes = NORTH) -> MetroGate:
        one: MetroGate = self._at(MetroGate, station)
        return one

    def bus(self) -> Bus:
        one: Bus = self._at(Bus, RING)
        return one

    def desk(self, station: bytes = NORTH) -> ServiceDesk:
        one: ServiceDesk = self._at(ServiceDesk, station)
        return one

    def again(self) -> None:
        """The card is presented anew, and the PSAM works again."""
        self.slot.at = self.psam.at = None
        self.slot.power_on()
        self.sam.power_on()

    def read(self, command: str) -> bytes:
        """What the card answers on its own, after a selection."""
        reader = connect_card(self.card, contactless=True)
        reader.power_on()
        reader.transmit(bytes.fromhex("00A4040008A00000063201010500"))
        answer = reader.transmit(bytes.fromhex(command))
        assert answer[-2:] == b"\x90\0", answer.hex()
        return answer[:-2]

    def balance(self) -> int:
        return int.from_bytes(self.read("805C030204"))

    def journey(self) -> bytes:
        return self.read("00B201D480")

    def trips(self) -> list[bytes]:
        """All trips that are not empty, newest first."""
        found = [self.read(f"00B2{n:02X}F430") for n in range(1, 31)]
        return [one for one in found if any(one)]


def at(time: str) -> bytes:
    return bytes.fromhex(time)


def expected_tac(algorithm: str, record: bytes, public: bytes = PUBLIC) -> bytes:
    """The TAC of a record, by the reference: amount, type, terminal, its number, date and time."""
    amount = int.from_bytes(record[54:58], "little").to_bytes(4)
    number = int.from_bytes(record[20:24], "little").to_bytes(4)
    kind = record[136:137]
    message = amount + kind + record[6:12] + number + record[63:70]
    return bytes(reference.tac(algorithm, card_key(algorithm, "TRANSIT_DTK", public), message))
