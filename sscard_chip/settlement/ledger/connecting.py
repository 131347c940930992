# SPDX-License-Identifier: Apache-2.0
"""A new connection to PostgreSQL, patiently: a server in a busy hour may have none free.

A server has so many connections (``max_connections``, or the limit of a role) and refuses whoever
comes then. What refuses is not said in a form that a program could read: so every failure is tried
again for a moment, and this process first lets go what it keeps for later.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

PATIENCE_SECONDS: Final = 2.0
"""How long a failed connection is tried again, from the first attempt on."""
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.2


def connect_patiently(
    connect: Callable[[], Any], release: Callable[[], None], refused: type[Exception]
) -> Any:
    """What ``connect`` returns, tried again while it is ``refused``.

    ``release`` closes connections that this process keeps and does not use. Raises what the last
    attempt does.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    pause = _FIRST_PAUSE
    while True:
        try:
            return connect()
        except refused:
            if time.monotonic() + pause > until:
                raise
        release()
        time.sleep(random.uniform(pause / 2, pause))
        pause = min(2 * pause, _LONGEST_PAUSE)


def have_patience(engine: sa.Engine, release: Callable[[], None]) -> None:
    """Let every new connection of ``engine`` be made by :func:`connect_patiently`."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: Any, places: Any, names: Any) -> Any:
        refused = dialect.loaded_dbapi.OperationalError
        return connect_patiently(lambda: dialect.connect(*places, **names), release, refused)


def close_idle(engine: sa.Engine) -> None:
    """Close the connections of an engine that nobody uses.

    Its pool stays: one that is in use now would come back into a pool that has been replaced
    meanwhile, and would stay open there.
    """
    engine.pool.dispose()
