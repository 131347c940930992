# SPDX-License-Identifier: Apache-2.0
"""What somebody does to a ledger who has a database client and not this project."""

from __future__ import annotations

import sqlalchemy as sa

from sscard_chip.settlement.ledger.database import parse_url


def attempt(url: str, *statements: str) -> None:
    """One transaction of a client of its own; on SQLite with foreign keys off, as it begins."""
    engine = sa.create_engine(parse_url(url))
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
