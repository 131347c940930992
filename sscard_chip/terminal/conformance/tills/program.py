# SPDX-License-Identifier: Apache-2.0
"""A program of somebody else's that is talked to in JSON, one line each way, and bounded in all
that it does: how long a line is, how long it takes, what stays when it is ended."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from sscard_chip.closing import Closing
from sscard_chip.reader.failures import TerminalConnectionError

MOST_LINE: Final = 4096
"""Bytes of a line of the program, with its LF."""
_SLICE_S: Final = 0.1
_LEAVE_S: Final = 2.0
"""So long a program may take to end after its standard input has ended."""

_WATCHDOG: Final = """
import os, signal, sys
if not sys.stdin.buffer.read(1):
    os.killpg(int(sys.argv[1]), signal.SIGKILL)
"""
"""Ends a program that outlives its owner: its pipe of standard input has no writer any more."""


class ProgramError(TerminalConnectionError):
    """A program that does not keep to its lines: silent, dead, or saying something else."""


class ProgramInLines(Closing):
    """A program that runs, with pipes to its standard input and output; its standard error is that
    of this process. It is a process group of its own, of which nothing is left after
    :meth:`close`, or when this process ends, whatever ends it."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it.

        :raises ProgramError: it cannot be started.
        """
        try:
            self._process = subprocess.Popen(
                list(arguments),
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else "") or type(error).__name__
            raise ProgramError(f"the program cannot be started: {why}") from None
        self._watchdog = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _WATCHDOG, str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._in = self._descriptor(self._process.stdin)
        self._out = self._descriptor(self._process.stdout)
        self._unread = b""

    @staticmethod
    def _descriptor(pipe: Any) -> int:
        number: int = pipe.fileno()
        os.set_blocking(number, False)
        return number

    @property
    def running(self) -> bool:
        """Whether it lives. It is not waited for, so its process group stays its own."""
        return self._end() is None

    def _end(self) -> tuple[bool, int] | None:
        """How it has ended: whether by itself, and its exit code or the signal; None: it lives."""
        code = self._process.returncode
        if code is None:
            try:
                ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:  # nobody waits for children in this process
                return True, 0
            return None if ended is None else (ended.si_code == os.CLD_EXITED, ended.si_status)
        return code >= 0, abs(code)

    def write(self, message: Mapping[str, Any], until: float) -> None:
        """Give it a line, at the latest at a time of the monotonic clock.

        :raises ProgramError: it has ended, or does not read.
        """
        line = json.dumps(message, ensure_ascii=False).encode() + b"\n"
        while line:
            self._wait(until, writing=True)
            try:
                line = line[os.write(self._in, line) :]
            except BlockingIOError:
                continue
            except OSError:
                raise self._ended() from None

    def read(self, until: float) -> dict[str, Any]:
        """Its next line.

        :raises ProgramError: none comes in time, it has ended, the line is too long, or it is no
            JSON object.
        """
        while b"\n" not in self._unread:
            if len(self._unread) >= MOST_LINE:
                raise ProgramError(f"the program wrote a line of more than {MOST_LINE} bytes")
            self._wait(until)
            try:
                piece = os.read(self._out, MOST_LINE - len(self._unread))
            except BlockingIOError:
                continue
            if not piece:
                raise self._ended()
            self._unread += piece
        line, self._unread = self._unread.split(b"\n", 1)
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ProgramError("the program wrote a line that is no JSON object")
        return found

    def _wait(self, until: float, *, writing: bool = False) -> None:
        """Wait until its pipe is ready.

        :raises ProgramError: it is not in time, or it has ended with nothing more to be read.
        """
        waited, event = (self._in, select.POLLOUT) if writing else (self._out, select.POLLIN)
        poll = select.poll()
        poll.register(waited, event)
        while True:
            lives = self.running
            if poll.poll(_SLICE_S * 1000 if lives else 0):
                return
            if not lives:
                raise self._ended()
            if time.monotonic() > until:
                what = "does not read its lines" if writing else "is silent"
                raise ProgramError(f"the program {what}: it was ended")

    def _ended(self) -> ProgramError:
        """That it has ended, and how, where that is known in a moment."""
        until = time.monotonic() + 10 * _SLICE_S
        while self.running and time.monotonic() < until:
            time.sleep(_SLICE_S / 10)
        end = self._end()
        if end is None:
            return ProgramError("the program has closed its standard output")
        by_itself, number = end
        if by_itself:
            return ProgramError(f"the program has ended with exit code {number}")
        return ProgramError(f"the program was ended by signal {number}")

    def kill(self) -> None:
        """End it at once, with all that it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._watchdog.communicate(b"-")

    def close(self) -> None:
        """End its standard input, give it a moment to end by itself, and end what is left."""
        if self._process.returncode is not None:
            return
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        until = time.monotonic() + _LEAVE_S
        while self.running and time.monotonic() < until:
            time.sleep(_SLICE_S / 10)
        self.kill()
