# SPDX-License-Identifier: Apache-2.0
"""The hands of a virtual reader from outside: a Unix socket beside ``sscard serve``.

One request a line and one answer a line, both JSON objects of at most 64 KiB. A request names
what to ``do`` and mostly a ``slot`` from 1::

    {"do": "status"}
    {"do": "insert", "slot": 1, "card": "zhang.ssc", "interface": "contactless"}
    {"do": "insert", "slot": 1}                      the card that was there
    {"do": "remove", "slot": 1}
    {"do": "swap", "slot": 1, "other": 2}
    {"do": "tap", "slot": 1, "card": "zhang.ssc", "seconds": 0.5}
    {"do": "fault", "faults": [{"fault": "mute", "command": "VERIFY"}]}
    {"do": "clear", "slot": 1}

The answer is ``{"slots": [...]}`` with what is in each slot then, or ``{"error": TEXT}``. The
socket is the owner's alone (0600); a path is opened as the user of the reader.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from sscard_chip.closing import Closing
from sscard_chip.memory import Durability
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.reader.hands import ReaderWithHands
from sscard_chip.reader.image import ImageInSlot
from sscard_chip.reader.interface import Connection
from sscard_chip.reader.scenario import FORMAT, MAX_SLOTS, PlannedFault, Scenario
from sscard_chip.standard.documents import Document, DocumentError, Model, parse_json, rule
from sscard_chip.standard.errors import CardReaderError, SscardError

MAX_LINE: Final = 1 << 16
_IDLE_S: Final = 60.0
_CLIENT_TIMEOUT_S: Final = 90.0
_MAX_CLIENTS: Final = 16


class ReaderControlError(CardReaderError):
    """The reader cannot do that, or nobody answers at its socket; one line."""


class ControlRequest(Model, frozen=True):
    """What the reader's hands are to do."""

    do: Annotated[
        Literal["status", "insert", "remove", "swap", "tap", "fault", "clear"],
        rule("must be status, insert, remove, swap, tap, fault or clear"),
    ]
    slot: Annotated[int, rule(ge=1, le=MAX_SLOTS)] = 1
    other: Annotated[int, rule(ge=1, le=MAX_SLOTS)] | None = None
    card: Annotated[str, rule(max_length=4096)] | None = None
    interface: Annotated[
        Literal["contact", "contactless"], rule("must be contact or contactless")
    ] = "contact"
    seconds: Annotated[float, rule("must be 0 to 60 seconds", ge=0, le=60)] = 2.0
    faults: list[PlannedFault] = []

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> list[Any]:
        """A swap has two slots."""
        swap = good.get("do") == "swap" and "other" in good
        return [(("other",), "is missing")] if swap and good["other"] is None else []


