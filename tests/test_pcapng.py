# SPDX-License-Identifier: Apache-2.0
"""The trace for Wireshark, byte by byte and by a parser of the test's own."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from issuance.fixtures import INVENTED_HOLDER
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.roots import create_roots
from sscard_chip import Card
from sscard_chip.trace import PcapngFile
from sscard_cli.main import main

SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


def blocks(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        kind, length = struct.unpack_from("<II", content, at)
        assert length % 4 == 0
        assert content[at + length - 4 : at + length] == struct.pack("<I", length)
        yield kind, content[at + 8 : at + length - 4]
        at += length
    assert at == len(content)


def packets(content: bytes) -> list[tuple[int, bytes]]:
    found = []
    for kind, body in blocks(content):
        if kind == 6:
            interface, _, _, captured, original = struct.unpack_from("<IIIII", body)
            assert captured == original
            found.append((interface, body[20 : 20 + captured]))
    return found


def test_the_bytes_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "card.pcapng"
    with PcapngFile(path) as file:
        file.exchange(0, bytes.fromhex("00B2072C00"), bytes.fromhex("6C0B"), 0x1_0000_0002 / 1e6)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().hex() == (
        "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000"
        "0100000024000000e4000000000000000200060" + "0736c6f7420310000" + "00000000" + "24000000"
        "0600000054000000" + "00000000" + "01000000" + "02000000" + "33000000" * 2
        + "4500003300000000401100007f0000017f000001".replace("40110000", "40117cb8")
        + "12791279001f0000"
        + "02040400000000000000000000000000"
        + "00b2072c006c0b" + "00" + "54000000"
    )  # fmt: skip


def test_slots_resets_and_long_answers(tmp_path: Path) -> None:
    path = tmp_path / "card.pcapng"
    with PcapngFile(path, 2) as file:
        file.reset(1, bytes.fromhex("3B6D00"), 1.5)
        file.exchange(0, b"\x00\xb0\x86\x00", bytes(70_000), 2.0)
    first, second = packets(path.read_bytes())
    assert (first[0], first[1][28:].hex()) == (
        1,
        "02040401000000000000000001000000" + "3b6d00",
    )
    assert (second[0], len(second[1])) == (0, 0xFFFF)
    file.exchange(0, b"", b"", 3.0)  # after the end: a thread that was late
    with pytest.raises(FileExistsError):
        PcapngFile(path)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("card") / "card.ssc"
    Card(issue_card(2, create_roots(), Holder.from_object(dict(INVENTED_HOLDER)))).save(path)
    return path


def test_of_a_command(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.pcapng"
    line = ["apdu", str(image), SELECT, "00B2072C00", "--interface", "contact"]
    assert main([*line, "--pcapng", str(path)]) == 0
    output = capsys.readouterr()
    assert output.err == f"sscard: warning: {path} has PINs and citizens' data\n"
    data = [packet[44:].hex().upper() for _, packet in packets(path.read_bytes())]
    assert data[0].startswith("3B6D0000")
    assert data[1] == f"{SELECT}6118"
    assert data[2] == "00B2072C006C0B"
    assert main([*line, "--pcapng", str(path)]) != 0
    assert "exist" in capsys.readouterr().err
