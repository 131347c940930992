# SPDX-License-Identifier: Apache-2.0
"""Row 4: READ RECORD through a real PC/SC stack, against a card that does nothing.

pyscard -> pcscd -> vpcd -> virtual reader -> card. Both cards sit in the two slots of one
private pcscd and are served by one process, so all of the path is the same but the card.
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
from sscard_chip.reader import ContactInterface, serve
from sscard_chip.reader.pcscd import (
    READER_NAMES,
    SOCKET_VARIABLE,
    PcscUnavailableError,
    PrivateDaemon,
)

GOAL: Final = 0.90
LOWEST_RATE: Final = 500
WINDOW: Final = 100
PAIRS: Final = 150

_ROOT: Final = Path(__file__).resolve().parent.parent
_SELECT: Final = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
_READ_RECORD: Final = bytes.fromhex("00B2072C0B")
"""Card number (卡号): record 7 of EF05, by its SFI; 9 bytes with tag and length."""

_ANSWER_LENGTH: Final = 13
_PRESENCE_TIMEOUT_S: Final = 15.0


class _Echo:
    """A card that answers everything with the same bytes, as long as the record's."""

    atr = bytes.fromhex("3B6D000000000000000086000000000000FF")[:17]

    def __init__(self) -> None:
        self._answer = bytes(_ANSWER_LENGTH - 2) + b"\x90\x00"

    def power_on(self) -> bytes:
        return self.atr

    def reset(self) -> bytes:
        return self.atr

    def power_off(self) -> None:
        return None

    def transmit(self, apdu: bytes) -> bytes:
        return self._answer


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
        send_card, send_echo = stack.enter_context(_clients(daemon))
        send_card(_SELECT)
        for send in (send_card, send_echo):
            answer = send(_READ_RECORD)
            if len(answer) != _ANSWER_LENGTH or answer[-2:] != b"\x90\x00":
                raise RuntimeError(f"READ RECORD answers {answer[-2:].hex().upper()}")

        def window(send: Callable[[bytes], bytes]) -> Callable[[], None]:
            def work() -> None:
                for _ in range(WINDOW):
                    send(_READ_RECORD)

            return work

        result = paired(window(send_echo), window(send_card), time.perf_counter, pairs=PAIRS)
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
def _clients(daemon: PrivateDaemon) -> Iterator[tuple[Callable[[bytes], bytes], ...]]:
    """Yield a function per slot that sends a command by SCardTransmit."""
    try:
        from smartcard import scard
    except ImportError as error:
        raise UnavailableError(
            "pyscard is not installed (pip install 'sscard-chip[pcsc]')"
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
    handles = [_connect(scard, context, name) for name in READER_NAMES]

    def sender(handle: Any) -> Callable[[bytes], bytes]:
        transmit, header = scard.SCardTransmit, scard.SCARD_PCI_T0

        def send(command: bytes) -> bytes:
            result, answer = transmit(handle, header, list(command))
            if result:
                raise RuntimeError(scard.SCardGetErrorMessage(result))
            return bytes(answer)

        return send

    yield tuple(sender(handle) for handle in handles)
    for handle in handles:
        scard.SCardDisconnect(handle, scard.SCARD_UNPOWER_CARD)
    scard.SCardReleaseContext(context)


def _connect(scard: Any, context: Any, name: str) -> Any:
    deadline = time.monotonic() + _PRESENCE_TIMEOUT_S
    while True:
        result, handle, _ = scard.SCardConnect(
            context, name, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0
        )
        if result == scard.SCARD_S_SUCCESS:
            return handle
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name}: {scard.SCardGetErrorMessage(result)}")
        time.sleep(0.05)


def sample_card() -> Card:
    """An issued card of generation 3, in memory."""
    holder = Holder.load(_ROOT / "examples" / "holder.json")
    return Card(issue_card(3, create_roots(), holder))


if __name__ == "__main__":
    serve([ContactInterface(sample_card()), _Echo()], port=int(sys.argv[1]))