class ReaderControl(Closing):
    """Serves the socket of a reader, in threads of its own, until it is closed.

    A card image that is taken out by it is closed, and free for other programs until it is put
    in again. ``durability`` is that of the images that it opens.

    :raises ReaderControlError: when entered and the socket cannot be made.
    """

    def __init__(
        self,
        reader: ReaderWithHands,
        path: str | os.PathLike[str],
        *,
        durability: Durability = Durability.OS,
    ) -> None:
        self._reader = reader
        self.path = Path(path)
        self._durability = durability
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._clients = threading.BoundedSemaphore(_MAX_CLIENTS)

    def __enter__(self) -> Self:
        listener = socket.socket(socket.AF_UNIX)
        try:
            self._unlink_stale()
            mask = os.umask(0o177)
            try:
                listener.bind(os.fspath(self.path))
            finally:
                os.umask(mask)
        except OSError as error:
            listener.close()
            reason = error.strerror or str(error)
            raise ReaderControlError(f"{self.path}: no control socket: {reason}") from None
        listener.listen(_MAX_CLIENTS)
        self._listener = listener
        threading.Thread(
            target=self._accept, args=(listener,), name="reader control", daemon=True
        ).start()
        return self

    def close(self) -> None:
        """Take the socket away; the cards are the reader's."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            self.path.unlink(missing_ok=True)

    def _unlink_stale(self) -> None:
        """Remove a socket of a reader that was killed; anything else is in the way."""
        if not self.path.is_socket() or not stat.S_ISSOCK(self.path.lstat().st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(os.fspath(self.path))
            except ConnectionRefusedError:
                self.path.unlink()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if not self._clients.acquire(blocking=False):
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, client.makefile("rwb") as stream:
                client.settimeout(_IDLE_S)
                while line := stream.readline(MAX_LINE + 1):
                    stream.write(json.dumps(self._answer(line)).encode() + b"\n")
                    stream.flush()
                    if len(line) > MAX_LINE:
                        return
        except (OSError, ValueError):
            return
        finally:
            self._clients.release()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            if len(line) > MAX_LINE:
                raise ReaderControlError(f"a request is longer than {MAX_LINE} bytes")
            request = Document("request", parse_json(line, "request")).to(ControlRequest)
            with self._lock:
                self._do(request)
                return {"slots": self._status()}
        except (SscardError, OSError) as error:
            return {"error": " ".join(str(error).split())}

    def _do(self, request: ControlRequest) -> None:
        slot = self._slot(request.slot)
        match request.do:
            case "insert":
                self._insert(slot, request)
            case "remove":
                self._remove(slot)
            case "swap":
                self._reader.swap(slot, self._slot(request.other or 0))
            case "tap":
                self._insert(slot, request)
                time.sleep(request.seconds)
                self._remove(slot)
            case "fault":
                for one in request.faults:
                    self._slot(one.slot)
                for number, faults in Scenario(FORMAT, request.faults).of_slots().items():
                    self._reader.arm(number, *faults)
            case "clear":
                self._reader.disarm(slot)

    def _slot(self, number: int) -> int:
        count = len(self._reader.contents)
        if not 1 <= number <= count:
            raise ReaderControlError(f"slot {number}: the reader has {count}")
        return number - 1

    def _insert(self, slot: int, request: ControlRequest) -> None:
        before = self._reader.contents[slot].connection
        card: Connection | None = before
        path, contactless = request.card, request.interface == "contactless"
        if path is None and isinstance(before, ImageInSlot):
            path, contactless = os.fspath(before.path), before.contactless
        if path is not None:
            own = isinstance(before, ImageInSlot) and _same_file(before.path, path)
            if own:  # it has the lock of its file
                self._remove(slot)
            card = ImageInSlot(path, contactless=contactless, durability=self._durability)
            if not own:
                self._remove(slot)
        if card is None:
            raise ReaderControlError(f"slot {slot + 1}: no card was ever in it: name one")
        self._reader.insert(slot, card)

    def _remove(self, slot: int) -> None:
        content = self._reader.contents[slot]
        if content.present:
            self._reader.remove(slot)
        card = content.connection
        if isinstance(card, ImageInSlot) and not card.closed:
            card.close()

    def _status(self) -> list[dict[str, Any]]:
        return [_status(number, one) for number, one in enumerate(self._reader.contents, 1)]


def _same_file(one: Path, other: str) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _status(number: int, content: FaultyConnection) -> dict[str, Any]:
    card = content.connection
    return {
        "slot": number,
        "present": content.present,
        "card": os.fspath(card.path) if isinstance(card, ImageInSlot) else None,
        "exchanges": content.exchanges,
        "faults": [one.fault.value for one in content.armed],
    }


def ask_reader(path: str | os.PathLike[str], request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send a request to a reader's socket; what is in its slots then.

    :raises ReaderControlError: nobody answers there, or the reader refuses.
    """
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_CLIENT_TIMEOUT_S)
            client.connect(os.fspath(path))
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as stream:
                line = stream.readline(MAX_LINE + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReaderControlError(f"{path}: no reader answers: {reason}") from None
    try:
        answer = parse_json(line, os.fspath(path))
    except DocumentError as error:
        raise ReaderControlError(str(error)) from None
    if not isinstance(answer, dict) or "slots" not in answer:
        text = str(answer.get("error", "no answer")) if isinstance(answer, dict) else "no answer"
        raise ReaderControlError(text)
    slots: list[dict[str, Any]] = answer["slots"]
    return slots
