# SPDX-License-Identifier: Apache-2.0
"""``sscard bridge --reader NAME``: a page reads and pays with a card in a reader of a pcscd."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from tests.bench.desk import PAY, PIN, Desk
from tests.native.native import FILES, Images
from tests.pcsc.stack import serving

pytestmark = pytest.mark.pcsc


@contextmanager
def bridge(daemon: PrivateDaemon) -> Iterator[tuple[str, str]]:
    """The command; where pages ask, and the token of the control page."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "sscard_cli", "bridge", "--reader", READER_NAMES[0],
            "--psam-reader", READER_NAMES[1], "--pin", PIN, "--listen", "127.0.0.1:0",
        ],
        stdout=subprocess.PIPE, text=True,
        env={**daemon.environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[-1]
        token = process.stdout.readline().strip().partition("#")[2]
        assert re.fullmatch(r"[\w-]{16,}", token)
        yield address, token
    finally:
        process.terminate()
        process.communicate(timeout=30)


def ask(page: ClientConnection, function: str, **values: Any) -> tuple[int, str]:
    page.send(json.dumps({"function": function, **values}))
    found = json.loads(page.recv(timeout=30))
    assert found["functionName"] == function
    return found["success"], found["pOutInfo"]


def control(address: str, token: str, name: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://{address}/control/{name}", None if name == "state" else b"{}",
        {"X-Bridge-Token": token},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_page_over_a_real_reader(daemon: PrivateDaemon, tmp_path: Path) -> None:
    images = Images.of(Desk(3), tmp_path)
    desk, info = images.desk, images.desk.card_info
    expected = [
        desk.call("iReadCardBas", 1)[1],
        "",
        desk.call("iReadCard", 1, 1, info, FILES)[1],
        desk.call("iDoDebit", 1, info, PAY)[1],
        desk.call("iReadDebitRecord", 1)[1],
    ]
    with bridge(daemon) as (address, token), connect(f"ws://{address}/", proxy=None) as page:
        assert ask(page, "iReadCardBas", iType=1)[0] == -2  # the slot is empty
        with serving(daemon, f"contact:{images.card}", f"contact:{images.psam}"):
            calls = [
                ask(page, "iReadCardBas", iType=1),
                ask(page, "iVerifyPIN", iType=1),
                ask(page, "iReadCard", iType=1, iAuthType=1, pCardInfo=info, pFileAddr=FILES),
                ask(page, "iDoDebit", iType=1, pCardInfo=info, pPayInfo=PAY),
                ask(page, "iReadDebitRecord", iType=1),
            ]
            assert calls == [(1, text) for text in expected]
            control(address, token, "remove")
            assert ask(page, "iReadCardBas", iType=1)[0] == -2
            control(address, token, "insert")
            assert ask(page, "iReadCardBas", iType=1) == (1, expected[0])
            with urllib.request.urlopen(
                f"http://{address}/api/entry?param=sicard", timeout=30
            ) as answer:
                entry = json.load(answer)
            assert (entry["code"], entry["data"]) == (200, expected[0])
        assert ask(page, "iReadCardBas", iType=1)[0] == -2  # it was pulled
        assert control(address, token, "state")["psam"] is not None
