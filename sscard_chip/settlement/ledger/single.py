# SPDX-License-Identifier: Apache-2.0
"""Connections of PostgreSQL whose every statement is a transaction and one round trip."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from sscard_chip.settlement.ledger.connecting import close_idle, connect_patiently
from sscard_chip.settlement.ledger.errors import LedgerUnavailableError, translate

_PLANS: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
"""A sale finds its rows by keys. Left to itself PostgreSQL plans many of its statements anew each
time, reads whole tables as long as they are small or it has not counted them yet, and takes the
statements for so long that it compiles them."""


class SingleConnection:
    """A connection of the driver (``driver``) and the functions that are prepared on it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self._prepared: set[str] = set()

    def call(self, function: str, columns: Iterable[Sequence[object]]) -> list[str | None]:
        """What a function of the database makes of arrays: texts or NULL; it is prepared once.

        Below the driver's cursors, which do more for a statement than the library of PostgreSQL
        and would prepare anew for a number of another size. Raises the driver's errors.
        """
        from psycopg import OperationalError, errors, pq

        low = self.driver.pgconn
        name = function.encode()
        sent = [write_array(one) for one in columns]
        if function not in self._prepared:
            places = ", ".join(f"${at}" for at in range(1, len(sent) + 1))
            result = low.prepare(name, f"SELECT unnest({function}({places}))".encode())
            if result.status == pq.ExecStatus.COMMAND_OK:
                self._prepared.add(function)
        if function in self._prepared:
            result = low.exec_prepared(name, sent)
        if result.status == pq.ExecStatus.TUPLES_OK:
            values = (result.get_value(row, 0) for row in range(result.ntuples))
            return [None if one is None else one.decode() for one in values]
        if low.status != pq.ConnStatus.OK:
            raise OperationalError("the connection is lost")
        raise errors.error_from_result(result)

    def rows(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement with places ``%s``, which is prepared once.

        Raises the driver's errors.
        """
        found: list[tuple[Any, ...]] = self.driver.execute(
            statement, values, prepare=True, binary=True
        ).fetchall()
        return found


def write_array(values: Iterable[object]) -> bytes:
    """An array as PostgreSQL reads it, of texts, bytes and numbers.

    >>> write_array(["a", 'say "no"', ""]), write_array([1, -2]), write_array([b"\\x01"])
    (b'{"a","say \\\\"no\\\\"",""}', b'{"1","-2"}', b'{"\\\\\\\\x01"}')

    :raises UnicodeError: a text has the character 0, which PostgreSQL does not take, or one that
        UTF-8 has not.
    """
    texts = [
        one if type(one) is str else f"\\x{one.hex()}" if type(one) is bytes else str(one)
        for one in values
    ]
    if not texts:
        return b"{}"
    together = "\0".join(texts)  # what is escaped at one go
    if together.count("\0") >= len(texts):
        raise UnicodeError("a text has the character 0")
    together = together.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'{{"{together}"}}'.encode()


class SingleStatements:
    """The driver's connections, kept for the next statement; every thread may ask for one."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        """``engine`` makes the connections; ``name`` is the ledger's, for messages."""
        self._engine = engine
        self._name = name
        self._idle: deque[SingleConnection] = deque()

    def close(self) -> None:
        """Close all connections that nobody uses."""
        while True:
            try:
                self._idle.pop().driver.close()
            except IndexError:
                return

    @contextmanager
    def connection(self) -> Iterator[SingleConnection]:
        """A connection. Nothing is asked of the server but its statements.

        One that does not answer, since the server was started anew perhaps, may have been done:
        what is sent so may be sent again. Then none of the old connections is used any more.

        :raises LedgerError: what the database says; the transaction counts as begun when there
            was a connection.
        """
        module = self._engine.dialect.loaded_dbapi
        begun = False
        try:
            connection = self._take()
            begun = True
            try:
                yield connection
            finally:
                self._give_back(connection)
        except module.Error as error:
            known = DBAPIError.instance(
                "a statement", None, error, module.Error, hide_parameters=True
            )
            found = translate(known, self._name)
            if isinstance(found, LedgerUnavailableError):
                found.begun = begun
            raise found from None

    def _take(self) -> SingleConnection:
        try:
            return self._idle.pop()
        except IndexError:
            dialect = self._engine.dialect
            places, names = dialect.create_connect_args(self._engine.url)
        driver: Any = connect_patiently(
            lambda: dialect.connect(*places, **names),
            lambda: close_idle(self._engine),
            dialect.loaded_dbapi.OperationalError,
        )
        driver.autocommit = True
        driver.prepare_threshold = 0
        settings = "; ".join(f"SET {name} = {value}" for name, value in _PLANS.items())
        driver.execute(settings, prepare=False)
        return SingleConnection(driver)

    def _give_back(self, connection: SingleConnection) -> None:
        if connection.driver.closed:
            self.close()
        elif connection.driver.pgconn.transaction_status:  # left in the middle of a statement
            connection.driver.close()
        else:
            self._idle.append(connection)
