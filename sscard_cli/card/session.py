# SPDX-License-Identifier: Apache-2.0
"""A card behind the interface that a command asks for, and a trace of what is said to it."""

from __future__ import annotations

import time

import click

from sscard_chip import Card
from sscard_chip.reader import Connection, ContactInterface, ContactlessInterface
from sscard_chip.trace import Tracer


def connect_image(card: Card, interface: str | None) -> Connection:
    """The card itself, or behind T=0 or the contactless interface.

    :raises InterfaceNotSupportedError: for contactless before generation 3.
    """
    if interface == "contact":
        return ContactInterface(card)
    return ContactlessInterface(card) if interface == "contactless" else card


class TraceLog:
    """Traces of the slots on stderr."""

    def __init__(self, tracers: list[Tracer]) -> None:
        self._tracers = tracers

    def reset(self, slot: int, atr: bytes) -> None:
        """A power-on or a reset of a slot."""
        click.echo(self._tracers[slot].reset(atr, time.time()), err=True)

    def exchange(self, slot: int, command: bytes, answer: bytes, _seconds: float = 0) -> None:
        """A command of a slot; has the form of a reader's observer."""
        click.echo(self._tracers[slot].format(command, answer, time.time()), err=True)


def open_trace(trace: bool, unsafe: bool, slots: int = 1) -> TraceLog | None:
    """The trace that the options ask for, with a warning when it shows secrets."""
    if not (trace or unsafe):
        return None
    if unsafe:
        click.echo("sscard: warning: this trace shows PINs and citizens' data", err=True)
    names = [f"slot {number}" if slots > 1 else "" for number in range(1, slots + 1)]
    return TraceLog([Tracer(unsafe, slot=name) for name in names])
