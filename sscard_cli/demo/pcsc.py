# SPDX-License-Identifier: Apache-2.0
"""The last part of the demonstration: the card in a reader of pcscd, seen by another program."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Final

from sscard_chip.card import Card
from sscard_chip.reader import ContactInterface, VirtualReader
from sscard_chip.reader.pcscd import PcscUnavailableError, PrivateDaemon
from sscard_chip.standard.commands import READ_RECORD, SELECT
from sscard_chip.standard.identifiers import CARD_NUMBER_TAG, ISSUER_FILE, SFI_MASK, SSSE_NAME

_SELECT: Final = SELECT.apdu(0x04, data=SSSE_NAME).hex().upper()
_READ_CARD_NUMBER: Final = (
    (READ_RECORD.header(CARD_NUMBER_TAG, (ISSUER_FILE & SFI_MASK) << 3) + b"\x0b").hex().upper()
)
_PATIENCE_S: Final = 10.0


def show_to_pcsc(card: Card, say: Callable[[str], None]) -> None:
    """Serve ``card`` to a pcscd of our own and let opensc-tool read its number."""
    tool = shutil.which("opensc-tool")
    if tool is None:
        say("  left out: opensc-tool is not installed (packages opensc pcscd vsmartcard-vpcd)")
        return
    try:
        with PrivateDaemon() as daemon:
            slots = [ContactInterface(card)]
            with VirtualReader(slots, daemon.host, daemon.port):
                _read(tool, daemon.environment, say)
    except PcscUnavailableError as error:
        say(f"  left out: {error}")


def _read(tool: str, environment: dict[str, str], say: Callable[[str], None]) -> None:
    command = [tool, "--reader", "0", "--card-driver", "default"]
    command += ["--send-apdu", _SELECT, "--send-apdu", _READ_CARD_NUMBER]
    deadline = time.monotonic() + _PATIENCE_S
    while True:  # pcscd looks for a new card every 0.4 s
        run = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S
        )
        if run.returncode == 0 or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    say(f"  $ {' '.join(['opensc-tool', *command[1:]])}")
    for line in (run.stdout if run.returncode == 0 else run.stderr).splitlines():
        say(f"  {line}")
