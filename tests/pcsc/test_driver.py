# SPDX-License-Identifier: Apache-2.0
"""The terminal's driver through pyscard, pcscd and vpcd: the card in slot 1, the PSAM in slot 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.terminal.connection import (
    CardRemovedError,
    ConnectionLostError,
    NoCardError,
    NotConnectedError,
    Slots,
)
from sscard_chip.terminal.driver import FUNCTIONS, Driver
from sscard_chip.terminal.pcsc import PcscConnection
from tests.bench.desk import CARDS, PAY, PIN, TERMINAL, Desk, psam_memory
from tests.pcsc.stack import serving

pytestmark = pytest.mark.pcsc


def images(tmp_path: Path, generation: int, algorithm: str) -> tuple[Path, Path, str]:
    """Card and PSAM as files, and pCardInfo."""
    desk = Desk(generation, algorithm)
    card, psam = tmp_path / "card.ssc", tmp_path / "psam.ssc"
    desk.card.save(card)
    Card(psam_memory(2).copy()).save(psam)
    return card, psam, desk.card_info


@contextmanager
def terminal(*, contactless: bool = False) -> Iterator[Driver]:
    """A driver over both readers, found by a part of their names."""
    with PcscConnection(READER_NAMES[0]) as card, PcscConnection("PCD 00 01") as psam:
        slots = Slots(None, card, psam) if contactless else Slots(card, None, psam)
        yield Driver(slots, pin_pad=lambda prompt: PIN)


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
@pytest.mark.parametrize("interface", ["contact", "contactless"])
def test_a_purchase(
    daemon: PrivateDaemon, tmp_path: Path, generation: int, algorithm: str, interface: str
) -> None:
    contactless = interface == "contactless"
    if contactless and generation < 3:
        interface, contactless = "contact", False
    card, psam, info = images(tmp_path, generation, algorithm)
    kind = 2 if contactless else 1
    with (
        serving(daemon, f"{interface}:{card}", f"contact:{psam}"),
        terminal(contactless=contactless) as driver,
    ):
        code, text = FUNCTIONS["iReadCardBas"].call(driver, kind)
        assert (code, text.split("|")[1]) == (0, "990000200102030012")
        assert text.split("|")[9] == TERMINAL
        written = FUNCTIONS["iWriteCard"].call(driver, kind, info, "DF03EF07|6C|$", "20600101|$")
        assert written == (0, "")
        read = FUNCTIONS["iReadCard"].call(driver, kind, 2, info, "DF03EF07|6C|$")
        assert read == (0, "DF03EF07|20600101|$")
        assert FUNCTIONS["iDoDebit"].call(driver, kind, info, PAY)[0] == 0
        record = f"0^{TERMINAL}^20260102030405^10.00^8.00^|"
        assert FUNCTIONS["iReadDebitRecord"].call(driver, kind) == (0, record)


def test_a_card_that_is_pulled_out_and_an_empty_slot(daemon: PrivateDaemon, tmp_path: Path) -> None:
    card, _, _ = images(tmp_path, 2, "3des")
    with PcscConnection(READER_NAMES[0]) as connection:
        with pytest.raises(NoCardError):
            connection.power_on()
        with serving(daemon, f"contact:{card}"):
            atr = connection.power_on()
            assert connection.reset() == atr
            assert connection.transmit(bytes.fromhex("0084000008"))[-2:] == b"\x90\x00"
        with pytest.raises(ConnectionLostError) as lost:
            connection.transmit(bytes.fromhex("0084000008"))
        assert isinstance(lost.value, CardRemovedError)
        with pytest.raises(NoCardError):
            connection.power_on()
        with serving(daemon, f"contact:{card}"):
            assert connection.power_on() == atr


def test_no_such_reader(daemon: PrivateDaemon) -> None:
    with pytest.raises(NotConnectedError, match="2 of 2 readers"):
        PcscConnection("Virtual").power_on()
    driver = Driver(Slots(contact=PcscConnection("Smart Reader 9")))
    assert FUNCTIONS["iReadCardBas"].call(driver, 1)[0] == -12


def test_a_restarted_service_is_found_again(daemon: PrivateDaemon, tmp_path: Path) -> None:
    card, _, _ = images(tmp_path, 2, "3des")
    with PcscConnection(READER_NAMES[0]) as connection:
        with serving(daemon, f"contact:{card}"):
            connection.power_on()
        daemon.stop()
        with pytest.raises((NotConnectedError, NoCardError)):
            connection.power_on()
        daemon.start()
        with serving(daemon, f"contact:{card}"):
            assert connection.power_on()[:1] == b"\x3b"
