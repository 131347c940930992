# SPDX-License-Identifier: Apache-2.0
"""Row 21: a thousand cards in the slots of one process, all asked in turn.

This process plays a vpcd with a port for each card; a child serves issued cards of generation 3,
each with a memory of its own. Memory is what the child holds more with the cards served than
before, thread and sockets included.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.cards import issue
from benchmarks.rows import Row, UnavailableError
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.reader import ContactInterface, VirtualReader
from sscard_chip.reader.framing import FrameSocket
from sscard_chip.standard.commands import READ_RECORD, SELECT
from sscard_chip.standard.identifiers import SSSE_NAME

CARDS: Final = 1000
GOAL_KIB: Final = 200.0
LOWEST_RATE: Final = 1000
ROUNDS: Final = 5
_FIRST_PORT: Final = 20000
_ROOT: Final = Path(__file__).resolve().parent.parent
_TIMEOUT_S: Final = 120.0
_POWER_ON: Final = b"\x01"
_SELECT: Final = SELECT.apdu(0x04, data=SSSE_NAME)
_READ_RECORD: Final = READ_RECORD.apdu(0x07, 0x2C, le=11)
_ANSWER_LENGTH: Final = 13


def rows(*, cards: int = CARDS, rounds: int = ROUNDS) -> list[Row]:
    """Serve so many cards and measure row 21."""
    with _listening(cards) as listeners, _serving(listeners[0].getsockname()[1], cards) as child:
        slots = [FrameSocket(listener.accept()[0]) for listener in listeners]
        for slot in slots:
            slot.send(_POWER_ON)
            slot.send(_SELECT)
        right = sum(slot.receive()[:1] == b"\x61" for slot in slots)
        started = time.perf_counter()
        for _ in range(rounds):
            for slot in slots:
                slot.send(_READ_RECORD)
            right += sum(len(slot.receive()) == _ANSWER_LENGTH for slot in slots)
        rate = rounds * cards / (time.perf_counter() - started)
        kib = _asked(child) / cards
    detail = (
        f"{rate:,.0f} answers a second over all (at least {LOWEST_RATE}),"
        f" {right} of {cards * (rounds + 1)} right"
    )
    good = right == cards * (rounds + 1) and rate >= LOWEST_RATE
    return [Row(21, f"{cards} cards in one process, KiB a card", kib, GOAL_KIB, "<=", detail, good)]


@contextmanager
def _listening(count: int) -> Iterator[list[socket.socket]]:
    """Listeners at neighbouring ports.

    :raises UnavailableError: this machine allows too few files, or has no such ports.
    """
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * count + 200
    if most != resource.RLIM_INFINITY and most < wanted:
        raise UnavailableError(f"a process may open {most} files, {wanted} are needed")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    for first in range(_FIRST_PORT, _FIRST_PORT + 8000, 1009):
        with ExitStack() as stack:
            try:
                listeners = [
                    stack.enter_context(socket.create_server(("127.0.0.1", first + number)))
                    for number in range(count)
                ]
            except OSError:
                continue
            for one in listeners:
                one.settimeout(_TIMEOUT_S)
            yield listeners
            return
    raise UnavailableError(f"no {count} neighbouring ports are free")


@contextmanager
def _serving(port: int, cards: int) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.thousand", str(port), str(cards)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.terminate()
        child.wait(_TIMEOUT_S)


def _asked(child: subprocess.Popen[str]) -> float:
    """KiB that the child says its cards take."""
    if child.stdin is None or child.stdout is None:
        return float("inf")
    child.stdin.write("\n")
    child.stdin.flush()
    return float(child.stdout.readline())


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


def _child(port: int, cards: int) -> None:
    """Serve until killed; when asked, what the cards take."""
    _, memory = issue(3, "sm4")
    cells = bytes(memory.cells)
    Card(Memory(bytearray(cells))).power_on()
    before = _resident_kib()
    slots = [ContactInterface(Card(Memory(bytearray(cells)))) for _ in range(cards)]
    with VirtualReader(slots, port=port):
        while sys.stdin.readline():
            print(_resident_kib() - before, flush=True)


if __name__ == "__main__":
    _child(int(sys.argv[1]), int(sys.argv[2]))
