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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from sscard_chip.closing import Closing
from sscard_chip.standard.errors import InputError, TerminalError
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


class RecordingError(InputError):
    """A recording that cannot be read; file, line and rule."""


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
        self._slots: dict[str, list[tuple[int, dict[str, str]]]] = {}
        for number, text in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
            entry = self._parse(number, text)
            if number > 1:
                self._slots.setdefault(entry["slot"], []).append((number, entry))
        if not self._slots:
            raise RecordingError(f"{self._source}: holds no session")

    def connection(self, slot: str = "card") -> ReplayedConnection:
        """The connection of a slot, from its first line.

        :raises RecordingError:
        """
        if slot not in self._slots:
            raise RecordingError(f"{self._source}: has no slot {slot!r}")
        return ReplayedConnection(self._source, self._slots[slot])

    def _parse(self, number: int, text: str) -> dict[str, str]:
        where = f"{self._source} line {number}"
        try:
            entry = json.loads(text)
        except json.JSONDecodeError:
            raise RecordingError(f"{where}: is not JSON") from None
        if not isinstance(entry, dict) or not all(isinstance(v, str) for v in entry.values()):
            raise RecordingError(f"{where}: must be an object of texts")
        if number == 1:
            if entry.get("format") != FORMAT:
                raise RecordingError(f"{where}: format: must be {FORMAT}")
            return entry
        _check(where, entry)
        return entry


def _check(where: str, entry: Mapping[str, Any]) -> None:
    """Raise when a line lacks a field or has a wrong one."""
    result = _CALLS.get(entry.get("do", ""))
    if result is None or "slot" not in entry:
        raise RecordingError(f"{where}: needs slot, and do: {', '.join(_CALLS)}")
    unknown = entry.keys() - {"slot", "do", "command", "error", result}
    if unknown:
        raise RecordingError(f"{where}: has a field that a line of {entry['do']} does not have")
    if entry.get("error") is not None:
        if entry["error"] not in _ERRORS:
            raise RecordingError(f"{where}: error: must be one of {', '.join(_ERRORS)}")
        result = ""
    fields = [name for name in (result, "command" if entry["do"] == "transmit" else "") if name]
    for name in fields:
        try:
            bytes.fromhex(entry[name])
        except (KeyError, ValueError):
            raise RecordingError(f"{where}: {name}: must be hexadecimal") from None


class ReplayedConnection:
    """A connection that answers what was recorded, as long as it is asked what was recorded.

    Every method raises :class:`DeviationError` when it is not.
    """

    def __init__(self, source: str, entries: list[tuple[int, dict[str, str]]]) -> None:
        self._source = source
        self._entries = entries
        self._next = 0
        self._atr = next((bytes.fromhex(e["atr"]) for _, e in entries if "atr" in e), b"")

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
            number, entry = self._entries[self._next]
            raise DeviationError(f"{self._source} line {number}: {_name(entry)} was not asked for")

    def power_on(self) -> bytes:
        """The recorded ATR."""
        self._atr = self._play({"do": "power_on"})
        return self._atr

    def reset(self) -> bytes:
        """The recorded ATR."""
        self._atr = self._play({"do": "reset"})
        return self._atr

    def power_off(self) -> None:
        """As recorded."""
        self._play({"do": "power_off"})

    def transmit(self, apdu: bytes) -> bytes:
        """The recorded answer to a recorded command."""
        return self._play({"do": "transmit", "command": apdu.hex().upper()})

    def _play(self, asked: Mapping[str, str]) -> bytes:
        if self.finished:
            raise DeviationError(f"{self._source}: ended before {_name(asked)}")
        number, entry = self._entries[self._next]
        same = entry.get("command", "").upper() == asked.get("command", "")
        if entry["do"] != asked["do"] or not same:
            expected, got = _name(entry), _name(asked)
            if expected == got:
                got = "other data or another Le"
            raise DeviationError(f"{self._source} line {number}: expected {expected}, got {got}")
        self._next += 1
        if "error" in entry:
            raise _ERRORS[entry["error"]]("as recorded")
        return bytes.fromhex(entry.get(_CALLS[entry["do"]], ""))


def _name(entry: Mapping[str, str]) -> str:
    """What a line does, of a command the header only."""
    command = entry.get("command")
    return entry["do"].replace("_", " ") if command is None else f"command {command[:8].upper()}"
