# SPDX-License-Identifier: Apache-2.0
"""The QR code scanner of the libraries: a fixed code for tests, or a program that reads one."""

from __future__ import annotations

import shlex
import subprocess
from typing import Final

from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_driver.configuration import Configuration, ConfigurationError

_LIMIT: Final = 256


def read_code(options: Configuration, timeout_s: float) -> str:
    """What is read within ``timeout_s`` seconds: printable ASCII, at most 256 characters.

    :raises DriverError: -31 nothing is shown, -32 not in time, -23 no QR code.
    :raises ConfigurationError: qr_program is no command line.
    """
    text = options.qr
    if options.qr_program is not None:
        text = _run(options.qr_program, timeout_s)
    if not text:
        raise DriverError(ReturnCode.PIN_CANCELLED, "no QR code was shown")
    if len(text) > _LIMIT or not text.isascii() or not text.isprintable():
        raise DriverError(ReturnCode.INPUT, "what was read is no QR code of a credential")
    return text


def _run(line: str, timeout_s: float) -> str:
    try:
        command = shlex.split(line)
    except ValueError:
        command = []
    if not command:
        raise ConfigurationError("", "qr_program", "must be a command line")
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DriverError(ReturnCode.PIN_TIMEOUT, "no QR code was shown in time") from None
    except OSError as error:
        raise DriverError(ReturnCode.NOT_CONNECTED, f"qr_program: {error.strerror}") from None
    if done.returncode:
        raise DriverError(ReturnCode.PIN_CANCELLED, "no QR code was shown")
    return done.stdout.decode("ascii", "replace").strip()
