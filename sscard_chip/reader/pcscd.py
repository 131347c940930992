# SPDX-License-Identifier: Apache-2.0
"""A pcscd of one's own, for tests, demonstrations and measurements.

The pcscd of Debian always owns /run/pcscd/pcscd.comm, so a machine has one, and who may use it
is the administrator's matter. Started the way systemd does it, with its socket already open as
file descriptor 3, it serves any socket it is given, and clients find that by the environment
variable ``PCSCLITE_CSOCK_NAME``. Any number of such daemons run side by side.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, Self

from sscard_chip.closing import Closing
from sscard_chip.reader.vpcd import DEFAULT_HOST
from sscard_chip.standard.errors import CardReaderError

DRIVER: Final = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
PACKAGES: Final = "pcscd vsmartcard-vpcd"
READER_NAMES: Final = ("Virtual PCD 00 00", "Virtual PCD 00 01")
SOCKET_VARIABLE: Final = "PCSCLITE_CSOCK_NAME"

_RUN_DIRECTORY: Final = Path("/run/pcscd")
_START_TIMEOUT_S: Final = 10.0
_LISTENING: Final = "0A"
_MAX_SLOTS: Final = 16
"""Readers that pcscd takes."""
# Below the range that Linux gives to outgoing connections, so that none of them is in the way.
_FIRST_PORT: Final = 20000
_LAST_PORT: Final = 32000

# LISTEN_PID must be the pid of pcscd itself: known only between fork and exec.
_LAUNCHER: Final = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_FDS"] = "1"
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


_WATCHDOG: Final = """
import os, shutil, signal, sys
daemon = os.pidfd_open(int(sys.argv[1]))
print(flush=True)
sys.stdin.buffer.read()
try:
    signal.pidfd_send_signal(daemon, signal.SIGKILL)
except ProcessLookupError:
    pass
else:
    shutil.rmtree(sys.argv[2], ignore_errors=True)
