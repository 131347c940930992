# SPDX-License-Identifier: Apache-2.0
"""Fixtures for people who test software against the card: ``pip install sscard-chip`` is enough.

::

    def test_terminal_reads_the_card_number(issue_sscard):
        card = issue_sscard(generation=2, card_number="Y12345679")
        card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
        assert card.transmit(bytes.fromhex("00B2072C00")) == b"\\x07\\x09Y12345679\\x90\\x00"

- ``issue_sscard``: a function that issues a card in memory and powers it on. Its arguments are
  the generation, then by name ``broken`` (a way of ``sscard broken list``), ``algorithm``,
  ``serial``, ``profile`` and ``today`` (the day of issue: a day long ago makes a card that is out
  of date), and changes to the holder. Cards are powered off when the test ends.
- ``sscard_holder``: the holder's fields, a new dict in each test, free to be changed.
- ``sscard_roots``: random root keys, one set in a run; a terminal or PSAM under test is handed
  the same.
- ``sscard_bank``: a bank with root keys and test certificates, one in a run. A card of a holder
  with ``bank={"pan": "6239990000000012344"}`` is its; hosts under test are handed
  ``sscard_bank.store``, terminals ``sscard_bank.authority.for_terminals()``.
- ``sscard_psam``: a function that makes a PSAM with the keys of ``sscard_roots``, powered on; its
  arguments are those of :func:`issuance.psam.make_psam`, ``level`` 3 and a terminal of Chengdu
  unless said.
- ``sscard_reader``: a PC/SC reader with two slots and a pcscd of its own, empty at the start of
  each test: ``sscard_reader.insert(card)`` gives the name that programs find it by, ``remove()``
  pulls the card out, ``arm(FaultAt(...))`` makes it fail. Skips where pcscd or vpcd is missing.
- ``sscard_till``: a function that opens a pharmacy's till with a card, for ``till.sell``; the PSAM
  is one of ``sscard_psam``, the holder types 135790 unless said, the day file is in ``tmp_path``.
- ``sscard_centre``: a settlement centre with an empty ledger: ``register(card, opening_fen=…)``
  puts a card into it, ``sscard_till(card, centre=sscard_centre)`` is a till that asks it (mode 1),
  ``settle(day_file)`` takes a day in, ``balance_fen()`` is what it has in its books, and ``url``
  where it is served over HTTP. Skips where the extra ``settlement`` is missing.

pytest imports this module in every run, so the rest of the project is imported by the fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    import os
    from datetime import date
    from pathlib import Path

    from issuance.bank.personalise import Bank
    from issuance.fixtures.centre import CentreOnDesk
    from issuance.fixtures.reader import ReaderOnDesk
    from issuance.roots import RootKeys
    from sscard_chip.card import Card
    from sscard_chip.profile.model import Profile
    from sscard_chip.reader.interface import Connection
    from sscard_chip.reader.pcscd import PrivateDaemon
    from sscard_chip.terminal.pos import Hotlist, Till


_PIN, _PAN = "135790", "6239990000000012344"
"""Of cards that must have what is broken."""
_TERMINAL, _PHARMACY, _CITY = "510100000001", "P51010000001", "510100"


class IssueCard(Protocol):
    """What ``issue_sscard`` is."""

    def __call__(
        self,
        generation: int = 3,
        *,
        broken: str | None = None,
        algorithm: str | None = None,
        serial: bytes | None = None,
        profile: Profile | None = None,
        today: date | None = None,
        **changes: object,
    ) -> Card:
        """A powered card of an invented holder with ``changes``; see the fixture."""


class MakePsam(Protocol):
    """What ``sscard_psam`` is."""

    def __call__(self, level: int = 3, *, terminal_id: str = _TERMINAL, **changes: object) -> Card:
        """A powered PSAM; ``changes`` as of :func:`issuance.psam.make_psam`."""


class OpenTill(Protocol):
    """What ``sscard_till`` is."""

    def __call__(
        self,
        card: Card | Connection,
        *,
        pin: str | None = _PIN,
        psam: Card | Connection | None = None,
        hotlist: Hotlist | None = None,
        day_file: str | os.PathLike[str] | None = None,
        centre: CentreOnDesk | None = None,
    ) -> Till:
        """A till of a region that settles off-line (mode 3), with ``centre`` on-line (mode 1);
        ``pin`` None cancels."""


@pytest.fixture(scope="session")
def sscard_roots() -> RootKeys:
    """Random root keys of both suites, the same in the whole run."""
    from issuance.roots import create_roots

    return create_roots()


@pytest.fixture(scope="session")
def sscard_bank() -> Bank:
    """A bank whose account numbers begin with 623999; without the extra ``sm2`` it has
    certificates of RSA only."""
    import os

    from issuance.bank.authority import BankAuthority
    from issuance.bank.personalise import Bank
    from issuance.bank.roots import bank_slots
    from issuance.roots import RootKeys
    from sscard_chip.security.oda.schemes import SCHEMES
    from sscard_chip.security.sm2 import Sm2Error, default_library

    schemes = list(SCHEMES)
    try:
        default_library()
    except Sm2Error:
        schemes.remove("sm2")
    keys = RootKeys({slot: os.urandom(16) for slot in bank_slots()})
    return Bank(keys, BankAuthority.create("623999", "1249", schemes))


@pytest.fixture
def sscard_holder() -> dict[str, object]:
    """The fields of an invented holder as in a ``HOLDER.json`` file."""
    from issuance.fixtures.holder import INVENTED_HOLDER

    return dict(INVENTED_HOLDER)


@pytest.fixture
def issue_sscard(
    request: pytest.FixtureRequest, sscard_roots: RootKeys, sscard_holder: dict[str, object]
) -> Iterator[IssueCard]:
    """Issue cards in memory, powered on; they are powered off when the test ends."""
    from issuance.broken import BROKEN, break_card
    from issuance.holder import Holder
    from issuance.personalise import issue_card
    from sscard_chip.card import Card
    from sscard_chip.profile import for_generation

    cards: list[Card] = []

    def issue(
        generation: int = 3,
        *,
        broken: str | None = None,
        algorithm: str | None = None,
        serial: bytes | None = None,
        profile: Profile | None = None,
        today: date | None = None,
        **changes: object,
    ) -> Card:
        way = BROKEN.get(broken) if broken else None
        needed: dict[str, object] = {"pin": _PIN} if way else {}
        if way and way.needs_account:
            needed["account"] = {"balance_fen": 10_000}
        if way and way.needs_bank:
            needed["bank"] = {"pan": _PAN}
        holder = Holder.from_object({**sscard_holder, **needed, **changes}, today=today)
        linked = holder.bank is not None and (profile or for_generation(generation)).bank
        memory = issue_card(
            generation,
            sscard_roots,
            holder,
            algorithm=algorithm,
            serial=serial,
            profile=profile,
            bank=request.getfixturevalue("sscard_bank") if linked else None,
        )
        card = Card(memory if broken is None else break_card(memory, broken))
        card.power_on()
        cards.append(card)
        return card

    yield issue
    for card in cards:
        card.close()


@pytest.fixture
def sscard_psam(sscard_roots: RootKeys) -> Iterator[MakePsam]:
    """Make PSAMs in memory, powered on; they are powered off when the test ends."""
    from issuance.psam import make_psam
    from sscard_chip.card import Card

    made: list[Card] = []

    def make(level: int = 3, *, terminal_id: str = _TERMINAL, **changes: Any) -> Card:
        card = Card(make_psam(sscard_roots, level=level, terminal_id=terminal_id, **changes))
        card.power_on()
        made.append(card)
        return card

    yield make
    for card in made:
        card.close()


@pytest.fixture(scope="session")
def _sscard_pcscd() -> Iterator[PrivateDaemon]:
    """One pcscd for the whole run; the PC/SC library looks for it once."""
    from sscard_chip.reader.pcscd import SOCKET_VARIABLE, PcscUnavailableError, PrivateDaemon

    with ExitStack() as stack:
        try:
            daemon = stack.enter_context(PrivateDaemon())
        except PcscUnavailableError as error:
            pytest.skip(str(error))
        stack.enter_context(pytest.MonkeyPatch.context()).setenv(
            SOCKET_VARIABLE, daemon.socket_path
        )
        yield daemon


@pytest.fixture(scope="session")
def _sscard_slots(_sscard_pcscd: PrivateDaemon) -> Iterator[ReaderOnDesk]:
    from issuance.fixtures.reader import ReaderOnDesk

    with ReaderOnDesk(_sscard_pcscd) as reader:
        yield reader


@pytest.fixture
def sscard_reader(_sscard_slots: ReaderOnDesk) -> Iterator[ReaderOnDesk]:
    """A PC/SC reader with two slots, empty at first, for this test alone."""
    yield _sscard_slots
    _sscard_slots.clear()


@pytest.fixture
def sscard_till(sscard_psam: MakePsam, tmp_path: Path) -> Iterator[OpenTill]:
    """Open tills; they are closed when the test ends, with their day files in ``tmp_path``."""
    from sscard_chip.card import Card
    from sscard_chip.standard.settlement_mode import SettlementMode, SettlementRegion
    from sscard_chip.terminal.connection import connect_card
    from sscard_chip.terminal.pos import Till, TillSettings

    tills: list[Till] = []

    def connected(card: Card | Connection) -> Connection:
        return connect_card(card) if isinstance(card, Card) else card

    def open_till(
        card: Card | Connection,
        *,
        pin: str | None = _PIN,
        psam: Card | Connection | None = None,
        hotlist: Hotlist | None = None,
        day_file: str | os.PathLike[str] | None = None,
        centre: CentreOnDesk | None = None,
    ) -> Till:
        mode = SettlementMode.ONLINE if centre else SettlementMode.OFFLINE
        till = Till.open(
            TillSettings(_PHARMACY, SettlementRegion(_CITY, mode)),
            connected(card),
            connected(psam or sscard_psam()),
            day_file or tmp_path / "DAY.tsv",
            pin_entry=lambda left: pin,
            hotlist=hotlist,
            authoriser=centre.authoriser if centre else None,
        )
        tills.append(till)
        return till

    yield open_till
    for till in tills:
        till.close()


@pytest.fixture(scope="session")
def _sscard_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger, made once in the run."""
    from issuance.fixtures.centre import template_ledger
    from sscard_chip.standard.errors import ExtraMissingError

    try:
        return template_ledger(tmp_path_factory.mktemp("centre") / "empty.db")
    except ExtraMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def sscard_centre(
    _sscard_ledger: Path, sscard_roots: RootKeys, tmp_path: Path
) -> Iterator[CentreOnDesk]:
    """A settlement centre with an empty ledger, for this test alone."""
    from issuance.fixtures.centre import CentreOnDesk

    with CentreOnDesk(tmp_path, sscard_roots, _sscard_ledger) as centre:
        yield centre
