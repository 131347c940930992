# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the tests' own: in a temporary folder, reached by a unix socket."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, unquote

import psycopg

_PR_SET_PDEATHSIG: Final = 1
_SETTINGS: Final = {
    "listen_addresses": "",
    # nobody needs these books after a power cut
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "log_min_messages": "panic",
}
_UNSAFE: Final = ("fsync", "full_page_writes", "synchronous_commit")


def _programs() -> Path:
    """The folder of ``initdb`` and ``postgres``, of the newest version installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if found:
        return found[-1]
    program = shutil.which("postgres")
    if program is None:
        raise RuntimeError("PostgreSQL is not installed: scripts/bootstrap system PYTHON does it")
    return Path(program).parent


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _stat(process: int) -> list[str]:
    """What /proc says of a process from its state on: state, parent, …"""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _ticks(process: int, count: int) -> list[int]:
    """Its user and system time, and those of the children that it has waited for."""
    return [int(one) for one in _stat(process)[11 : 11 + count]]


class PostgresServer:
    """Runs from ``with`` to its end. The server refuses root, so then it is run as ``postgres``."""

    def __init__(
        self, *, durable: bool = False, keeps: bool = False, connections: int = 50
    ) -> None:
        """``durable``: a commit waits for the disk, as PostgreSQL does by itself; ``keeps``: it
        waits for the system, so that it is there when the server is killed."""
        left = _UNSAFE if durable else _UNSAFE[-1:] if keeps else ()
        self._settings = {name: value for name, value in _SETTINGS.items() if name not in left} | {
            "max_connections": str(connections)
        }
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="sscard-pg-"))
        self._schemas = 0
        if self._user is not None:
            shutil.chown(self._folder, self._user, self._user)

    def __enter__(self) -> Self:
        programs, data = _programs(), self._folder / "data"
        try:
            subprocess.run(
                [
                    *(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"),
                    *("-E", "UTF8", "--locale=C"),
                ],
                user=self._user,
                cwd=self._folder,
                check=True,
                capture_output=True,
            )
            self._start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=60)
        shutil.rmtree(self._folder)

    def _start(self) -> None:
        programs, data = _programs(), self._folder / "data"
        settings = [f"-c{name}={value}" for name, value in self._settings.items()]
        self._process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", self._folder, *settings],
            user=self._user,
            cwd=self._folder,
            preexec_fn=_die_with_parent,
        )
        self._wait()

    def kill(self) -> None:
        """Kill it and all its processes, from this process or a child of it."""
        own = self._process.pid
        for process in (own, *self._children()):
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)

    def start_again(self) -> None:
        """Start it after :meth:`kill`: it recovers what was committed."""
        self._process.wait(timeout=60)
        self._start()

    def new_url(self) -> str:
        """The URL of an empty place: a schema of its own, which is made faster than a database."""
        self._schemas += 1
        name = f"ledger_{self._schemas}"
        self._execute(f"CREATE SCHEMA {name}")
        path = quote(f"-c search_path={name}")
        return f"postgresql://postgres@/postgres?host={self._folder}&options={path}"

    def processor_seconds(self) -> float:
        """What the server's processes have used of the processor, those that have ended too."""
        own = self._process.pid
        used = sum(_ticks(own, 4))
        for process in self._children():
            with suppress(OSError):  # it has ended, and the server has its time
                used += sum(_ticks(process, 2))
        return used / os.sysconf("SC_CLK_TCK")

    def _children(self) -> list[int]:
        """The server's other processes."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                if _stat(int(entry.name))[1] == str(self._process.pid):
                    found.append(int(entry.name))
        return found

    def client_arguments(self) -> list[str]:
        """How PostgreSQL's own programs reach the server."""
        return ["-h", str(self._folder), "-U", "postgres", "postgres"]

    def program(self, name: str) -> Path | None:
        """One of PostgreSQL's own programs, where it is installed."""
        path = _programs() / name
        return path if path.exists() else None

    def drop(self, url: str) -> None:
        """Remove a place and all that is in it."""
        name = unquote(url).rpartition("=")[2]
        self._execute(f"DROP SCHEMA {name} CASCADE")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _dsn(self) -> str:
        return f"host={self._folder} user=postgres dbname=postgres"

    def _wait(self) -> None:
        for _ in range(600):
            try:
                psycopg.connect(self._dsn).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None:
                    raise RuntimeError("PostgreSQL did not start") from None
                time.sleep(0.05)
            else:
                return
        raise RuntimeError("PostgreSQL does not answer")