"""
"""Ends a pcscd that outlives its owner: when the pipe of standard input has no writer any more."""


class PcscUnavailableError(CardReaderError, RuntimeError):
    """pcscd or its vpcd driver is not installed, or cannot be run here."""


def find_pcscd() -> str:
    """Return the path of the pcscd program.

    :raises PcscUnavailableError: when it, its vpcd driver or its run directory is missing.
    """
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    program = shutil.which("pcscd", path=search)
    if program is None or not DRIVER.exists():
        raise PcscUnavailableError(f"pcscd with vpcd is not installed (packages {PACKAGES})")
    try:
        # pcscd insists on it even when its socket is elsewhere.
        _RUN_DIRECTORY.mkdir(exist_ok=True)
    except OSError as error:
        raise PcscUnavailableError(f"pcscd needs the directory {_RUN_DIRECTORY}") from error
    return program


class PrivateDaemon(Closing):
    """A pcscd with virtual slots, reachable only through :attr:`environment`.

    :param slots: how many, 1 to 16; each two of them are a reader of their own, with a copy of
        the driver, since pcscd loads a driver once. Slot i is at :attr:`port` + i, and
        :attr:`reader_names` says what programs call it.

    It ends with its owner, whatever ends that. Use it as a context manager. A client process keeps
    to the first daemon it talks to: the PC/SC library reads the variable once. The vpcd driver
    listens on all interfaces of the machine without authentication while it runs.

    :raises PcscUnavailableError: when entered and pcscd is not there or does not start.

    >>> with PrivateDaemon() as daemon:
    ...     daemon.running, daemon.environment[SOCKET_VARIABLE] == daemon.socket_path
    (True, True)
    """

    def __init__(self, slots: int = 2) -> None:
        if not 1 <= slots <= _MAX_SLOTS:
            raise ValueError(f"a private pcscd: {slots} slots, 1 to {_MAX_SLOTS} are possible")
        self._readers = (slots + 1) // 2
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self.host = DEFAULT_HOST
        self.port = 0

    @property
    def reader_names(self) -> tuple[str, ...]:
        """Names of the slots as PC/SC programs see them."""
        return tuple(
            f"{_friendly_name(reader)} 00 {slot:02}"
            for reader in range(self._readers)
            for slot in range(2)
        )

    @property
    def environment(self) -> dict[str, str]:
        """Environment for client programs: that of this process and the way to the daemon."""
        return {**os.environ, SOCKET_VARIABLE: self.socket_path}

    @property
    def socket_path(self) -> str:
        """The unix socket on which the daemon waits for clients."""
        return str(self._path / "pcscd.comm")

    @property
    def pid(self) -> int:
        """Process id of the running daemon.

        :raises PcscUnavailableError: when it does not run.
        """
        if self._process is None:
            raise PcscUnavailableError("the private pcscd is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while the daemon lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def _path(self) -> Path:
        if self._directory is None:
            raise PcscUnavailableError("the private pcscd is not running")
        return Path(self._directory.name)

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="sscard-pcscd-")
        try:
            self.start()
        except BaseException:
            self._directory.cleanup()
            raise
        return self

    def close(self) -> None:
        """Stop the daemon and remove its folder."""
        self.stop()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def start(self) -> None:
        """Start the daemon, on the same socket and ports as before when there were any.

        :raises PcscUnavailableError: when it does not open its ports within ten seconds.
        """
        program = find_pcscd()
        for _attempt in range(5):
            port = self.port or _free_ports(2 * self._readers)
            self._launch(program, port)
            if self._wait_for_ports(port):
                self.port = port
                return
            self.stop()
        log = (self._path / "log").read_text(errors="replace").strip().splitlines()
        raise PcscUnavailableError(f"pcscd does not start: {log[-1] if log else 'no message'}")

    def stop(self) -> None:
        """Stop the daemon; the card stays where it is and waits for the next start()."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        if self._watchdog is not None:
            self._watchdog.communicate()
            self._watchdog = None

    def _launch(self, program: str, port: int) -> None:
        configuration = self._path / "conf"
        configuration.mkdir(exist_ok=True)
        for reader in range(self._readers):
            driver = DRIVER if reader == 0 else self._path / f"libifdvpcd-{reader}.so"
            if not driver.exists():
                shutil.copyfile(DRIVER, driver)
            own = port + 2 * reader
            (configuration / f"vpcd{reader}").write_text(
                f'FRIENDLYNAME "{_friendly_name(reader)}"\n'
                f"DEVICENAME /dev/null:0x{own:04X}\n"
                f"LIBPATH {driver}\n"
                f"CHANNELID 0x{own:04X}\n"
            )
        Path(self.socket_path).unlink(missing_ok=True)
        with (
            socket.socket(socket.AF_UNIX) as listener,
            (self._path / "log").open("wb") as log,
        ):
            listener.bind(self.socket_path)
            listener.listen(16)
            arguments = [program, "--foreground", "--error", "--config", str(configuration)]
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", _LAUNCHER, str(listener.fileno()), *arguments],
                pass_fds=(listener.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._watchdog = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _WATCHDOG, str(self._process.pid), str(self._path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._watchdog.stdout:
            self._watchdog.stdout.readline()  # it watches from here on

    def _wait_for_ports(self, port: int) -> bool:
        process = self._process
        deadline = time.monotonic() + _START_TIMEOUT_S
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            if set(range(port, port + 2 * self._readers)) <= _listening_ports():
                return True
            time.sleep(0.02)
        return False


def _friendly_name(reader: int) -> str:
    """Names that differ: pcscd numbers readers of one name only if they share a driver."""
    return f"Virtual PCD {reader + 1}" if reader else "Virtual PCD"


def _free_ports(count: int) -> int:
    """Return a port that is free together with the ones behind it, on all interfaces."""
    busy = _listening_ports()
    while True:
        port = random.randrange(_FIRST_PORT, _LAST_PORT - count, 2)
        wanted = range(port, port + count)
        if busy.intersection(wanted):
            continue
        try:
            for number in wanted:
                with socket.socket() as probe:
                    probe.bind(("", number))
        except OSError:
            continue
        return port


def _listening_ports() -> set[int]:
    """Return the TCP ports somebody listens on.

    Read from /proc: connecting would present a card, and binding would take the port away.
    """
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[3] == _LISTENING:
                ports.add(int(columns[1].rpartition(":")[2], 16))
    return ports
