# SPDX-License-Identifier: Apache-2.0
"""Issued cards of all generations in the reader, from their image files, and what they keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from issuance.pytest_plugin import IssueCard
from sscard_chip.card import Card
from sscard_chip.reader import ContactInterface, ContactlessInterface
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.standard.commands import GET_RESPONSE
from tests.pcsc.stack import serving

pytestmark = pytest.mark.pcsc

SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
FCI_LENGTH = {1: 24, 2: 24, 3: 30}
CARD_NUMBER = b"\x07\x09Y12345679\x90\x00"


class Client:
    """pyscard's high-level interface, bytes in and out."""

    def __init__(self, slot: int = 0) -> None:
        from smartcard.System import readers

        reader = next(r for r in readers() if str(r) == READER_NAMES[slot])
        self.connection: Any = reader.createConnection()
        self.connection.connect()
        self.atr = bytes(self.connection.getATR())

    def send(self, command: str) -> bytes:
        body, sw1, sw2 = self.connection.transmit(list(bytes.fromhex(command)))
        return bytes((*body, sw1, sw2))

    def close(self) -> None:
        self.connection.disconnect()
        self.connection.release()


@pytest.fixture
def images(tmp_path: Path, issue_sscard: IssueCard) -> dict[int, Path]:
    paths = {}
    for generation in (1, 2, 3):
        paths[generation] = tmp_path / f"generation{generation}.ssc"
        issue_sscard(generation, card_number="Y12345679", pin="123456").save(paths[generation])
    return paths


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_contact(daemon: PrivateDaemon, images: dict[int, Path], generation: int) -> None:
    image = images[generation]
    with Card.open(image) as card:
        atr = ContactInterface(card).atr
    with serving(daemon, f"contact:{image}"):
        client = Client()
        assert client.atr == atr
        length = FCI_LENGTH[generation]
        assert client.send(SELECT).hex() == f"61{length:02x}"
        assert client.send("00A4000002EF05").hex() == "9000"
        assert client.send("00B2070409").hex() == "6c0b"
        assert client.send("00B207040B") == CARD_NUMBER
        assert client.send("00B2072C0B") == CARD_NUMBER
        assert client.send(SELECT + "00").hex() == f"61{length:02x}"
        fci = client.send(GET_RESPONSE.apdu(le=length).hex())
        assert (fci[0], fci[-2:]) == (0x6F, b"\x90\x00")
        assert len(client.send("0084000008")) == 10
        client.close()


def test_contactless(daemon: PrivateDaemon, images: dict[int, Path]) -> None:
    with Card.open(images[3]) as card:
        atr = ContactlessInterface(card).atr
    with serving(daemon, f"contact:{images[2]}", f"contactless:{images[3]}"):
        client = Client(1)
        assert client.atr == atr
        assert len(client.send(SELECT)) == FCI_LENGTH[3] + 2
        assert client.send("00B2072C00") == CARD_NUMBER
        client.close()


def test_a_retry_counter_survives_in_the_image(
    daemon: PrivateDaemon, images: dict[int, Path]
) -> None:
    image = images[2]
    with serving(daemon, f"contact:{image}"):
        client = Client()
        client.send(SELECT)
        first = client.send("0020000003999999")
        assert first[0] == 0x63
        client.close()
    with serving(daemon, f"contact:{image}"):
        client = Client()
        client.send(SELECT)
        assert client.send("0020000003999999") == bytes((0x63, first[1] - 1))
        assert client.send("0020000003123456").hex() == "9000"
        client.close()
