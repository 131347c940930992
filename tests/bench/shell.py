# SPDX-License-Identifier: Apache-2.0
"""A shell on a test bench: an issued card, root keys, and connections that watch."""

from __future__ import annotations

from sscard_chip.terminal.connection import Connection, ForwardingConnection, connect_card
from sscard_chip.terminal.shell import Shell
from tests.bench.issued import Bench, roots


class Watch(ForwardingConnection):
    """A connection that keeps what is sent through it."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.sent: list[bytes] = []
        self.resets = 0

    def reset(self) -> bytes:
        self.resets += 1
        return super().reset()

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        return super().transmit(apdu)


class ShellBench:
    """A started shell on a card of a generation; changes of the holder as of ``Bench``."""

    def __init__(
        self,
        generation: int = 2,
        *,
        with_keys: bool = True,
        contactless: bool = False,
        unsafe: bool = False,
        answers: tuple[str, ...] = (),
        **changes: object,
    ) -> None:
        self.bench = Bench(generation, **changes)  # type: ignore[arg-type]
        self.watch = Watch(connect_card(self.bench.card, contactless=contactless))
        waiting = list(answers)
        self.shell = Shell(
            self.watch,
            keys=roots() if with_keys else None,
            unsafe=unsafe,
            ask=(lambda question: waiting.pop(0)) if answers else None,
        )
        self.started = self.shell.start().lines
        self.watch.sent.clear()

    def run(self, *lines: str) -> list[str]:
        """Lines that must pass; what the last one printed."""
        printed: tuple[str, ...] = ()
        for line in lines:
            reply = self.shell.run_line(line)
            assert reply.passed, (line, reply.lines)
            printed = reply.lines
        return list(printed)

    def fail(self, line: str) -> str:
        """The last line of a line that must not pass."""
        reply = self.shell.run_line(line)
        assert not reply.passed, reply.lines
        return reply.lines[-1]

    def sent(self, *lines: str) -> list[str]:
        """What the last of ``lines`` sent to the card, in hexadecimal."""
        self.run(*lines[:-1])
        self.watch.sent.clear()
        self.shell.run_line(lines[-1])
        return [apdu.hex().upper() for apdu in self.watch.sent]
