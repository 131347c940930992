# SPDX-License-Identifier: Apache-2.0
"""The PIN pad of the shared library: fixed digits for tests, or a program that asks for them."""

from __future__ import annotations

import shlex
import subprocess
from typing import Final

from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.driver import PinCancelledError, PinPad, PinPrompt, PinTimeoutError
from sscard_driver.configuration import Configuration, ConfigurationError

TIMEOUT_S: Final = 60.0


def pin_pad(configuration: Configuration, timeout_s: float = TIMEOUT_S) -> PinPad:
    """What the configuration says; without a word in it every entry is cancelled.

    :raises ConfigurationError: pin_program is no command line.
    """
    if configuration.pin_program is not None:
        return _program(configuration.pin_program, timeout_s)
    fixed = {
        PinPrompt.CURRENT: configuration.pin,
        PinPrompt.PAYMENT: configuration.pin,
        PinPrompt.NEW: configuration.new_pin,
        PinPrompt.REPEAT: configuration.new_pin,
    }

    def type_fixed(prompt: PinPrompt) -> str:
        digits = fixed[prompt]
        if digits is None:
            raise PinCancelledError
        return digits

    return type_fixed


def _program(line: str, timeout_s: float) -> PinPad:
    """Run a program with the prompt (current, new, repeat, payment) as its last argument.

    It prints the digits and ends with 0; any other end is "cancel".
    """
    try:
        command = shlex.split(line)
    except ValueError:
        command = []
    if not command:
        raise ConfigurationError("", "pin_program", "must be a command line")

    def ask(prompt: PinPrompt) -> str:
        try:
            done = subprocess.run(
                [*command, prompt.name.lower()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PinTimeoutError from None
        except OSError as error:
            raise DriverError(ReturnCode.NOT_CONNECTED, f"pin_program: {error.strerror}") from None
        if done.returncode:
            raise PinCancelledError
        return done.stdout.decode("ascii", "replace").strip()

    return ask
