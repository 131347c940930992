# SPDX-License-Identifier: Apache-2.0
"""Sessions in a file: record what a terminal and its cards say, and replay it as a test.

A recording is JSON lines. The first is ``{"format": "sscard-recording/1"}``, then one for each
call, in order: ``{"slot": "card", "do": "transmit", "command": HEX, "answer": HEX}``, with
``power_on``, ``reset`` (``"atr"``) and ``power_off``; ``"error"`` in place of an answer names a
connection that failed. It holds PINs and citizens' data as they went over the line, so only its
owner can read the file.

>>> from sscard_chip.terminal.connection import connect_card
>>> with Recording("sale.jsonl") as recording:
...     atr = recording.connection(connect_card(card), "card").power_on()
>>> print(open("sale.jsonl").readline().strip())
{"format": "sscard-recording/1"}
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from sscard_chip.closing import Closing
from sscard_chip.standard.documents import (
    Broken,
    DocumentError,
    Model,
    RuleFinding,
    convert,
    find,
    parse_json,
    rule,
)
from sscard_chip.standard.errors import TerminalError
from sscard_chip.terminal.connection import (
    CardRemovedError,
    Connection,
    ForwardingConnection,
    NoAnswerError,
    NoCardError,
    NotConnectedError,
    ReaderError,
    ShortAnswerError,
    TerminalConnectionError,
)

FORMAT: Final = "sscard-recording/1"
_ERRORS: Final[Mapping[str, type[TerminalConnectionError]]] = {
    error.__name__: error
    for error in (
        CardRemovedError,
        NoAnswerError,
        NoCardError,
        NotConnectedError,
        ReaderError,
        ShortAnswerError,
    )
}
_CALLS: Final = {"power_on": "atr", "reset": "atr", "power_off": "", "transmit": "answer"}
_HEX: Final = rule("must be hexadecimal", pattern="(?:[0-9A-Fa-f]{2})*")
_Hex = Annotated[str, _HEX]


class RecordingError(DocumentError):
    """A recording that cannot be read; file, lines and rules."""


class RecordingHead(Model, frozen=True):
    """The first line of a recording."""

    WHAT = "the first line"

    format: Annotated[Literal["sscard-recording/1"], rule(f'must be "{FORMAT}"')]


class RecordedCall(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a recording: what a terminal and its cards said (sscard-recording/1)."""

    WHAT = "a line"

    slot: Annotated[str, rule(title="Such as card or psam")]
    do: Annotated[
        Literal["power_on", "reset", "power_off", "transmit"],
        rule("must be power_on, reset, power_off or transmit"),
    ]
    command: Annotated[_Hex | None, _HEX] = None
    answer: Annotated[_Hex | None, _HEX] = None
    atr: Annotated[_Hex | None, _HEX] = None
    error: Annotated[
        str | None,
        rule(
            f"must be one of {', '.join(_ERRORS)}",
            pattern="|".join(_ERRORS),
            title="In place of an answer: the connection failed",
        ),
    ] = None

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """A call has its own fields: a command of transmit, an answer or what failed."""
        call = good.get("do")
        if call is None:
            return
        result = _CALLS[call]
        own = {"command"} if call == "transmit" else set()
        wanted = own | ({result} if result and "error" in good and not good["error"] else set())
        for name in ("command", "answer", "atr"):
            given = good.get(name, "")
            if given is None and name in wanted:
                yield (name,), f"is required of {call}"
            elif given and name not in own | {result}:
                yield (name,), f"a line of {call} does not have it"

    @property
    def result(self) -> str:
        """The answer or ATR in hex."""
        return self.answer or self.atr or ""


class DeviationError(TerminalError):
    """The terminal does something else than the recording: file, line, what was expected.

    Of commands the header is reported, never the data.
    """


