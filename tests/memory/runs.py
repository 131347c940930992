# SPDX-License-Identifier: Apache-2.0
"""A run of commands on a card whose medium remembers every write, and what a cut may leave."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

from sscard_chip.memory import Durability, Memory, create_image
from sscard_chip.memory.image import open_medium
from tests.memory.medium import Done, RamMedium, RecordingMedium

JOURNAL_SIZE = 2600
"""So small that every few commands the journal is full and the cells go into a slot."""

LASTING = (Durability.OS, Durability.DISK)

Transmit = Callable[[bytes], bytes]


class Run:
    """What happened: command n took the memory from ``states[n]`` to ``states[n + 1]``.

    ``memory`` is a card's on a medium of its own; a card that is made of it talks through
    :meth:`watch`.
    """

    def __init__(self, memory: Memory, durability: Durability) -> None:
        image = create_image(memory, journal_size=JOURNAL_SIZE)
        self.medium = RecordingMedium(image, volatile=durability is Durability.DISK)
        self.memory = open_medium(self.medium, durability)
        self.states = [bytes(self.memory.cells)]
        self.commands: list[bytes] = []

    def watch(self, transmit: Transmit) -> Transmit:
        """``transmit`` of the card, every command numbered and its state kept."""

        def watched(apdu: bytes) -> bytes:
            self.medium.command = len(self.commands)
            answer = transmit(apdu)
            self.commands.append(apdu)
            self.states.append(bytes(self.memory.cells))
            return answer

        return watched

    @property
    def last(self) -> int:
        """Number of the last command."""
        return len(self.commands) - 1

    @property
    def writing(self) -> int:
        """How many commands have changed something."""
        return sum(before != after for before, after in pairwise(self.states))


def recover(image: bytes) -> Memory:
    """The memory that a card has which is powered on after a cut."""
    return open_medium(RamMedium(image), Durability.OS)


def check_every_cut(run: Run) -> None:
    """With each measure of the write being done: the state before or the state after, never a
    third; what was answered before is all there."""
    found = set()
    for cut in run.medium.cuts(random.Random(1)):
        before, after = run.states[cut.command : cut.command + 2]
        state = bytes(recover(cut.content).cells)
        assert state in (before, after), f"command {cut.command}, event {cut.index}, {cut.done}"
        found.add((cut.done, state == after))
    assert found >= {(Done.NONE, False), (Done.ALL, True), (Done.RANDOM, False)}
