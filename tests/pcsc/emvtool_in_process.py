# SPDX-License-Identifier: Apache-2.0
"""Run emvtool against a card image in its own process, no reader: IMAGE ARGUMENT...

It stands in for pyscard: a connection with the three methods that emvtool calls.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from sscard_chip.card import Card
from sscard_chip.reader import ContactInterface


class FakeConnection:
    """A connection over T=0."""

    T0_protocol = 1

    def __init__(self, interface: ContactInterface) -> None:
        self._interface = interface

    def connect(self, protocol: int) -> None:
        self._interface.power_on()

    def getProtocol(self) -> int:  # noqa: N802 (pyscard's name)
        return self.T0_protocol

    def transmit(self, command: list[int]) -> tuple[list[int], int, int]:
        *body, sw1, sw2 = self._interface.transmit(bytes(command))
        return body, sw1, sw2


class FakeReader:
    """The one reader."""

    def __init__(self, interface: ContactInterface) -> None:
        self._interface = interface

    def createConnection(self) -> FakeConnection:  # noqa: N802
        return FakeConnection(self._interface)


def main(image: str, *arguments: str) -> None:
    smartcard: Any = ModuleType("smartcard")
    smartcard.System = ModuleType("smartcard.System")
    with Card.open(image) as card:
        reader = FakeReader(ContactInterface(card))
        smartcard.System.readers = lambda: [reader]
        sys.modules |= {"smartcard": smartcard, "smartcard.System": smartcard.System}
        from emv.command.client import cli  # type: ignore[import-not-found]  # in its own venv

        cli(arguments, obj={})


if __name__ == "__main__":
    main(*sys.argv[1:])
