# SPDX-License-Identifier: Apache-2.0
"""What a mutant is, and how the suite is put to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from issuance.bank.authority import BankAuthority
from issuance.bank.personalise import Bank
from issuance.bank.roots import bank_slots
from issuance.broken import break_card
from issuance.fixtures.holder import INVENTED_HOLDER
from issuance.holder import Holder
from issuance.mutants.workshop import IssuedWorkshop, own_secrets
from issuance.personalise import issue_card
from issuance.psam import make_psam
from issuance.roots import RootKeys
from issuance.transport import TransportIssuer, transport_slots
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile import Profile, for_generation
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.reader.interface import Connection
from sscard_chip.security.keystore import KeyStore
from sscard_chip.terminal.conformance import (
    CaseResult,
    CaseVerdict,
    ImageTarget,
    Level,
    SuiteRun,
    run_suite,
)
from sscard_chip.terminal.conformance.banking import run_bank_suite
from sscard_chip.terminal.conformance.psam import run_psam_suite
from sscard_chip.terminal.conformance.tills import TerminalMaker, run_terminal_suite
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pki import PkiClient, request_key

PIN: Final = "135790"
USER_PIN: Final = "123456"
ADMINISTRATOR_PIN: Final = "12345678"
_HOLDER: Final[dict[str, object]] = {
    **INVENTED_HOLDER,
    "issue_date": "20250102",
    "expiry_date": "20350102",
    "pin": PIN,
    "account": {"balance_fen": 100_000},
}
_TERMINAL: Final = "510100000001"
_SERIAL: Final = bytes.fromhex("07A1B2C3")

_ACCOUNT: Final[dict[str, object]] = {
    "pan": "6239990000000012344",
    "suite": "3des",
    "pin": PIN,
    "ecash": {"balance_fen": 5_000, "limit_fen": 100_000, "single_limit_fen": 2_000},
}

JudgedKind = Literal["card", "psam", "bank", "terminal"]

Fault = Callable[["FaultyCard", bytes], bytes]
"""What a faulty card answers to a command; it has the right one by ``card.right(command)``."""


class FaultyCard(ForwardingConnection):
    """A card whose answers go through a fault.

    ``kept`` is the fault's own memory, which a reset clears, ``lasting`` one that it does not.
    """

    def __init__(self, connection: Connection, fault: Fault) -> None:
        super().__init__(connection)
        self._fault = fault
        self.kept: dict[str, bytes] = {}
        self.lasting: dict[str, bytes] = {}

    def right(self, apdu: bytes) -> bytes:
        """What the card itself answers."""
        return self._connection.transmit(apdu)

    def reset(self) -> bytes:
        """See :class:`Connection`."""
        self.kept.clear()
        return self._connection.reset()

    def power_on(self) -> bytes:
        """See :class:`Connection`."""
        self.kept.clear()
        return self._connection.power_on()

    def transmit(self, apdu: bytes) -> bytes:
        """See :class:`Connection`."""
        return self._fault(self, apdu)


class OtherAtr(ForwardingConnection):
    """A card that says another ATR."""

    def __init__(self, connection: Connection, change: Callable[[bytes], bytes]) -> None:
        super().__init__(connection)
        self._change = change

    def power_on(self) -> bytes:
        """See :class:`Connection`."""
        return self._change(self._connection.power_on())

    def reset(self) -> bytes:
        """See :class:`Connection`."""
        return self._change(self._connection.reset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One faulty card.

    One of ``fault`` (of its answers), ``atr`` (of its answer to reset), ``profile`` (of its
    making), ``broken`` (a name of :data:`issuance.broken.BROKEN`), ``terminal`` and ``city`` (of a
    PSAM's keys) is set. ``oda`` is the offline data authentication of a bank application; ``whole``
    cards have the transport and the certificate application too.
    ``caught_by`` is the case that must not pass, of the suite for what is ``judged``.
    """

    name: str
    wrong: str
    caught_by: str
    judged: JudgedKind = "card"
    generation: int = 2
    contactless: bool = False
    fault: Fault | None = None
    atr: Callable[[bytes], bytes] | None = None
    profile: Callable[[Profile], Profile] | None = None
    broken: str = ""
    terminal: TerminalMaker | None = None
    city: str = ""
    oda: str = "none"
    whole: bool = False

    @property
    def kind(self) -> str:
        """``filter`` of answers, ``image``, or ``program`` for a terminal."""
        if self.terminal:
            return "program"
        return "filter" if self.fault or self.atr else "image"

    def memory(self, store: KeyStore) -> Memory:
        """The memory of the card or PSAM."""
        if self.judged == "psam":
            return make_psam(store, level=3, terminal_id=_TERMINAL, serial="1",
                             city=self.city or None)  # fmt: skip
        if self.judged == "bank":
            return _bank_card(store, self.oda)
        plan = for_generation(self.generation, with_account=True)
        made = self.profile(plan) if self.profile else plan
        if self.whole:
            return _whole_card(store, made)
        memory = issue_card(
            self.generation, store, Holder.from_object(_HOLDER), serial=_SERIAL, profile=made
        )
        return break_card(memory, self.broken) if self.broken else memory

    def wrap(self, connection: Connection) -> Connection:
        """The card with what is between it and the reader."""
        if self.fault:
            return FaultyCard(connection, self.fault)
        return OtherAtr(connection, self.atr) if self.atr else connection


