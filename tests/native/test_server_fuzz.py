# SPDX-License-Identifier: Apache-2.0
"""Whatever comes to the driver server: an answer or a refusal in words, and nothing of a fault.

``SSCARD_WIRE_ROUNDS=100000`` by hand; fewer here.
"""

from __future__ import annotations

import logging
import os
import random
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from sscard_driver.libraries import LIBRARIES
from tests.bench.desk import PIN, Desk
from tests.native.native import Images
from tests.native.test_windows import GOOD_HELLO, serving
from tests.settlement.gateway.test_fuzz import GROWTH_KIB, resident_kib

ROUNDS: Final = int(os.environ.get("SSCARD_WIRE_ROUNDS", "400"))
HELLO: Final = bytes.fromhex("00000006 53534344 0100")
CALLS: Final = [
    (library.name, export)
    for library in LIBRARIES.values()
    for export in library.exports.values()
    if ("Pin" not in export.name and "PIN" not in export.name and not export.name.startswith("i"))
    or export.name in ("iReadCardBas", "iReadCard", "iReadCardBas_HSM_Step1", "iDoDebit_HSM_Step1")
]  # fmt: skip
TEXTS: Final = (
    b"", b"x", b"{}", b'{"EC_URL":"http://127.0.0.1:9/"}', b"\xff\xff", b"|" * 500,
    b"DF01EF05|20|$", b"A" * 0x10000, b"http://127.0.0.1:9/", b"\x00",
    b'{"transType":"ec.query","data":{}}', b"9" * 40, b"[" * 5000, "林".encode("gbk"),
)  # fmt: skip


def request(dice: random.Random) -> bytes:
    """A call with parameters of its kinds, spoiled in one of many ways."""
    library, export = dice.choice(CALLS)
    content = bytes([len(library)]) + library.encode() + bytes([len(export.name)])
    content += export.name.encode() + bytes([len(export.parameters)])
    for parameter in export.parameters:
        number = parameter.type is int
        if dice.random() < 0.03:
            number = not number
        if number:
            content += b"i" + dice.choice((0, 1, 2, 3, 4, 5, -1, 2**31 - 1)).to_bytes(
                4, signed=True
            )
        else:
            text = dice.choice(TEXTS)
            content += b"s" + len(text).to_bytes(4) + text
    content += bytes([len(export.outs)])
    for _ in export.outs:
        content += dice.choice((1, 2, 8, 1024, 20480, 2**32 - 1)).to_bytes(4)
    kind = dice.random()
    if kind < 0.1:
        at = dice.randrange(len(content))
        content = content[:at] + bytes([dice.randrange(256)]) + content[at + 1 :]
    elif kind < 0.15:
        content = content[: dice.randrange(len(content))]
    elif kind < 0.18:
        content = dice.randbytes(dice.randrange(200))
    length = len(content) if dice.random() > 0.02 else dice.choice((0, 2**31, 2**32 - 1))
    return length.to_bytes(4) + content


def exactly(line: socket.socket, count: int) -> bytes:
    """So many bytes, or none where the line has ended."""
    found = b""
    while len(found) < count:
        try:
            part = line.recv(count - len(found))
        except OSError:  # it was refused with more on its way
            return b""
        if not part:
            return b""
        found += part
    return found


def test_whatever_comes_is_answered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dice, codes, grown = random.Random(5), Counter[int](), 0
    images = Images.of(Desk(3), tmp_path)
    with serving(images, pin=PIN, qr="1" * 28) as server, caplog.at_level(logging.ERROR):
        host, _, port = server.partition(":")

        def connect() -> socket.socket:
            line = socket.create_connection((host, int(port)), timeout=60)
            line.sendall(HELLO)
            assert exactly(line, 8) == GOOD_HELLO
            return line

        line = connect()
        for number in range(ROUNDS):
            sent = request(dice)
            cut = int.from_bytes(sent[:4]) > len(sent) - 4
            with suppress(OSError):  # it may be refused while the rest is on its way
                line.sendall(sent)
                if cut:
                    line.shutdown(socket.SHUT_WR)
            head = exactly(line, 4)
            if head:
                answer = exactly(line, int.from_bytes(head))
                codes[int.from_bytes(answer[:4], signed=True)] += 1
            if not head or (codes[-12] and answer[:4] == bytes.fromhex("FFFFFFF4")):
                line.close()  # refused, and the next program is served
                line = connect()
            if number == ROUNDS // 10:
                grown = resident_kib()
        line.close()
    assert codes[0] > 0
    assert codes[-5] == 0, codes
    assert caplog.records == []
    assert resident_kib() - grown < GROWTH_KIB
