# SPDX-License-Identifier: Apache-2.0
"""Row 4: READ RECORD through a real PC/SC stack, against a card that does nothing.

pyscard -> pcscd -> vpcd -> virtual reader -> card. Both cards share one slot and a command of
class FF changes from one to the other, so that all of the path is the same, down to threads and
sockets. Two slots would be served by two threads, which a busy machine treats unlike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.rows import Row, UnavailableError, paired
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.roots import create_roots
from sscard_chip.card import Card
from sscard_chip.reader import Connection, ContactInterface, serve
from sscard_chip.reader.pcscd import (
    READER_NAMES,
    SOCKET_VARIABLE,
    PcscUnavailableError,
    PrivateDaemon,
)
from sscard_chip.standard.commands import READ_RECORD, SELECT
from sscard_chip.standard.identifiers import SSSE_NAME
from sscard_chip.terminal.connection import ForwardingConnection

GOAL: Final = 0.90
LOWEST_RATE: Final = 500
WINDOW: Final = 20
PAIRS: Final = 1000

_ROOT: Final = Path(__file__).resolve().parent.parent
_SELECT: Final = SELECT.apdu(0x04, data=SSSE_NAME)
_READ_RECORD: Final = READ_RECORD.apdu(0x07, 0x2C, le=11)
"""Card number (卡号): record 7 of EF05, by its SFI; 9 bytes with tag and length."""

_ANSWER_LENGTH: Final = 13
_PRESENCE_TIMEOUT_S: Final = 15.0


_TO_CARD: Final = bytes.fromhex("FF000000")
_TO_ECHO: Final = bytes.fromhex("FF010000")


class _CardAndEcho(ForwardingConnection):
    """A slot with two cards: a real one, and one that answers everything with the same bytes."""

    def __init__(self, card: Connection) -> None:
        super().__init__(card)
        echo = bytes(_ANSWER_LENGTH - 2) + b"\x90\x00"
        self._targets: tuple[Callable[[bytes], bytes], ...] = (card.transmit, lambda _: echo)
        self._target: Callable[[bytes], bytes] = card.transmit

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[0] == 0xFF:
            self._target = self._targets[apdu[1]]
            return b"\x90\x00"
        return self._target(apdu)


def rows() -> list[Row]:
    """Measure and return row 4.

    :raises UnavailableError: without pyscard, pcscd or vpcd.
    """
    measured = measure()
    rate, ratio = measured["rate"], measured["ratio"]
    detail = f"{rate:.0f} commands/s, the card that echoes {measured['echo_rate']:.0f}/s"
    what = "READ RECORD over PC/SC / the same path to a card that echoes"
    return [Row(4, what, ratio, GOAL, ">=", detail, extra=rate > LOWEST_RATE)]


def measure() -> dict[str, float]:
    """Return ``ratio`` of the rates, ``rate`` and ``echo_rate`` in commands per second.

    :raises UnavailableError: without pyscard, pcscd or vpcd.
    """
    with ExitStack() as stack:
        try:
            daemon = stack.enter_context(PrivateDaemon())
        except PcscUnavailableError as error:
            raise UnavailableError(str(error)) from error
        stack.enter_context(_served(daemon))
        send = stack.enter_context(_client(daemon))
        send(_SELECT)
        for card in (_TO_CARD, _TO_ECHO):
            send(card)
            answer = send(_READ_RECORD)
            if len(answer) != _ANSWER_LENGTH or answer[-2:] != b"\x90\x00":
                raise RuntimeError(f"READ RECORD answers {answer[-2:].hex().upper()}")

        def window() -> None:
            for _ in range(WINDOW):
                send(_READ_RECORD)

        result = paired(
            window,
            window,
            time.perf_counter,
            pairs=PAIRS,
            before_first=lambda: send(_TO_ECHO),
            before_second=lambda: send(_TO_CARD),
        )
    return {
        "ratio": result.ratio,
        "rate": WINDOW / result.second,
        "echo_rate": WINDOW / result.first,
    }


@contextmanager
def _served(daemon: PrivateDaemon) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.pcsc", str(daemon.port)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _client(daemon: PrivateDaemon) -> Iterator[Callable[[bytes], bytes]]:
    """Yield a function that sends a command by SCardTransmit."""
    try:
        from smartcard import scard
    except ImportError as error:
        raise UnavailableError(
            "pyscard is not installed (pip install '.[pcsc]' in a clone of sscard-chip)"
        ) from error
    before = os.environ.get(SOCKET_VARIABLE)
    os.environ[SOCKET_VARIABLE] = daemon.socket_path
    try:
        result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    finally:
        if before is None:
            del os.environ[SOCKET_VARIABLE]
        else:
            os.environ[SOCKET_VARIABLE] = before
    if result != scard.SCARD_S_SUCCESS:
        # The PC/SC library asks for the environment variable once in a process.
        raise UnavailableError(
            f"this process uses another pcscd: {scard.SCardGetErrorMessage(result)}"
        )
    handle = _connect(scard, context)
    transmit, header = scard.SCardTransmit, scard.SCARD_PCI_T0

    def send(command: bytes) -> bytes:
        result, answer = transmit(handle, header, list(command))
        if result:
            raise RuntimeError(scard.SCardGetErrorMessage(result))
        return bytes(answer)

    yield send
    scard.SCardDisconnect(handle, scard.SCARD_UNPOWER_CARD)
    scard.SCardReleaseContext(context)


def _connect(scard: Any, context: Any) -> Any:
    deadline = time.monotonic() + _PRESENCE_TIMEOUT_S
    while True:
        result, handle, _ = scard.SCardConnect(
            context, READER_NAMES[0], scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0
        )
        if result == scard.SCARD_S_SUCCESS:
            return handle
        if time.monotonic() > deadline:
            raise RuntimeError(f"{READER_NAMES[0]}: {scard.SCardGetErrorMessage(result)}")
        time.sleep(0.05)


def sample_card() -> Card:
    """An issued card of generation 3, in memory."""
    holder = Holder.load(_ROOT / "examples" / "holder.json")
    return Card(issue_card(3, create_roots(), holder))


if __name__ == "__main__":
    serve([_CardAndEcho(ContactInterface(sample_card()))], port=int(sys.argv[1]))