@dataclass(frozen=True, slots=True)
class MutantRun:
    """What the suite said of a mutant."""

    mutant: Mutant
    run: SuiteRun

    @property
    def result(self) -> CaseResult:
        """Of the case that is to catch it."""
        return next(r for r in self.run.results if r.case.identifier == self.mutant.caught_by)

    @property
    def caught(self) -> bool:
        """Whether that case failed, or warned where the fact is inferred, and nothing was an
        error."""
        bad = (CaseVerdict.FAIL, CaseVerdict.WARN)
        return self.result.verdict in bad and not self.run.counts[CaseVerdict.ERROR]


def run_mutant(mutant: Mutant, store: KeyStore, *, whole: bool = False) -> MutantRun:
    """Put the case that is to catch a mutant to it, or with ``whole`` every case."""
    only = () if whole else (mutant.caught_by,)
    return MutantRun(mutant, _RUNS[mutant.judged](mutant, store, only))


def _run_card(mutant: Mutant, store: KeyStore, only: tuple[str, ...]) -> SuiteRun:
    return run_suite(
        _target(mutant, store),
        interface="contactless" if mutant.contactless else "contact",
        generation=mutant.generation,
        pin=PIN,
        store=store,
        transport=_transport_roots() if mutant.whole else None,
        user_pin=USER_PIN if mutant.whole else "",
        admin_pin=ADMINISTRATOR_PIN if mutant.whole else "",
        level=Level.DESTRUCTIVE,
        only=only,
    )


def _run_psam(mutant: Mutant, store: KeyStore, only: tuple[str, ...]) -> SuiteRun:
    own = own_secrets(store, bytes(9) + b"\x01")
    return run_psam_suite(
        _target(mutant, store), city="510100", store=store, own=own, level=Level.DESTRUCTIVE,
        only=only,
    )  # fmt: skip


def _run_terminal(mutant: Mutant, store: KeyStore, only: tuple[str, ...]) -> SuiteRun:
    if mutant.terminal is None:
        raise ValueError(f"{mutant.name} is no terminal")
    return run_terminal_suite(mutant.terminal, IssuedWorkshop(store), name=mutant.name, only=only)


def _target(mutant: Mutant, store: KeyStore) -> ImageTarget:
    return ImageTarget(
        mutant.memory(store), name=mutant.name, contactless=mutant.contactless, wrap=mutant.wrap
    )


def _run_bank(mutant: Mutant, store: KeyStore, only: tuple[str, ...]) -> SuiteRun:
    bank = _bank_keys(mutant.oda)
    return run_bank_suite(
        _target(mutant, store),
        interface="contactless" if mutant.contactless else "contact",
        pin=PIN,
        store=bank.store,
        authorities=bank.authority.for_terminals() if bank.authority else None,
        level=Level.DESTRUCTIVE,
        only=only,
    )


@cache
def _transport_roots() -> RootKeys:
    return RootKeys({slot: os.urandom(16) for slot in transport_slots()})


def _whole_card(store: KeyStore, profile: Profile) -> Memory:
    """A card of generation 3 with money for journeys, and a key to sign with."""
    fields = {"transport": {"balance_fen": 5_000, "suite": "3des"}, "certificates": {}}
    memory = issue_card(
        3, store, Holder.from_object(_HOLDER | fields), serial=_SERIAL, profile=profile,
        transport=TransportIssuer(_transport_roots()),
    )  # fmt: skip
    connection = connect_card(Card(memory))
    connection.power_on()
    request_key(PkiClient(connection))
    return memory


@cache
def _bank_roots() -> RootKeys:
    return RootKeys({slot: os.urandom(16) for slot in bank_slots()})


@cache
def _bank_keys(oda: str) -> Bank:
    """A bank with certificates of the scheme that an offline authentication needs."""
    if oda == "none":
        return Bank(_bank_roots())
    schemes = ("sm2",) if oda == "sm2" else ("rsa",)
    return Bank(_bank_roots(), BankAuthority.create("623999", "1236", schemes))


def _bank_card(store: KeyStore, oda: str) -> Memory:
    """A card of generation 3 with bank PIN and electronic cash."""
    holder = Holder.from_object(_HOLDER | {"bank": {**_ACCOUNT, "oda": oda}})
    return issue_card(3, store, holder, serial=_SERIAL, bank=_bank_keys(oda))


_RUNS: Final = {
    "card": _run_card,
    "psam": _run_psam,
    "bank": _run_bank,
    "terminal": _run_terminal,
}
