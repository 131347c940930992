# SPDX-License-Identifier: Apache-2.0
"""Whatever comes in is answered: messages of every number with nasty values put in, broken bytes.

``SSCARD_FUZZ`` says how many (110,000 by hand); the process does not grow meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any, Final

from sscard_chip.settlement.gateway import Gateway
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform.fields import FieldKind, FieldRule
from sscard_chip.settlement.platform.transactions import TRANSACTIONS, NodeRule
from sscard_chip.settlement.reconciliation.messages import file_services
from sscard_chip.settlement.serve import CentreApplication, MessageQueue
from tests.settlement.gateway.programs import SECRETS, application_body, b64
from tests.settlement.platform.centre import (
    balances,
    bill,
    message,
    msgid,
    open_centre,
    open_platform,
    person,
)
from tests.settlement.platform.insured import PERSONS

MANY: Final = int(os.environ.get("SSCARD_FUZZ", "400"))
AT_ONCE: Final = 32
GROWTH_KIB: Final = 64 * 1024
"""Of caches that fill; a leak of 1 KiB a request would be more from 65,000 requests on."""
NASTY: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 10.0, 10.005, 1e308, 10**30, float("nan"), "", "null", "NULL", "0",
    "10.0000", "1e5", "٣", "\ud800", "\0", "x" * 60, "x" * 9000, [], [[]], {}, {"a": 1}, [1, 2],
    "2026-02-30 10:00:00", "20260315101112", "9999-99-99", "' OR 1=1 --", "%s%n%1$s", "\u202e",
    "医保", "0001-01-01 00:00:00", "9" * 18,
)  # fmt: skip
_GOOD: Final = {
    FieldKind.AMOUNT: "10.00", FieldKind.QUANTITY: "1", FieldKind.PRICE: "1", FieldKind.RATIO: "0",
    FieldKind.COUNT: "1", FieldKind.DAY: "2026-03-15", FieldKind.TIME: "2026-03-15 10:11:12",
}  # fmt: skip


def value(rule: FieldRule) -> str:
    return _GOOD.get(rule.kind, "1" if rule.length < 12 else "A1")


def node(rule: NodeRule) -> Any:
    row: dict[str, Any] = {one.name: value(one) for one in rule.fields}
    row |= {one.name: node(one) for one in rule.inner}
    return [row] if rule.most else row


GOOD: Final = [
    ("1101", person()), ("2101", bill("10.00")), ("2102", bill("10.00")),
    *((one.infno, {part.name: node(part) for part in one.input}) for one in TRANSACTIONS.values()),
]  # fmt: skip


class Sender:
    """A sender of what nobody should send."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def request(self, number: int) -> tuple[dict[str, str], bytes]:
        """Headers and body."""
        chance = self._random
        infno, inside = chance.choice(GOOD)
        whole = json.loads(json.dumps(message(infno, msgid(number % 10_000), inside)))
        if chance.random() < 0.85:
            for _ in range(chance.choice((1, 1, 2, 4))):
                self._spoil(whole)
        kind = chance.random()
        if kind < 0.02:
            whole = application_body({"a": "1"}) | {
                chance.choice(("appId", "encData", "signData", "version")): self._nasty()
            }
        elif kind < 0.05:
            whole |= {"input": chance.choice(("AAAA", b64(bytes(32)), "x")), "enc_type": "SM4"}
        body = json.dumps(whole, ensure_ascii=chance.random() < 0.5)
        content = body.encode("utf-8", "surrogatepass")
        return self._bytes(content)

    def _bytes(self, content: bytes) -> tuple[dict[str, str], bytes]:
        chance, kind = self._random, self._random.random()
        if kind < 0.05:
            broken = bytearray(content)
            broken[chance.randrange(len(broken))] = chance.randrange(256)
            return {}, bytes(broken)
        if kind < 0.07:
            return {}, content[: chance.randrange(len(content))]
        if kind < 0.1:
            boundary = chance.choice(("; boundary=XX", "", '; boundary="', "; boundary=XX; \xff"))
            part = b'--XX\r\nContent-Disposition: form-data; name="'
            body = part + chance.choice((b"jsonStr", b"input")) + b'"\r\n\r\n' + content
            body += b"\r\n" + part + b'file"; filename="a"\r\n\r\nABC\r\n--XX--'
            return {"content-type": f"multipart/form-data{boundary}"}, body
        return {}, content

    def _nasty(self) -> Any:
        return json.loads(json.dumps(self._random.choice(NASTY)))

    def _spoil(self, whole: Any) -> None:
        place, chance = whole, self._random
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                return
            key = chance.choice(keys)
            if isinstance(place[key], dict | list) and place[key] and chance.random() < 0.8:
                place = place[key]
                continue
            if chance.random() < 0.15:
                del place[key]
            else:
                place[key] = self._nasty()
            return


async def answer(application: CentreApplication, headers: dict[str, str], body: bytes) -> Any:
    """Status and JSON of an answer; an empty object for a file."""
    events: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(event: Any) -> None:
        events.append(event)

    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": pairs}
    await application(scope, receive, send)
    kind = dict(events[0]["headers"])[b"content-type"]
    return events[0]["status"], json.loads(events[1]["body"]) if b"json" in kind else {}


def resident_kib() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") // 1024


def test_whatever_comes_is_answered(tmp_path: Path) -> None:
    sender, counts, after_a_while = Sender(7), Counter[int](), 0

    async def all_of_them(application: CentreApplication) -> None:
        nonlocal after_a_while
        for first in range(0, MANY, AT_ONCE):
            requests = [sender.request(first + at) for at in range(AT_ONCE)]
            for request, (status, found) in zip(
                requests,
                await asyncio.gather(*(answer(application, *one) for one in requests)),
                strict=True,
            ):
                assert status == 200, request
                assert found == {} or int(found.get("infcode", found.get("code"))) in (0, -1)
                counts[int(found.get("infcode", 0))] += 1
            if first <= MANY // 10:
                after_a_while = resident_kib()

    with Ledger.open(tmp_path / "city.db") as ledger:
        open_centre(ledger)
        platform = open_platform(ledger, strict=False, persons=PERSONS, extra=file_services())
        with MessageQueue(platform) as queue:
            asyncio.run(all_of_them(CentreApplication(queue, Gateway(None, SECRETS))))
        assert min(counts[0], counts[-1]) > MANY // 20
        assert resident_kib() - after_a_while < GROWTH_KIB
        assert ledger.check().problems == ()
        assert sum(balances(ledger).values()) == 10_000
