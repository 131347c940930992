# SPDX-License-Identifier: Apache-2.0
"""The city of the service benchmarks is one in which people ask and get what they have."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.bigcity import KEYS, asking, percentile, request, settle_in, sign_in, spread
from sscard_chip.settlement.ledger import Ledger
from sscard_service import ServiceActor, ServiceCentre, ServiceEvidence, load_region
from sscard_service.store.audit import verify_audit
from sscard_service.store.secrets import ServiceKeys


def test_everybody_who_signs_in_has_a_balance_and_is_audited(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "city.db") as ledger:
        settle_in(ledger, 40)
        tokens = sign_in(ledger, 40, 5)
        keys = ServiceKeys(KEYS)
        centre = ServiceCentre(ledger, keys, load_region())
        shown = [
            centre.perform(
                "balance", None, ServiceActor(), "site", ServiceEvidence(session=one), f"r-{at}"
            ).data["balance_fen"]
            for at, one in enumerate(tokens)
        ]
        with ledger.reading() as t:
            found = verify_audit(t, keys.audit)
    assert shown == [12_345] * 5
    assert (found.rows, found.problems) == (5, ())
    assert spread(40, 5) == [1, 10, 20, 30, 40]


def test_each_request_is_asked_once_and_a_refusal_is_no_figure() -> None:
    answered: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            target = head.split()[1]
            answered.append(target)
            status = b"404 No" if target == b"/missing" else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")

    async def ask(*targets: str) -> list[bytes]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            found = await asking(port, [request("GET", one) for one in targets], 2)
        finally:
            server.close()
        assert len(found.waited_ms) == len(targets)
        return found.bodies

    assert asyncio.run(ask("/a", "/b", "/c")) == [b"{}"] * 3
    assert sorted(answered) == [b"/a", b"/b", b"/c"]
    with pytest.raises(RuntimeError, match="not answered"):
        asyncio.run(ask("/missing"))


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(one) for one in range(200, 0, -1)]
    assert (percentile(values, 99), percentile(values, 95), percentile([7.0], 99)) == (199, 191, 7)
