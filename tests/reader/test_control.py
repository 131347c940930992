# SPDX-License-Identifier: Apache-2.0
"""The control socket of a virtual reader, and what hostile clients send to it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sscard_chip import Card
from sscard_chip.reader import VirtualReader
from sscard_chip.reader.control import MAX_LINE, ReaderControl, ReaderControlError, ask_reader
from sscard_chip.reader.image import ImageInSlot
from tests.bench.desk import Desk
from tests.reader.fake_vpcd import GET_ATR, POWER_ON, FakeVpcd, two_ports

SELECT = "00a404000f7378312e73682ec9e7bbe1b1a3d5cf"


@pytest.fixture
def ports() -> Iterator[tuple[FakeVpcd, FakeVpcd]]:
    first, second = two_ports()
    with first, second:
        yield first, second


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "one.ssc", tmp_path / "two.ssc"
    for path, generation in zip(paths, (2, 3), strict=True):
        Desk(generation).card.save(path)
    return paths


@pytest.fixture
def control(
    tmp_path: Path, ports: tuple[FakeVpcd, FakeVpcd], images: tuple[Path, Path]
) -> Iterator[Path]:
    path = tmp_path / "reader.sock"
    with (
        ImageInSlot(images[0]) as card,
        VirtualReader([card, None], port=ports[0].port) as reader,
        ReaderControl(reader, path),
    ):
        yield path
        for content in reader.contents:
            if isinstance(content.connection, ImageInSlot) and not content.connection.closed:
                content.connection.close()


def cards(control: Path, request: dict[str, object]) -> list[str | None]:
    return [
        Path(one["card"]).name if one["present"] else None for one in ask_reader(control, request)
    ]


def test_in_and_out(
    control: Path, ports: tuple[FakeVpcd, FakeVpcd], images: tuple[Path, Path]
) -> None:
    one, two = ports
    assert one.ask(GET_ATR)[:2] == b"\x3b\x6d"
    assert cards(control, {"do": "remove"}) == [None, None]
    assert one.at_end()
    one.eject()
    with Card.open(images[0]):  # free for others
        pass
    assert cards(control, {"do": "insert", "slot": 2, "card": str(images[1])}) == [
        None, "two.ssc",
    ]  # fmt: skip
    two.control(POWER_ON)
    assert two.ask_hex(SELECT).startswith("61")
    assert cards(control, {"do": "insert", "slot": 1}) == ["one.ssc", "two.ssc"]
    one.control(POWER_ON)
    assert one.ask_hex(SELECT).startswith("61")
    assert cards(control, {"do": "swap", "other": 2}) == ["two.ssc", "one.ssc"]
    assert one.at_end()
    assert two.at_end()


def test_a_tap_is_over_after_its_time(control: Path, images: tuple[Path, Path]) -> None:
    request = {"do": "tap", "slot": 2, "card": str(images[1]), "seconds": 0.1}
    assert cards(control, request | {"interface": "contactless"}) == ["one.ssc", None]


def test_faults_are_set_and_cleared(control: Path, ports: tuple[FakeVpcd, FakeVpcd]) -> None:
    fault = {"fault": "wrong-status", "command": "SELECT", "status": "6F01", "times": 0}
    states = ask_reader(control, {"do": "fault", "faults": [fault]})
    assert [one["faults"] for one in states] == [["wrong-status"], []]
    ports[0].control(POWER_ON)
    assert ports[0].ask_hex(SELECT) == "6f01"
    states = ask_reader(control, {"do": "clear"})
    assert states[0]["faults"] == []
    assert states[0]["exchanges"] == 1
    assert ports[0].ask_hex(SELECT).startswith("61")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"do": "dance"}, "must be status, insert"),
        ({"do": "insert", "slot": 2}, "no card was ever in it"),
        ({"do": "insert", "slot": 9, "card": "x"}, "slot 9: the reader has 2"),
        ({"do": "insert", "slot": 2, "card": "missing.ssc"}, "missing.ssc"),
        ({"do": "insert", "slot": 2, "card": "/dev/zero"}, "not a card image"),
        ({"do": "insert", "slot": 1, "card": "missing.ssc"}, "missing.ssc"),
        ({"do": "tap", "slot": 1, "card": "/dev/zero"}, "not a card image"),
        ({"do": "swap"}, "other: is missing"),
        ({"do": "fault", "faults": [{"fault": "mute", "slot": 3}]}, "slot 3: the reader has 2"),
        ({"do": "fault", "faults": [{"fault": "deaf"}]}, "faults 1 fault"),
        ({"do": "status", "why": "so"}, "why"),
        ([1], "must be an object"),
    ],
)
def test_refusals_are_one_line_and_change_nothing(
    control: Path, request_: dict[str, object], reason: str
) -> None:
    with pytest.raises(ReaderControlError) as error:
        ask_reader(control, request_)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert cards(control, {"do": "status"}) == ["one.ssc", None]


def test_a_card_that_another_program_has(control: Path, images: tuple[Path, Path]) -> None:
    with (
        Card.open(images[1]),
        pytest.raises(ReaderControlError, match="in use"),
    ):
        ask_reader(control, {"do": "insert", "slot": 2, "card": str(images[1])})


@pytest.mark.parametrize(
    "sent",
    [b"\n", b"\xff\xfe\n", b"{" * 5000 + b"\n", b"[" * (MAX_LINE + 5) + b"\n", b'{"do":"st'],
)
def test_hostile_lines(control: Path, sent: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(os.fspath(control))
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").readline()
    assert "error" in json.loads(answer)
    assert cards(control, {"do": "status"}) == ["one.ssc", None]


def test_the_socket_is_private_and_a_stale_one_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.sock"
    with FakeVpcd() as vpcd:
        reader = VirtualReader([None], port=vpcd.port)
        with reader:
            with ReaderControl(reader, path):
                assert path.stat().st_mode & 0o777 == 0o600
                with (
                    pytest.raises(ReaderControlError, match="no control socket"),
                    ReaderControl(reader, path),
                ):
                    pass
            assert not path.exists()
            left = socket.socket(socket.AF_UNIX)
            left.bind(os.fspath(path))
            left.close()
            with ReaderControl(reader, path):
                assert cards(path, {"do": "status"}) == [None]


def test_a_file_in_the_way_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "precious.txt"
    path.write_text("kept")
    with (
        FakeVpcd() as vpcd,
        VirtualReader([None], port=vpcd.port) as reader,
        pytest.raises(ReaderControlError, match="no control socket"),
        ReaderControl(reader, path),
    ):
        pass
    assert path.read_text() == "kept"


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(ReaderControlError, match="no reader answers"):
        ask_reader(tmp_path / "none.sock", {"do": "status"})
