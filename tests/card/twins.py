# SPDX-License-Identifier: Apache-2.0
"""Two cards of one image that get every command: one takes its shortcuts, one only the long way.

After each command the answers, every cell of both memories and every field of both sessions must
be the same. :func:`state_of` walks over the slots of the session, so that a field that is added
later is compared too; what it cannot compare is an error and not a gap.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass

from sscard_chip.apdu.dispatch import Dispatcher, Shortcut
from sscard_chip.apdu.session import Session
from sscard_chip.applications.amounts import MedicalAccount, MedicalKeys
from sscard_chip.applications.bank.application import BankApplication
from sscard_chip.applications.medical import Load
from sscard_chip.applications.purse.accounts import PurseAccounts
from sscard_chip.card import Card
from sscard_chip.filesystem.files import ElementaryFile
from sscard_chip.filesystem.tree import Directory, FileSystem
from sscard_chip.memory import Memory
from sscard_chip.security.keys import KeyRecord
from sscard_chip.security.random import RandomSource
from sscard_chip.security.status import SecurityStatus

STATIC = {"applications", "memory", "execute"}
"""Slots of the session that no command changes, or that are compared by what they lead to."""


class CountedRandom(RandomSource):
    """Random bytes that a seed repeats; how many were taken is part of the card's state."""

    __slots__ = ("_source", "taken")

    def __init__(self, seed: str) -> None:
        super().__init__()
        self._source = random.Random(seed)
        self.taken = 0

    def take(self, length: int) -> bytes:
        self.taken += length
        return self._source.randbytes(length)


def session_of(card: Card) -> Session:
    """That of a powered card."""
    session = card._session
    assert session is not None
    return session


def state_of(card: Card) -> dict[str, object]:
    """Every field of the session, as values that two cards can be compared by."""
    session = session_of(card)
    names = [name for name in Session.__slots__ if name not in STATIC]
    state = {name: canonical(getattr(session, name)) for name in names}
    at_work = [kind for kind, a in session.applications.items() if a.execute == session.execute]
    return state | {"execute": at_work, "staged": list(session.memory.staged)}


def canonical(value: object) -> object:
    """What two cards must agree in: places in the memory for what is a view of it."""
    if value is None or isinstance(value, (bool, int, str, bytes)):
        return value
    if isinstance(value, (Directory, ElementaryFile, KeyRecord)):
        own = canonical(value.application) if isinstance(value, Directory) else None
        return type(value).__name__, value.offset, own
    if isinstance(value, MedicalAccount):
        keys = [sorted(found) for found in (value.purchase_keys, value.load_keys)]
        years = sorted(value.next_years.items())
        return "account", value.pin_offset, value.account_only, keys, years
    if isinstance(value, (BankApplication, PurseAccounts)):
        return type(value).__name__
    if isinstance(value, MedicalKeys):
        return "keys", value.key.offset, value.answer
    if isinstance(value, CountedRandom):
        return value.taken
    if isinstance(value, FileSystem):
        found = sorted((name, directory.offset) for name, directory in value.found.items())
        return found, [d.offset for d in value.directories], value.historical_bytes
    if isinstance(value, SecurityStatus):
        return {name: canonical(getattr(value, name)) for name in SecurityStatus.__slots__}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Load):
        return "load", *map(canonical, (value.account, value.keys, value.what, value.random))
    if isinstance(value, tuple):
        return tuple(map(canonical, value))
    if is_dataclass(value):
        return type(value).__name__, *(canonical(getattr(value, f.name)) for f in fields(value))
    raise TypeError(f"nothing says how to compare a {type(value).__name__}")


class Twins:
    """``fast`` takes its shortcuts, ``slow`` has none. ``taken`` counts shortcuts that answered.

    ``planted`` replaces shortcuts of ``fast``, by CLA and INS: a test of the test.
    """

    def __init__(
        self, memory: Memory, seed: str, planted: Mapping[bytes, Shortcut] | None = None
    ) -> None:
        self.seed = seed
        self.taken: Counter[bytes] = Counter()
        self.fast, self.slow = Card(memory), Card(memory.copy())
        self._rewire(
            self.fast, lambda name, own: self._counted(name, (planted or {}).get(name, own))
        )
        self._rewire(self.slow, None)
        self._powers = 0
        self.power_on()

    @staticmethod
    def _rewire(card: Card, shortcut: Callable[[bytes, Shortcut], Shortcut] | None) -> None:
        """Give a card dispatchers of its own, with other shortcuts or none."""
        own: dict[int, Dispatcher] = {}
        for kind, old in card._applications.items():
            assert isinstance(old, Dispatcher)
            found = {n: shortcut(n, s) for n, s in old._shortcuts.items()} if shortcut else {}
            own[kind] = Dispatcher(old.instructions, found, enter=old.enter, lasting=old._lasting)
        card._applications = own

    def _counted(self, name: bytes, shortcut: Shortcut) -> Shortcut:
        def counted(session: Session, apdu: bytes) -> bytes | None:
            body = shortcut(session, apdu)
            self.taken[name] += body is not None
            return body

        return counted

    def power_on(self) -> None:
        """Both, with the same random bytes to come."""
        self._powers += 1
        for card in (self.fast, self.slow):
            card.power_on()
            session_of(card).random = CountedRandom(f"{self.seed} {self._powers}")

    def transmit(self, command: bytes) -> bytes:
        """The answer of both. Raises AssertionError where they differ."""
        answer = self.fast.transmit(command)
        self.follow(command, answer)
        return answer

    def follow(self, command: bytes, answer: bytes) -> None:
        """Send ``slow`` what ``fast`` has answered, and compare both."""
        other = self.slow.transmit(command)
        where = f"seed {self.seed}: {command.hex()}"
        assert answer == other, f"{where} -> {answer.hex()}, the long way {other.hex()}"
        if self.fast._memory.cells != self.slow._memory.cells:
            pairs = zip(self.fast._memory.cells, self.slow._memory.cells, strict=True)
            at = next(at for at, (a, b) in enumerate(pairs) if a != b)
            raise AssertionError(f"{where}: the cell at {at:04X} differs")
        mine, its = state_of(self.fast), state_of(self.slow)
        differ = [name for name in mine if mine[name] != its[name]]
        assert not differ, f"{where}: {differ}: {[(mine[n], its[n]) for n in differ]}"
