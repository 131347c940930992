# SPDX-License-Identifier: Apache-2.0
"""Sales against loss reports: once "done" was said, no on-line sale is taken any more (T8).

Tills keep selling while the card is reported, with clocks a day behind, right and a day ahead.
``SSCARD_RACES=1000`` by hand.
"""

from __future__ import annotations

import os
import random
import threading
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

import pytest
import sqlalchemy as sa

from sscard_chip.dayfile.envelope import HOLD, compact, make_request
from sscard_chip.settlement.ledger import Ledger, LedgerTransaction, register_cards
from sscard_chip.settlement.platform import Platform
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.settlement.schema.services import audit
from sscard_service import (
    SeenDocument,
    ServiceActor,
    ServiceCentre,
    ServiceEvidence,
    ServiceSubject,
    load_region,
)
from sscard_service.store.persons import PersonData, add_persons
from tests.bench.issued import roots
from tests.service.city import KEYS, code_of, columns
from tests.settlement.platform.centre import bill

RACES: Final = int(os.environ.get("SSCARD_RACES", "50"))
POLICY: Final = CentrePolicy(settle_at_once=True, clock_minutes=1500)
"""Of a centre that takes sales of tills whose clocks are a day off."""
_SALES: Final = count()
DAYS: Final = (-1, 0, 1)
"""By how much the clock of a till is off."""


def identity(serial: int) -> str:
    """An invented identity number, the same length as a real one."""
    return f"99000019900101{serial:04d}"


def settle_in(t: LedgerTransaction) -> None:
    """A person with a card and a hundred yuan for each race."""
    persons = [
        (f"5200{one:04d}", "990100", PersonData("林知夏", identity(one))) for one in range(RACES)
    ]
    add_persons(t, KEYS, persons, "20260101000000")
    for one in range(RACES):
        card = columns(f"Y{one:08d}", one, f"5200{one:04d}", 10_000)
        register_cards(t, card, "20260101", f"race {one}")


class Till:
    """A till with a clock that is some days off."""

    def __init__(self, platform: Platform, days: int) -> None:
        self._platform = platform
        self._off = timedelta(days=days)
        self._place = f"P9901000000{days + 1}"

    def sell(self, serial: int) -> bool:
        """Whether a sale of 35 fen is taken."""
        number = next(_SALES) % 10_000  # a message that comes again gets its first answer
        time = (datetime.now() + self._off).strftime("%Y%m%d%H%M%S")
        node = bill(
            "0.35",
            extra=compact({"card_sn": code_of(serial)}),
            psn_no=f"5200{serial:04d}",
            mdtrt_cert_no=f"Y{serial:08d}",
            begntime=datetime.strptime(time, "%Y%m%d%H%M%S").isoformat(" "),
        )
        msgid = f"{self._place}{time}{number:04d}"
        request = make_request(HOLD, msgid, time, "990100", "990100", node, operator="990100000001")
        answer: dict[str, Any] = self._platform.handle(request)
        if answer["infcode"] != 0:
            assert "status is 4" in answer["err_msg"], answer
        return bool(answer["infcode"] == 0)


@pytest.mark.timeout(0)
def test_no_sale_is_taken_after_a_loss_was_answered(ledger: Ledger) -> None:
    ledger.run(settle_in, exclusive=True)
    centre = ServiceCentre(ledger, KEYS, load_region())
    platform = Platform(ledger, policy=POLICY, keys=roots())
    drawn = random.Random(14)
    before = 0
    for serial in range(RACES):
        answered, begun = threading.Event(), threading.Event()
        taken: list[bool] = []

        def sell(serial: int = serial, begun: Any = begun, answered: Any = answered,
                 taken: list[bool] = taken) -> None:  # fmt: skip
            till = Till(platform, drawn.choice(DAYS))
            while not answered.is_set():
                taken.append(till.sell(serial))
                begun.set()

        selling = threading.Thread(target=sell, daemon=True)
        selling.start()
        assert begun.wait(30)
        answer = centre.perform(
            "loss",
            ServiceSubject(identity=identity(serial)),
            ServiceActor("clerk", "0017"),
            "office",
            ServiceEvidence(document=SeenDocument(identity(serial), copy=True)),
            f"race-{serial}",
        )
        assert answer.data["status"] == 4
        assert [Till(platform, days).sell(serial) for days in DAYS] == [False, False, False]
        answered.set()
        selling.join(60)
        before += sum(taken)
        assert taken == sorted(taken, reverse=True)  # once refused, always refused
    assert before >= RACES  # the card did pay before
    with ledger.reading() as t:
        done = sa.select(sa.func.count()).where(audit.c.operation == "loss")
        assert t.connection.execute(done).scalar_one() == RACES
    print(f"{RACES} of {RACES} races refused; {before} sales before")