class Recording(Closing):
    """A recording that is being made; each line is written as it happens."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Begin a new file.

        :raises OSError: also when it exists.
        """
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "w", encoding="ascii")
        self._write({"format": FORMAT})

    def connection(self, connection: Connection, slot: str = "card") -> RecordedConnection:
        """``connection`` with everything that goes over it recorded under the name ``slot``."""
        return RecordedConnection(connection, lambda entry: self._write({"slot": slot, **entry}))

    def close(self) -> None:
        """End the recording."""
        self._file.close()

    def _write(self, entry: Mapping[str, str]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


class RecordedConnection(ForwardingConnection):
    """A connection that records every call but a look at the ATR."""

    def __init__(self, connection: Connection, write: Callable[[Mapping[str, str]], None]) -> None:
        super().__init__(connection)
        self._write = write

    def power_on(self) -> bytes:
        """Power on."""
        return self._call({"do": "power_on"}, super().power_on)

    def reset(self) -> bytes:
        """Reset."""
        return self._call({"do": "reset"}, super().reset)

    def power_off(self) -> None:
        """Power off."""
        super().power_off()
        self._write({"do": "power_off"})

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command."""
        entry = {"do": "transmit", "command": apdu.hex().upper()}
        return self._call(entry, lambda: self._connection.transmit(apdu))

    def _call(self, entry: dict[str, str], call: Callable[[], bytes]) -> bytes:
        try:
            answer = call()
        except TerminalConnectionError as error:
            self._write({**entry, "error": type(error).__name__})
            raise
        self._write({**entry, _CALLS[entry["do"]]: answer.hex().upper()})
        return answer


class Replay:
    """A recorded session. Each slot plays its own lines in their order."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file of a recording.

        :raises OSError:
        :raises RecordingError:
        """
        self._source = os.fspath(path)
        self._slots: dict[str, list[tuple[int, RecordedCall]]] = {}
        findings: list[RuleFinding] = []
        for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
            value = self._value(number, line)
            found = find(RecordedCall if number > 1 else RecordingHead, value)
            findings += (one._replace(line=number) for one in found)
            if number > 1 and not findings:
                call = convert(RecordedCall, value)
                self._slots.setdefault(call.slot, []).append((number, call))
        if findings:
            raise RecordingError.of(self._source, findings)
        if not self._slots:
            raise RecordingError(self._source, "", "holds no session")

    def connection(self, slot: str = "card") -> ReplayedConnection:
        """The connection of a slot, from its first line.

        :raises RecordingError:
        """
        if slot not in self._slots:
            raise RecordingError(self._source, "", f"has no slot {slot!r}")
        return ReplayedConnection(self._source, self._slots[slot])

    def _value(self, number: int, line: bytes) -> Any:
        try:
            return parse_json(line, self._source, RecordingError)
        except RecordingError as error:
            raise RecordingError(self._source, "", error.rule, number) from None


class ReplayedConnection:
    """A connection that answers what was recorded, as long as it is asked what was recorded.

    Every method raises :class:`DeviationError` when it is not.
    """

    def __init__(self, source: str, entries: list[tuple[int, RecordedCall]]) -> None:
        self._source = source
        self._entries = entries
        self._next = 0
        self._atr = next((bytes.fromhex(call.atr) for _, call in entries if call.atr), b"")

    @property
    def atr(self) -> bytes:
        """The ATR as last recorded; before the first power-on that of it."""
        return self._atr

    @property
    def finished(self) -> bool:
        """Whether every line was played."""
        return self._next == len(self._entries)

    def require_finished(self) -> None:
        """See that no lines are left.

        :raises DeviationError: when lines are left.
        """
        if not self.finished:
            number, call = self._entries[self._next]
            name = _name(call.do, call.command)
            raise DeviationError(f"{self._source} line {number}: {name} was not asked for")

    def power_on(self) -> bytes:
        """The recorded ATR."""
        self._atr = self._play("power_on")
        return self._atr

    def reset(self) -> bytes:
        """The recorded ATR."""
        self._atr = self._play("reset")
        return self._atr

    def power_off(self) -> None:
        """As recorded."""
        self._play("power_off")

    def transmit(self, apdu: bytes) -> bytes:
        """The recorded answer to a recorded command."""
        return self._play("transmit", apdu.hex().upper())

    def _play(self, do: str, command: str | None = None) -> bytes:
        got = _name(do, command)
        if self.finished:
            raise DeviationError(f"{self._source}: ended before {got}")
        number, call = self._entries[self._next]
        if (call.do, (call.command or "").upper()) != (do, command or ""):
            expected = _name(call.do, call.command)
            if expected == got:
                got = "other data or another Le"
            raise DeviationError(f"{self._source} line {number}: expected {expected}, got {got}")
        self._next += 1
        if call.error is not None:
            raise _ERRORS[call.error]("as recorded")
        return bytes.fromhex(call.result)


def _name(do: str, command: str | None) -> str:
    """What a line does, of a command the header only."""
    return do.replace("_", " ") if command is None else f"command {command[:8].upper()}"
