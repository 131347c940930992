# SPDX-License-Identifier: Apache-2.0
"""Pages and programs that mean no good: nothing falls over, one answer each, all bounded."""

from __future__ import annotations

import json
import os
import random
import select
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sscard_chip.terminal.driver import FUNCTIONS
from sscard_driver.browser import application, server
from sscard_driver.browser.guard import BridgeError, loopback, read_origin
from sscard_driver.browser.hands import TesterHands
from sscard_driver.browser.server import BrowserBridge
from tests.browser.served import Served, ask, images, serving

ROUNDS = int(os.environ.get("SSCARD_BRIDGE_ROUNDS", "400"))
UPGRADE = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


def works(served: Served) -> None:
    with served.page() as page:
        assert ask(page, "iReadCardBas", iType=3)["success"] == 1


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:12342", "192.0.2.1:12342", "[::]:12342", "example.org:80", "127.0.0.1", "127.0.0.1:x",
     "127.0.0.1:65536", ":80", "127.0.0.1:٣"],
)  # fmt: skip
def test_other_addresses(address: str, tmp_path: Path) -> None:
    with pytest.raises(BridgeError):
        loopback(address)
    with pytest.raises(BridgeError):
        BrowserBridge({}, [], listen=["127.0.0.1:0", address])


@pytest.mark.parametrize(
    "text", ["*", "his.example", "https://his.example/", "ftp://x", "https://"]
)
def test_wrong_origins(text: str) -> None:
    with pytest.raises(BridgeError):
        read_origin(text)


def test_the_address_is_in_use(served: Served, tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match=f"127.0.0.1:{served.port}: Address already in use"):
        BrowserBridge({}, [], listen=[f"127.0.0.1:{served.port}"])


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}],
)
def test_strange_pages(served: Served, headers: dict[str, str]) -> None:
    lines = {"Host": "127.0.0.1", **headers}
    with socket.create_connection((served.host, served.port), timeout=20) as line:
        head = UPGRADE.replace("Host: 127.0.0.1\r\n", "")
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        line.sendall(f"{head}\r\n".encode())
        assert line.recv(64).startswith(b"HTTP/1.1 403")
    assert served.control("state")["calls"] == []


def test_pages_of_this_machine(served: Served) -> None:
    for origin in ("http://localhost:8080", "https://127.0.0.1", "http://[::1]:5000"):
        with served.page(origin=origin) as page:
            assert ask(page, "iReadCardBas", iType=1)["success"] == 1


@pytest.mark.parametrize(
    "message",
    ["", "x", "[]", "null", "1", '"x"', "{}", '{"function":null}', '{"function":1}',
     '{"function":{}}', '{"function":"' + "x" * 5000 + '"}', '{"function":"__class__"}',
     '{"function":"iReadCardBas"}', '{"function":"iReadCardBas","iType":null}',
     '{"function":"iReadCardBas","iType":true}', '{"function":"iReadCardBas","iType":1.0}',
     '{"function":"iReadCardBas","iType":[1]}', '{"function":"iReadCardBas","iType":1e999}',
     '{"function":"iReadCardBas","iType":"' + "9" * 5000 + '"}',
     '{"function":"iReadCardBas","iType":99999999999999999999999}',
     '{"function":"iReadCardBas","iType":"٣"}', "[" * 100_000, '{"a":' * 20_000,
     '{"function":"PKI_VerifySign","pUserPin":"\\ud800"}', "\ufeff{}",
     '{"function":"iReadCard","iType":1,"pCardInfo":"\\ud800|x|","pFileAddr":"a\\u0000b"}',
     '{"function":"ReadCard_HSM_Step2"}', '{"function":"ReadCard_HSM_Step2","pKey":{"a":1}}',
     '{"function":"iReloadPIN_HSM_Step3","pkey":"' + "A" * 70_000 + '"}'],
)  # fmt: skip
def test_wrong_json(served: Served, message: str) -> None:
    with served.page() as page:
        for kind in (message, message.encode("utf-8", "surrogatepass")):
            page.send(kind)
            found = json.loads(page.recv(timeout=20))
            assert list(found) == ["functionName", "success", "pOutInfo"]
            assert type(found["success"]) is int
            assert found["success"] < 0
            assert len(found["functionName"]) <= 64
        assert ask(page, "iReadCardBas", iType=1)["success"] == 1  # and nothing more came


def test_any_message(served: Served) -> None:
    """Functions with random values: each gets one answer, in JSON, and no answer is a fault."""
    dice = random.Random(16)
    values: list[Any] = [
        None,
        0,
        1,
        3,
        -1,
        2**40,
        "",
        "|",
        "$",
        "x|y|",
        "中",
        "\x00",
        "0" * 32 + "|",
        [],
        {},
    ]
    names = [name for name in FUNCTIONS if "PIN" not in name and name != "iReadDebitRecord"]
    with served.page() as page:
        for _ in range(ROUNDS):
            name = dice.choice([*names, "iReadICCardNum", "ReadCard_HSM_Step2", "x"])
            fields = ["iType", "iAuthType", "pCardInfo", "pFileAddr", "pKey", "pkey", "pPayInfo"]
            given = {one: dice.choice(values) for one in fields if dice.random() < 0.7}
            found = ask(page, name, **given)
            assert found["success"] == 1 or found["success"] < 0
            assert found["success"] != -5, (name, given)


