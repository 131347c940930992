# SPDX-License-Identifier: Apache-2.0
"""Containers that were made up: their header is checked before anything is made of it."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import pytest

from issuance.batch.container import Container, ContainerError

HEADER = {
    "format": "sscard-card-container/1", "generation": 2, "algorithm": "3des", "memory": 64,
    "template": 0, "cards": 2, "row": 3, "spans": [[4, 1], [8, 2]],
}  # fmt: skip


def container(cells: bytes = bytes(64), rows: bytes = b"abcdef", **change: Any) -> bytes:
    """As the format says: magic, length, header, template, rows, CRC-32."""
    template = zlib.compress(cells)
    head = json.dumps(HEADER | {"template": len(template)} | change).encode()
    body = b"SSCARDS\x1a" + struct.pack(">I", len(head)) + head + template + rows
    return body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize("name", ["sscard-card-container/1", "sscard-cards/1"])
def test_a_right_one_is_read(name: str) -> None:
    """Under the name of earlier releases too."""
    read = Container(container(format=name))
    assert (len(read), read.generation, read.algorithm) == (2, 2, "3des")
    assert bytes(read.memory(1).cells) == bytes(4) + b"d" + bytes(3) + b"ef" + bytes(54)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"format": "x"}, 'format: must be "sscard-card-container/1"'),
        ({"spans": [[8, 2], [4, 1]]}, "spans: must be offsets and lengths in order"),
        ({"spans": [[63, 3]]}, "spans: end beyond the memory"),
        ({"row": 4}, "row: is not the sum of the spans"),
        ({"cards": 3}, "is not as long as its header says"),
        ({"cards": -1, "memory": 0}, "memory: must be a whole number from 1 to 16777216; cards: "),
        ({"cells": bytes(65)}, "the container is damaged"),
        ({"cells": bytes(1 << 22)}, "the container is damaged"),
        ({"spans": 5}, "spans: must be a list"),
        ({"extra": 1}, "extra: is not a field of the header of a container"),
    ],
)
def test_a_wrong_one_is_refused(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(ContainerError) as caught:
        Container(container(**change), "made.sscards")
    assert str(caught.value).startswith(f"made.sscards: {rule}")
