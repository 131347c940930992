# SPDX-License-Identifier: Apache-2.0
"""The example of docs/field.md against a served bridge."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.served import Served
from tests.browser.test_functions import CARD3

FIELD = Path(__file__).resolve().parents[2] / "docs" / "field.md"


def test_the_example_in_python(served: Served) -> None:
    blocks = re.findall(
        r"^```python3\n(.*?)^```$", FIELD.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (code,) = [one for one in blocks if "websockets" in one]
    code = code.replace("127.0.0.1:12342", f"{served.host}:{served.port}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert CARD3 in done.stdout.decode("utf-8")


READ = """port => new Promise((done) => {
  const socket = new WebSocket("ws://127.0.0.1:" + port);
  socket.onopen = () => socket.send('{"function":"iReadCardBas","iType":3}');
  socket.onmessage = (event) => done(eval("(" + event.data + ")"));
  socket.onerror = () => done("refused");
})"""
FETCH = """port => fetch("http://127.0.0.1:" + port + "/api/entry?param=sicard",
  {credentials: "include", headers: {"x-his": "1"}}).then((answer) => answer.json())"""


def test_pages_in_chromium(served: Served, tmp_path: Path) -> None:
    """A page of localhost reads the card both ways; the tester's page moves it."""
    errors: list[str] = []
    folder = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    web = ThreadingHTTPServer(("127.0.0.1", 0), folder)
    threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True).start()
    with web, sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://localhost:{web.server_port}/")
        read = page.evaluate(READ, served.port)
        assert read == {"functionName": "iReadCardBas", "success": 1, "pOutInfo": CARD3}
        assert page.evaluate(FETCH, served.port)["data"] == CARD3
        tester = browser.new_page()
        tester.on("console", lambda message: errors.append(message.text))
        tester.goto(served.bridge.control_page)
        tester.wait_for_selector("#cards button.in")
        tester.click("#swap")
        tester.wait_for_selector("#cards li:nth-child(2) button.in")
        tester.click("#remove")
        tester.wait_for_selector("button.in", state="detached")
        tester.fill("#fault input", "mute")
        tester.click("#fault button")
        tester.wait_for_selector("#faults li")
        browser.close()
        web.shutdown()
    assert errors == []
    assert served.control("state")["faults"] == ["contact: mute"]
