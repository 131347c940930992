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

pytest imports this module in every run, so the rest of the project is imported by the fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from datetime import date

    from issuance.bank.personalise import Bank
    from issuance.roots import RootKeys
    from sscard_chip.card import Card
    from sscard_chip.profile.model import Profile


_PIN, _PAN = "135790", "6239990000000012344"
"""Of cards that must have what is broken."""


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
    return {
        "social_security_number": "990000200102030012",
        "name": "林知夏",
        "sex": "1",
        "nation": "01",
        "birthplace": "510104",
        "birth_date": "20010203",
        "card_number": "Z00000013",
        "city": "510100",
    }


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