def test_messages_are_bounded(served: Served) -> None:
    with served.page() as page:
        page.send('{"function":"' + "x" * (1 << 20) + '"}')
        with pytest.raises(ConnectionClosed):
            page.recv(timeout=20)
    with served.page() as page:  # in parts
        with suppress(ConnectionClosed):
            page.send(["x" * 65536] * 64)
        with pytest.raises(ConnectionClosed):
            page.recv(timeout=20)
    body = b"{" + b" " * (1 << 20)
    status, _, text = served.request("POST", "/api/x", body)
    assert (status, "longer" in text) == (413, True)
    works(served)


@pytest.mark.parametrize(
    "content",
    [
        b"\x81\xff" + struct.pack(">Q", 2**62) + b"abcd",  # a frame of exabytes
        b"\x81\x7f" + struct.pack(">Q", 5) + b"hello",  # not masked
        b"\xf1\x80abcd",  # reserved bits
        b"\x8f\x80abcd",  # no such opcode
        b"\x80\x80abcd",  # goes on without a beginning
        b"\x89\xfe\x01\x00abcd" + b"x" * 256,  # a long ping
        b"\x81\x82abcd\x9e\x9d",  # no UTF-8
        b"\x81\xfe\x00",  # half a frame, and away
        os.urandom(4096),
    ],
)
def test_wrong_frames(served: Served, content: bytes) -> None:
    with socket.create_connection((served.host, served.port), timeout=20) as line:
        line.sendall(f"{UPGRADE}\r\n".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 101")
        line.sendall(content)
        line.shutdown(socket.SHUT_WR)
        while line.recv(4096):
            pass
    works(served)


def test_wrong_http(served: Served) -> None:
    for content in (
        b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\r\n" * 5000,
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000,
        b"POST /api/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nab",
        b"POST /api/x HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET /control/state HTTP/1.0\r\n\r\n",
    ):  # fmt: skip
        with socket.create_connection((served.host, served.port), timeout=20) as line:
            try:
                line.sendall(content)
                line.shutdown(socket.SHUT_WR)
                answer = line.recv(64)
            except ConnectionError:
                answer = b""
            assert not answer or answer[9:10] == b"4", (content[:40], answer)
    works(served)


def test_half_requests_do_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_PATIENCE_S", 0.3)
    monkeypatch.setattr(application, "PATIENCE_S", 0.3)
    cards, psam = images(tmp_path)
    environment = {"SSCARD_DRIVER_CARD": str(cards[0]), "SSCARD_DRIVER_PSAM": str(psam)}
    with serving(environment, cards) as served:
        for content in (
            b"",
            b"GET / HT",
            b"POST /api/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nab",
        ):
            with socket.create_connection((served.host, served.port), timeout=20) as line:
                line.sendall(content)
                answer = line.recv(64)
                assert not answer or answer.startswith(b"HTTP/1.1 408")
        works(served)


def test_a_flood_of_pages(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 pages, further ones are refused; connections that say nothing are closed beyond 256."""
    pages = [served.page(legacy=True) for _ in range(64)]
    with pytest.raises(InvalidStatus):
        served.page(legacy=True)
    lines = [socket.create_connection((served.host, served.port)) for _ in range(300)]
    assert ask(pages[0], "iReadCardBas", iType=3)["success"] == 1
    beyond = 300 - (256 - 64)
    while beyond > 0:
        closed, _, _ = select.select(lines, (), (), 60)
        assert closed, beyond
        for line in closed:
            with suppress(ConnectionError):
                assert line.recv(1) == b""
            line.close()
            lines.remove(line)
        beyond -= len(closed)
    for line in lines:
        line.close()
    for page in pages:
        page.close()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            works(served)
            break
        except (InvalidStatus, OSError):
            time.sleep(0.05)
    works(served)


def test_a_flood_of_messages(served: Served) -> None:
    """One answer each, in order, to a page that does not wait."""
    with served.page() as page:
        for number in range(300):
            page.send(json.dumps({"function": f"x{number}"}))
        names = [json.loads(page.recv(timeout=20))["functionName"] for _ in range(300)]
    assert names == [f"x{number}" for number in range(300)]


def test_pages_go_in_the_middle_of_a_call(served: Served) -> None:
    for _ in range(20):
        with served.page() as page:
            page.send('{"function":"iReadCardBas","iType":3}')
    works(served)


def test_a_card_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "x.ssc").write_bytes(b"x")
    with pytest.raises(Exception, match=r"x\.ssc"):
        TesterHands([tmp_path / "x.ssc"])
