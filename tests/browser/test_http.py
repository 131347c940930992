# SPDX-License-Identifier: Apache-2.0
"""The bridge over HTTP: entry, Init, the centre behind /api, CORS, and the tester's API."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sscard_chip.dayfile.business_string import TEST_KEY, BusinessStrings
from tests.browser.served import TOKEN, Served, images, serving
from tests.browser.test_functions import CARD3
from tests.native.test_medical import IDENTITY, SFZ

PAGE = {"Origin": "http://localhost:8080"}


@pytest.fixture
def centre() -> Iterator[str]:
    """A platform that answers what it was sent, and a service that knows one credential."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith("/localcfc/"):
                code = json.loads(body)["data"]["ecQrCode"]
                data = {"userName": "林知夏", "kind": json.loads(body)["data"]["businessType"]}
                known = {"code": 0, "message": "", "data": json.dumps(data)}
                body = json.dumps(
                    known if code == "2" * 28 else {"code": 1, "message": "无"}
                ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fsi/api/rsfComIfsService/callService"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def with_centre(tmp_path: Path, centre: str) -> Iterator[Served]:
    cards, psam = images(tmp_path)
    (tmp_path / "sfz.json").write_text(json.dumps(IDENTITY), encoding="utf-8")
    environment = {
        "SSCARD_DRIVER_CARD": str(cards[0]),
        "SSCARD_DRIVER_PSAM": str(psam),
        "SSCARD_DRIVER_IDENTITY_CARD": str(tmp_path / "sfz.json"),
    }
    with serving(environment, cards, centre=centre) as one:
        yield one


def entry(served: Served, param: str) -> dict[str, object]:
    status, _, text = served.request("GET", f"/api/entry?param={param}", headers=PAGE)
    assert status == 200
    found = json.loads(text)
    assert list(found) == ["code", "message", "data", "sign"]
    return dict(found)


def test_entry(with_centre: Served) -> None:
    card = entry(with_centre, "sicard")
    assert (card["code"], card["data"]) == (200, CARD3)
    reading = BusinessStrings(TEST_KEY).check(str(card["sign"]), at=int(time.time()))
    assert reading.card_number == "Z00000013"
    identity = entry(with_centre, "idcard")
    assert (identity["code"], identity["data"]) == (200, SFZ)
    for param in ("", "x", "qrcode_", "qrcode_123456"):
        assert entry(with_centre, param)["code"] == 1001
    with_centre.control("remove")
    refused = entry(with_centre, "sicard")
    assert (refused["code"], refused["message"]) == (1001, "-2 no card in the slot")


def test_entry_of_a_credential(with_centre: Served) -> None:
    """The QR code is shown by the tester; the address is that of the centre, or what init says."""
    for param, kind in (("qrcode_01101", "01101"), ("jiangsu_qrcode_02121", "02121")):
        with_centre.control("code", {"code": "2" * 28})
        found = entry(with_centre, param)
        assert (found["code"], found["data"]) == (200, {"userName": "林知夏", "kind": kind})
    with_centre.control("code", {"code": "1"})
    assert entry(with_centre, "qrcode_01101")["message"] == "无"
    nobody = json.dumps({"EC_URL": "http://127.0.0.1:9/x", "PORT": "7020"})
    status, _, text = with_centre.request("POST", "/api/jiangsu/init", nobody, PAGE)
    assert (status, json.loads(text)["code"]) == (200, 200)
    with_centre.control("code", {"code": "2" * 28})
    assert entry(with_centre, "qrcode_01101")["code"] == 1001
    _, _, text = with_centre.request("POST", "/api/jiangsu/init", b"\xef\xbb\xbf{}", PAGE)
    assert json.loads(text)["code"] == 200  # a mark of .NET before it
    _, _, text = with_centre.request("POST", "/api/jiangsu/init", "{}".encode("utf-16"), PAGE)
    assert json.loads(text)["message"] == "the body must be a JSON object"
    _, _, text = with_centre.request("POST", "/api/jiangsu/init", "[]", PAGE)
    assert json.loads(text)["code"] == 1001


def test_messages_for_the_centre(with_centre: Served) -> None:
    message = '{"infno": "1101", "opter_name": "张收费", "a": 1.0}'
    status, headers, text = with_centre.request("POST", "/api/ybjk/call", message, PAGE)
    assert (status, text) == (200, message)
    assert headers["content-type"].startswith("text/plain")
    assert headers["access-control-allow-origin"] == PAGE["Origin"]
    for body in ("[]", ""):
        status, _, text = with_centre.request("POST", "/api/ybjk/call", body, PAGE)
        assert (status, json.loads(text)["infcode"]) == (400, -1)


def test_no_centre(served: Served) -> None:
    status, _, text = served.request("POST", "/api/ybjk/call", "{}", PAGE)
    assert (status, json.loads(text)["infcode"]) == (502, -1)


def test_cors(served: Served) -> None:
    asked = {
        **PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-his",
        "Access-Control-Request-Private-Network": "true",
    }
    status, headers, text = served.request("OPTIONS", "/api/entry", headers=asked)
    assert (status, text) == (204, "")
    assert headers["access-control-allow-origin"] == "http://localhost:8080"
    assert headers["access-control-allow-methods"] == "POST"
    assert headers["access-control-allow-headers"] == "content-type,x-his"
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-allow-private-network"] == "true"
    assert headers["vary"] == "Origin"
    _, headers, _ = served.request("GET", "/api/entry?param=x")
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://localhost:8080/"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
        {"Host": "evil.example:12342"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost:12342:1"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_strangers(served: Served, headers: dict[str, str], method: str) -> None:
    status, answered, text = served.request(method, "/api/entry?param=sicard", headers=headers)
    assert (status, list(json.loads(text))) == (403, ["error"])
    assert not [name for name in answered if name.startswith("access-control")]
    assert served.control("state")["calls"] == []


def test_a_list_of_origins(tmp_path: Path) -> None:
    cards, psam = images(tmp_path)
    environment = {"SSCARD_DRIVER_CARD": str(cards[0]), "SSCARD_DRIVER_PSAM": str(psam)}
    origins = ["https://his.example", "http://10.1.2.3:8080", "null"]
    with serving(environment, cards, origins=origins) as served:
        for origin in origins:
            _, headers, _ = served.request("GET", "/api/entry", headers={"Origin": origin})
            assert headers["access-control-allow-origin"] == origin
        for origin in ("http://localhost", "http://his.example", "https://his.example:444"):
            assert served.request("GET", "/api/entry", headers={"Origin": origin})[0] == 403


def test_control_is_for_the_tester(served: Served) -> None:
    token = {"X-Bridge-Token": TOKEN.decode()}
    own = f"http://127.0.0.1:{served.port}"
    remove = "/control/remove"
    for headers in (
        {},
        {"X-Bridge-Token": "x"},
        {**token, "Origin": "http://localhost:8080"},
        {**token, "Origin": own, "Host": "evil.example"},
        {**token, "Sec-Fetch-Site": "cross-site"},
    ):
        status, answered, _ = served.request("POST", remove, headers=headers)
        assert status == 403
        assert "access-control-allow-origin" not in answered
    assert served.request("OPTIONS", remove, headers=PAGE)[0] == 403
    assert served.control("state")["card"] == 1
    assert served.request("POST", remove, headers={**token, "Origin": own})[0] == 200
    assert served.request("GET", remove, headers=token)[0] == 404
    assert served.request("POST", "/control/x", headers=token)[0] == 404
    for path in ("/", "/page.js", "/page.css"):
        status, headers, text = served.request("GET", path)
        assert (status, TOKEN.decode() in text) == (200, False)
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert served.request("GET", "/", headers={"Host": "evil.example"})[0] == 403


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("pin", {"digits": "12a"}, "pin: must be 1 to 12 digits"),
        ("pin", {"digits": 123456}, "digits: must be text"),
        ("code", {"code": "中"}, "code: must be 1 to 256 printable ASCII characters"),
        ("insert", {"card": True}, "card: must be its number"),
        ("insert", {"card": 0}, "card: must be 1 to 2"),
        ("fault", {"line": "explode"}, "fault: fault: must be mute, slow, short, "),
        ("fault", {"line": "mute slot=4"}, "fault: slot: the reader has 3 slots"),
        ("fault", {"line": "'"}, "fault: must be a name and NAME=VALUE, quotes closed"),
    ],
)
def test_what_a_tester_cannot_do(served: Served, name: str, value: object, error: str) -> None:
    assert served.control(name, value)["error"].startswith(error)


def test_too_many_presses(served: Served) -> None:
    for _ in range(8):
        assert "error" not in served.control("cancel")
    assert served.control("cancel") == {"error": "8 wait already that nobody has asked for"}
