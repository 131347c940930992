# SPDX-License-Identifier: Apache-2.0
"""The pharmacy POS over pyscard, pcscd and vpcd, the card and the PSAM each in its slot."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_chip.terminal.pos import (
    Refusal,
    SaleOutcome,
    SaleRefusedError,
    UnfinishedSaleError,
    read_day,
)
from sscard_cli.main import main
from tests.bench.shop import BILL, CARDS, LATER, PIN, ROUTES, TIME, Shop
from tests.pcsc.stack import serving

pytestmark = pytest.mark.pcsc


class PcscShop(Shop):
    """A shop whose card and PSAM lie in image files, in a reader of their own."""

    def __init__(self, folder: Path, generation: int, algorithm: str) -> None:
        super().__init__(folder, generation, algorithm)
        self.card_path, self.psam_path = folder / "card.ssc", folder / "psam.ssc"
        self.card.save(self.card_path)
        self.psam.save(self.psam_path)

    def slots(self, *, contactless: bool = False) -> tuple[str, str]:
        interface = "contactless" if contactless else "contact"
        return f"{interface}:{self.card_path}", f"contact:{self.psam_path}"

    def sell(self, time: str) -> SaleOutcome:
        with (
            PcscConnection(READER_NAMES[0]) as card,
            PcscConnection(READER_NAMES[1]) as psam,
            self.till(card, psam) as till,
        ):
            return till.sell(BILL, time)

    def audit_images(self) -> int:
        """Card, PSAM and day file as they lie on the disk."""
        with Card.open(self.card_path) as card, Card.open(self.psam_path) as psam:
            self.card, self.psam = Card(card.image()), Card(psam.image())
        return self.audit(read_day(self.day_file).rows)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_two_sales(daemon: PrivateDaemon, tmp_path: Path, route: tuple[int, str, bool]) -> None:
    generation, algorithm, contactless = route
    shop = PcscShop(tmp_path, generation, algorithm)
    with serving(daemon, *shop.slots(contactless=contactless)):
        first, second = shop.sell(TIME), shop.sell(LATER)
    assert first.mac2
    assert second.mac2
    assert second.row.transaction_number == first.row.transaction_number + 1
    assert shop.audit_images() == 2


def test_from_the_command_line(
    daemon: PrivateDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = PcscShop(tmp_path, 3, "sm4")
    arguments = ["pos", "sale", "--reader", READER_NAMES[0], "--psam-reader", READER_NAMES[1]]
    arguments += ["--account-fen", "1000", "--self-fen", "500", "--pool-fen", "2000"]
    arguments += ["--day-file", str(shop.day_file), "--time", TIME, "--pin"]
    with serving(daemon, *shop.slots()):
        assert main([*arguments, "999999"]) == 1
        assert capsys.readouterr().err == "sscard: error: PIN wrong: 5 tries left\n"
        assert main([*arguments, PIN]) == 0
    assert "990.00" in capsys.readouterr().out
    assert shop.audit_images() == 1


@pytest.mark.parametrize(("generation", "algorithm"), [CARDS[1], CARDS[2]])
def test_card_pulled_out_at_the_debit(
    daemon: PrivateDaemon, tmp_path: Path, generation: int, algorithm: str
) -> None:
    """The card's process ends when it has paid, before the terminal has the answer."""
    shop = PcscShop(tmp_path, generation, algorithm)
    with serving(daemon, *shop.slots()):
        pulled = _pull_at_the_debit(shop)
    assert pulled
    with serving(daemon, *shop.slots()):
        outcome = shop.sell(LATER)
    assert outcome.recovered
    assert outcome.row.time == TIME
    assert shop.audit_images() == 1


class _Pulled(PcscConnection):
    """Loses the card when it has run DEBIT, for good."""

    def transmit(self, apdu: bytes) -> bytes:
        answer = super().transmit(apdu)
        if apdu[:2] == b"\xb0\x2c":
            self.power_off()
            self.power_on = self._gone  # type: ignore[method-assign]
            return self.transmit(apdu)
        return answer

    def _gone(self) -> bytes:
        return PcscConnection("no such reader").power_on()


def _pull_at_the_debit(shop: PcscShop) -> bool:
    with (
        _Pulled(READER_NAMES[0]) as card,
        PcscConnection(READER_NAMES[1]) as psam,
        shop.till(card, psam) as till,
    ):
        with pytest.raises(UnfinishedSaleError):
            till.sell(BILL, TIME)
        return till.unfinished is not None


def test_empty_slots(daemon: PrivateDaemon, tmp_path: Path) -> None:
    shop = PcscShop(tmp_path, 2, "3des")
    with pytest.raises(SaleRefusedError) as caught:
        shop.sell(TIME)
    assert caught.value.refusal is Refusal.PSAM
    with serving(daemon, shop.slots()[0]), pytest.raises(SaleRefusedError) as caught:
        shop.sell(TIME)
    assert caught.value.refusal is Refusal.PSAM
