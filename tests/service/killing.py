# SPDX-License-Identifier: Apache-2.0
"""Ways to die in the middle of a change, at its n-th point.

The process at a statement or commit, or at anything it does with a file; at a write of SQLite's,
before it or with half of it written; the connection to PostgreSQL; the whole server of it.

What a killed process has written is in the files whether it was synced or not, so a point before
an fsync is the point before the next write.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import psycopg
from sqlalchemy import event

from sscard_chip.settlement.ledger import Ledger
from tests.settlement.postgres import PostgresServer

Hit = Callable[[Any], None]
"""What happens at a point; it is told the connection of PostgreSQL that is in use, or None."""


class Points:
    """Counts points; at the one that is ``wanted`` (0: at none) ``hit`` happens."""

    def __init__(self, wanted: int, hit: Hit) -> None:
        self.passed = 0
        self.wanted = wanted
        self._hit = hit

    @property
    def reached(self) -> bool:
        """Whether it has happened."""
        return 0 < self.wanted <= self.passed

    def one(self, connection: Any = None) -> None:
        """A point is passed."""
        self.passed += 1
        if self.passed == self.wanted:
            self._hit(connection)


def die(_: Any = None) -> NoReturn:
    """Like kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def cut(connection: Any) -> None:
    """The database ends the connection that is in use."""
    own = connection.connection.dbapi_connection.info
    with psycopg.connect(own.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (own.backend_pid,))


def shoot(server: PostgresServer) -> Hit:
    """The server and all its processes die."""
    return lambda _: server.kill()


def at_statements(ledger: Ledger, points: Points, folder: Path) -> None:
    """Before and after each statement, before each commit; and, in a ``folder``, whatever opens,
    renames or removes a file."""
    at_connections(ledger, points)
    inside = str(folder)

    def touched(name: str, given: tuple[Any, ...]) -> None:
        if name in ("open", "os.rename", "os.remove") and str(given[0]).startswith(inside):
            points.one()

    sys.addaudithook(touched)


def at_connections(ledger: Ledger, points: Points, _: Path | None = None) -> None:
    """Before and after each statement, before each commit, with its connection."""
    engine = ledger.database.engine
    for name in ("before_cursor_execute", "after_cursor_execute"):
        event.listen(engine, name, lambda connection, *_: points.one(connection))
    event.listen(engine, "commit", points.one)


# --- what SQLite asks of the system ---------------------------------------------------------------

_WRITE: Final = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64
)
_TRUNCATE: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int64)
_UNLINK: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p)


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs`` of version 3."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("version", "file_size", "longest")),
        *((name, ctypes.c_void_p) for name in (
            "next", "name", "data", "open", "delete", "access", "full_name", "dl_open",
            "dl_error", "dl_symbol", "dl_close", "randomness", "sleep", "time", "last_error",
            "time_64", "set_call", "get_call", "next_call",
        )),
    )  # fmt: skip


def _vfs() -> Any:
    """SQLite's way to the files, of the library that this Python has."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    return library.sqlite3_vfs_find(None)


@contextmanager
def sqlite_writes() -> Iterator[Callable[[Points], None]]:
    """Count what SQLite writes, cuts off and removes: by ``xSetSystemCall``, which it has for
    tests. What is given is told the points of whoever writes from then on."""
    vfs = _vfs()
    set_call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
        vfs.contents.set_call
    )
    get_call = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
        vfs.contents.get_call
    )
    mine: list[Points] = []

    def pass_one() -> None:
        if mine:
            mine[-1].one()

    def replacing(name: bytes) -> Any:
        """The system's function, and ours before it."""
        kind = {b"ftruncate": _TRUNCATE, b"unlink": _UNLINK}.get(name, _WRITE)
        system = kind(get_call(vfs, name))

        def write(file: int, content: int, length: int, place: int) -> int:
            pass_one()
            if mine and mine[-1].passed + 1 == mine[-1].wanted:  # the next point: half of it
                system(file, content, length // 2, place)
            pass_one()
            return int(system(file, content, length, place))

        def other(*given: Any) -> int:
            pass_one()
            return int(system(*given))

        return kind(write if kind is _WRITE else other)

    names = (b"pwrite", b"pwrite64", b"ftruncate", b"unlink")
    ours = {name: replacing(name) for name in names if get_call(vfs, name)}
    for name, function in ours.items():
        set_call(vfs, name, ctypes.cast(function, ctypes.c_void_p))
    try:
        yield mine.append
    finally:
        for name in ours:
            set_call(vfs, name, None)
