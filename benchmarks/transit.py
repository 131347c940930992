# SPDX-License-Identifier: Apache-2.0
"""Row 20: journeys of a metro, entry and exit, in process on one core.

A journey is twenty-two commands: a gate reads the card, judges it, has its PSAM (a card of the
same engine) sign, and the card writes journey, trip, log, balance and proof; twice. The median of
windows in seconds of the processor.
"""

from __future__ import annotations

from statistics import median
from time import thread_time
from typing import Final

from benchmarks.cards import HOLDER
from benchmarks.paired import one_core
from benchmarks.rows import Row, no_garbage_collection
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.psam import make_transport_psam
from issuance.roots import RootKeys, create_roots
from issuance.transport import TransportIssuer, transport_slots
from sscard_chip.card import Card
from sscard_chip.standard.documents import convert
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.transit import MetroGate, TransitRegion, TransitSam

GOAL: Final = 1_000
WINDOW: Final = 25
WINDOWS: Final = 40
FARE_FEN: Final = 3
_REGION: Final = {
    "format": "sscard-transit-region/1",
    "city": "5510",
    "organisation": "02005510FFFFFFFF",
    "operator": "0001",
    "merchant": "00000001",
    "stations": {"00010001": {}, "00010002": {}},
    "fares": {"by": "stations", "highest_fen": FARE_FEN},
}
_TIMES: Final = [bytes.fromhex(f"203003{day:02d}0{hour}1500") for day, hour in ((1, 7), (1, 8))]


def _roots() -> RootKeys:
    return RootKeys(
        {slot: bytes((number + 1,)) * 16 for number, slot in enumerate(transport_slots())}
    )


class Line:
    """Two gates, one at each end, with a card and a PSAM of ``algorithm``."""

    def __init__(self, algorithm: str) -> None:
        roots = _roots()
        transport = {"balance_fen": 0x10000000, "suite": algorithm, "city": "5510"}
        holder = Holder.from_object(HOLDER | {"transport": transport})
        memory = issue_card(3, create_roots(), holder, transport=TransportIssuer(roots))
        slot = connect_card(Card(memory), contactless=True)
        slot.power_on()
        psam = make_transport_psam(roots, terminal_id="510100000001", algorithm=algorithm)
        sam, region = TransitSam(connect_card(Card(psam))), convert(TransitRegion, _REGION)
        self.begins, self.ends = (
            MetroGate(slot, sam, region, bytes.fromhex(station)) for station in region.stations
        )
        self.begins.enter(_TIMES[0])
        self.before = self.ends.leave(_TIMES[1]).balance_fen

    def window(self) -> None:
        """Some journeys."""
        for _ in range(WINDOW):
            self.begins.enter(_TIMES[0])
            self.ends.leave(_TIMES[1])

    def check(self, journeys: int) -> None:
        """Fail unless each journey was paid once, and each MAC2 right."""
        self.begins.enter(_TIMES[0])
        last = self.ends.leave(_TIMES[1])
        if last.balance_fen != self.before - FARE_FEN * (journeys + 1) or not last.mac2_right:
            raise RuntimeError("not every journey was paid")


def journeys_a_second(algorithm: str, windows: int = WINDOWS) -> float:
    """The median of ``windows`` windows."""
    line, times = Line(algorithm), []
    with one_core(), no_garbage_collection():
        line.window()
        for _ in range(windows):
            begun = thread_time()
            line.window()
            times.append(thread_time() - begun)
    line.check(WINDOW * (windows + 1))
    return WINDOW / median(times)


def rows(*, windows: int = WINDOWS) -> list[Row]:
    """Measure and return row 20, with both suites."""
    found = []
    for algorithm in ("3des", "sm4"):
        rate = journeys_a_second(algorithm, windows)
        what = f"journeys by metro, entry and exit, a second and core, {algorithm.upper()}"
        found.append(Row(20, what, rate, GOAL, ">=", f"{1e6 / rate:.0f} µs a journey"))
    return found
