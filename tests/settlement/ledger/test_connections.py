# SPDX-License-Identifier: Apache-2.0
"""A server that has no connection free for a moment: a sale waits and does not fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from threading import Timer
from typing import Final
from urllib.parse import unquote

import psycopg
import pytest

from sscard_chip.settlement.ledger import Ledger, LedgerUnavailableError
from sscard_chip.settlement.ledger.connecting import connect_patiently
from tests.settlement.platform.centre import CARD, bill, message, open_centre, open_platform
from tests.settlement.postgres import PostgresServer

ROLE: Final = "sscard_few"
WITH_CARD: Final = f'{{"card_sn": "{CARD}"}}'


@pytest.fixture
def few(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a ledger whose role may have two connections."""
    url = postgres_server.new_url()
    schema = unquote(url).rpartition("=")[2]
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {ROLE} LOGIN CONNECTION LIMIT 2".encode())
        owner.execute(f"ALTER SCHEMA {schema} OWNER TO {ROLE}".encode())
        yield url.replace("postgres@", f"{ROLE}@")
        owner.execute(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {ROLE}".encode())


def sold(ledger: Ledger, number: int) -> bool:
    """Whether a hold, which goes straight, and a cancellation, which does not, are answered."""
    platform = open_platform(ledger)
    held = platform.handle(message("2102A", number, bill("1.00", extra=WITH_CARD)))
    node = {"data": {"psn_no": "1", "setl_id": "none", "mdtrt_id": "none"}}
    return bool(held["infcode"] == 0 and platform.handle(message("2103", 50 + number, node)))


def test_one_connection_is_enough_for_a_till(few: str) -> None:
    """It has one for sales and one for the rest, and lets go one of them where it must."""
    with closing(psycopg.connect(few)), Ledger.open(few) as ledger:
        open_centre(ledger)
        assert sold(ledger, 1)
        assert sold(ledger, 2)


def test_a_sale_waits_until_a_connection_is_free(few: str) -> None:
    with Ledger.open(few) as ledger:
        open_centre(ledger)
        ledger.close()
        others = [psycopg.connect(few) for _ in range(2)]
        later = [Timer(0.3, one.close) for one in others]
        for timer in later:
            timer.start()
        try:
            assert sold(ledger, 1)
        finally:
            for timer in later:
                timer.join()


def test_a_server_that_stays_full_is_named_and_nothing_is_begun(few: str) -> None:
    with Ledger.open(few) as ledger:
        open_centre(ledger)
        ledger.close()
        others = [psycopg.connect(few) for _ in range(2)]
        try:
            with pytest.raises(LedgerUnavailableError, match="has no connection free") as error:
                sold(ledger, 1)
            assert not error.value.begun
        finally:
            for one in others:
                one.close()
        assert sold(ledger, 1)


def test_who_waits_does_not_wait_for_ever() -> None:
    tries: list[float] = []
    released: list[None] = []

    def connect() -> None:
        tries.append(time.monotonic())
        raise ConnectionError

    with pytest.raises(ConnectionError):
        connect_patiently(connect, lambda: released.append(None), ConnectionError)
    assert 5 < len(tries) < 100
    assert len(released) == len(tries) - 1
    assert 1.5 < tries[-1] - tries[0] <= 2
