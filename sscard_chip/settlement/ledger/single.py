# SPDX-License-Identifier: Apache-2.0
"""Connections of PostgreSQL for a sale: each statement is a transaction and a round trip."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from sscard_chip.settlement.ledger.errors import translate

_PLANS: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""A sale finds its rows by keys. Left to itself PostgreSQL plans many of its statements anew each
time, and reads whole tables as long as they are small or it has not counted them yet."""


class SingleStatements:
    """The driver's connections, kept for the next statement; every thread may ask for one."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        """``engine`` makes the connections; ``name`` is the ledger's, for messages."""
        self._engine = engine
        self._name = name
        self._idle: deque[Any] = deque()

    def close(self) -> None:
        """Close all connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A connection of the driver. Nothing is asked of the server but its statements.

        One that does not answer, since the server was started anew perhaps, may have been done:
        what is sent so may be sent again. Then none of the old connections is used any more.

        :raises LedgerError: what the database says; the transaction counts as begun.
        """
        module = self._engine.dialect.loaded_dbapi
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)
        except module.Error as error:
            known = DBAPIError.instance("a sale", None, error, module.Error, hide_parameters=True)
            raise translate(known, self._name) from None

    def _take(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            places, names = self._engine.dialect.create_connect_args(self._engine.url)
            connection: Any = self._engine.dialect.connect(*places, **names)
        connection.autocommit = True
        connection.prepare_threshold = 0
        settings = "; ".join(f"SET {name} = {value}" for name, value in _PLANS.items())
        connection.execute(settings, prepare=False)
        return connection

    def _give_back(self, connection: Any) -> None:
        if connection.closed:
            self.close()
        elif connection.info.transaction_status:  # left in the middle of a statement
            connection.close()
        else:
            self._idle.append(connection)
