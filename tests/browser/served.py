# SPDX-License-Identifier: Apache-2.0
"""A bridge that is served in a thread, and plain requests to it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from sscard_chip.card import Card
from sscard_driver.browser.server import BrowserBridge
from tests.bench.shop import card_memory, psam_memory

TOKEN = b"token-of-a-test-bench"


class Served:
    def __init__(self, bridge: BrowserBridge) -> None:
        self.bridge = bridge
        self.host, self.port = bridge.addresses[0]

    def page(self, path: str = "/", **options: Any) -> ClientConnection:
        found: ClientConnection = connect(
            f"ws://{self.host}:{self.port}{path}", proxy=None, **options
        )
        return found

    def request(
        self, method: str, path: str, body: str | bytes = b"", headers: Mapping[str, str] = {}
    ) -> tuple[int, dict[str, str], str]:
        line = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            content = body.encode() if isinstance(body, str) else body
            line.request(method, path, content or None, dict(headers))
            answer = line.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, names, answer.read().decode()
        finally:
            line.close()

    def control(self, name: str, value: object = None) -> dict[str, Any]:
        """The state, or the error."""
        method = "GET" if name == "state" else "POST"
        headers = {"X-Bridge-Token": TOKEN.decode()}
        found = json.loads(
            self.request(method, f"/control/{name}", json.dumps(value or {}), headers)[2]
        )
        assert isinstance(found, dict)
        return found


def ask(page: ClientConnection, function: str, **values: object) -> dict[str, Any]:
    page.send(json.dumps({"function": function, **values}))
    found = json.loads(page.recv(timeout=20))
    assert isinstance(found, dict)
    return found


@contextmanager
def serving(environment: Mapping[str, str], cards: list[Path], **options: Any) -> Iterator[Served]:
    options = {"listen": ["127.0.0.1:0"], "token": TOKEN, **options}
    bridge = BrowserBridge(environment, cards, **options)
    thread = threading.Thread(target=bridge.run)
    thread.start()
    try:
        yield Served(bridge)
    finally:
        bridge.stop()
        thread.join(20)
        assert not thread.is_alive()


def images(folder: Path) -> tuple[list[Path], Path]:
    """A card of generation 3, one of generation 2, and a PSAM."""
    paths = []
    for generation, algorithm in ((3, "sm4"), (2, "3des")):
        path = folder / f"card{generation}.ssc"
        Card(card_memory(generation, algorithm)).save(path)
        paths.append(path)
    psam = folder / "psam.ssc"
    Card(psam_memory()).save(psam)
    return paths, psam
