# SPDX-License-Identifier: Apache-2.0
"""A card behind the interface that a command asks for, and a trace of what is said to it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import click

from sscard_chip import Card
from sscard_chip.reader import Connection, ContactInterface, ContactlessInterface
from sscard_chip.trace import PcapngFile, Tracer
from sscard_cli.output import say


def connect_image(card: Card, interface: str | None) -> Connection:
    """The card itself, or behind T=0 or the contactless interface.

    :raises InterfaceNotSupportedError: for contactless before generation 3.
    """
    if interface == "contact":
        return ContactInterface(card)
    return ContactlessInterface(card) if interface == "contactless" else card


class TraceLog:
    """Traces of the slots: on stderr, and in a file for Wireshark."""

    def __init__(self, tracers: list[Tracer], pcapng: PcapngFile | None = None) -> None:
        self._tracers = tracers
        self._pcapng = pcapng

    def reset(self, slot: int, atr: bytes) -> None:
        """A power-on or a reset of a slot."""
        now = time.time()
        if self._tracers:
            click.echo(self._tracers[slot].reset(atr, now), err=True)
        if self._pcapng:
            self._pcapng.reset(slot, atr, now)

    def exchange(self, slot: int, command: bytes, answer: bytes, _seconds: float = 0) -> None:
        """A command of a slot; has the form of a reader's observer."""
        now = time.time()
        if self._tracers:
            click.echo(self._tracers[slot].format(command, answer, now), err=True)
        if self._pcapng:
            self._pcapng.exchange(slot, command, answer, now)


def open_trace(
    trace: bool, unsafe: bool, pcapng: Path | None, slots: int = 1, *, stack: ExitStack
) -> TraceLog | None:
    """The trace that the options ask for, with a warning when it has secrets.

    A file of it is closed with ``stack``.
    """
    if not (trace or unsafe or pcapng):
        return None
    file = stack.enter_context(PcapngFile(pcapng, slots)) if pcapng else None
    if unsafe or pcapng:
        which = "this trace" if unsafe else str(pcapng)
        verb = "shows" if unsafe else "has"
        say(f"sscard: warning: {which} {verb} PINs and citizens' data", err=True)
    names = [f"slot {number}" if slots > 1 else "" for number in range(1, slots + 1)]
    shown = [Tracer(unsafe, slot=name) for name in names] if trace or unsafe else []
    return TraceLog(shown, file)
