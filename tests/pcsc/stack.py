# SPDX-License-Identifier: Apache-2.0
"""Cards in the slots of a private pcscd, and the programs that read them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon

ROOT = Path(__file__).resolve().parents[2]
PRESENCE_TIMEOUT_S = 60.0


@contextmanager
def serving(daemon: PrivateDaemon, *slots: str) -> Iterator[None]:
    """Put one or two cards into the slots (see card_server) and wait until they are there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.pcsc.card_server", str(daemon.port), *slots],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        for number in range(len(slots)):
            wait_for_card(number)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for number in range(len(slots)):
        wait_for_card(number, present=False)


def wait_for_card(slot: int, *, present: bool = True) -> None:
    """Wait until pcscd sees a card in the slot, or none.

    :raises TimeoutError: when it does not happen.
    """
    deadline = time.monotonic() + PRESENCE_TIMEOUT_S
    while is_present(slot) is not present:
        if time.monotonic() > deadline:
            raise TimeoutError(f"slot {slot + 1}: card {'missing' if present else 'still there'}")
        time.sleep(0.05)


def is_present(slot: int) -> bool:
    """Ask pcscd, with a context of its own, so that a restarted daemon is asked too."""
    from smartcard import scard

    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if result != scard.SCARD_S_SUCCESS:
        return False
    try:
        state = [(READER_NAMES[slot], scard.SCARD_STATE_UNAWARE)]
        result, states = scard.SCardGetStatusChange(context, 0, state)
        return result == scard.SCARD_S_SUCCESS and bool(states[0][1] & scard.SCARD_STATE_PRESENT)
    finally:
        scard.SCardReleaseContext(context)


def run_program(daemon: PrivateDaemon, *command: str, text: str = "", ok: bool = True) -> str:
    """Run a PC/SC program against the daemon and return what it prints.

    :raises AssertionError: when it fails, unless `ok` is False.
    """
    done = subprocess.run(
        command,
        env=daemon.environment,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    if ok and done.returncode:
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stdout}")
    return done.stdout
