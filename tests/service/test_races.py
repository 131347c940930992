# SPDX-License-Identifier: Apache-2.0
"""Sales against loss reports: once "done" was said, no on-line sale is taken any more (T8).

Tills keep selling while the card is reported, with clocks a day behind, right and a day ahead: in
one process, and in several of a centre, where losses come from every channel. ``SSCARD_RACES=1000``
by hand.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from multiprocessing.connection import Connection
from typing import Any, Final

import pytest
import sqlalchemy as sa

from sscard_chip.dayfile.envelope import HOLD, compact, make_request
from sscard_chip.settlement.ledger import Ledger, LedgerTransaction, register_cards
from sscard_chip.settlement.platform import Platform
from sscard_chip.settlement.policy import CentrePolicy
from sscard_chip.settlement.schema.services import audit
from sscard_service import (
    CardProof,
    Code,
    SeenDocument,
    ServiceActor,
    ServiceCentre,
    ServiceEvidence,
    ServiceRefusedError,
    ServiceSubject,
    load_region,
)
from sscard_service.http.hotlist import ServedHotlist
from sscard_service.store.persons import PersonData, add_persons
from tests.bench.issued import roots
from tests.service.city import KEYS, code_of, columns
from tests.settlement.platform.centre import bill

BY_HAND: Final = "SSCARD_RACES" in os.environ
RACES: Final = int(os.environ.get("SSCARD_RACES", "24"))
POLICY: Final = CentrePolicy(settle_at_once=True, clock_minutes=1500)
"""Of a centre that takes sales of tills whose clocks are a day off."""
_SALES: Final = count()
DAYS: Final = (-1, 0, 1)
"""By how much the clock of a till is off."""
FEN: Final = 35
"""What a sale costs."""


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

    def __init__(self, platform: Platform, days: int, sales: Iterator[int] = _SALES) -> None:
        """``sales`` are the numbers of its messages: no two tills of a place have the same."""
        self._platform = platform
        self._sales = sales
        self._off = timedelta(days=days)
        self._place = f"P9901000000{days + 1}"

    def sell(self, serial: int) -> bool:
        """Whether a sale of 0.35 yuan is taken."""
        number = next(self._sales) % 10_000  # a message that comes again gets its first answer
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


# --- several processes ----------------------------------------------------------------------------


def shown(channel: str, serial: int) -> tuple[ServiceSubject, ServiceActor, ServiceEvidence]:
    """Who reports a loss in a channel, and what is shown for it there."""
    me = ServiceSubject(identity=identity(serial))
    if channel in ("office", "bank"):
        seen = SeenDocument(identity(serial), copy=True)
        return me, ServiceActor("clerk", "0017"), ServiceEvidence(document=seen)
    if channel in ("app", "ebank"):
        return me, ServiceActor(device="wechat"), ServiceEvidence(face=True)
    if channel == "kiosk":  # by the card itself
        proof = CardProof(code_of(serial), True, True)
        return ServiceSubject(), ServiceActor(device="kiosk-1"), ServiceEvidence(card=proof)
    return me, ServiceActor(), ServiceEvidence(card_number=f"{serial:06d}")


LOSSES: Final = ("ivr", "agent", "site", "app", "ebank", "kiosk", "bank", "office")
"""Every channel that takes a loss."""


class CentreProcess:
    """What one process of a centre does: card services, and sales of its tills."""

    def __init__(self, url: str, number: int) -> None:
        self._centre = ServiceCentre(Ledger.open(url, create=False), KEYS, load_region())
        self._platform = Platform(self._centre.ledger, policy=POLICY, keys=roots())
        self._hotlists = ServedHotlist(self._centre)
        self._sales = count(1000 * number)
        self._asked = count()
        self._number = number

    def perform(self, operation: str, channel: str, serial: int, **details: Any) -> dict[str, Any]:
        """An operation in a channel, with what is shown there."""
        number = f"{self._number}-{next(self._asked)}"
        subject, actor, evidence = shown(channel, serial)
        return self._centre.perform(
            operation, subject, actor, channel, evidence, number, details
        ).data

    def decode(self, code: str) -> str:
        """What the code of an electronic card is read as by a till."""
        try:
            read = self._centre.perform(
                "ecard_decode", None, ServiceActor(device="till-7"), "till", None,
                f"{self._number}-{next(self._asked)}", {"code": code},
            )  # fmt: skip
        except ServiceRefusedError as error:
            return str(error.code)
        return "pays" if read.data["pays"] else "does not pay"

    def refused(self, operation: str, channel: str, serial: int) -> str:
        """Why an operation is not done."""
        try:
            self.perform(operation, channel, serial)
        except ServiceRefusedError as error:
            return str(error.code)
        return "done"

    def hotlist(self, after: str) -> str:
        """A hotlist, or a delta."""
        return self._hotlists.text(after).decode()

    def sell(self, serial: int, days: int) -> bool:
        """One sale."""
        return Till(self._platform, days, self._sales).sell(serial)

    def sell_on(self, serial: int, days: int, pipe: Connection) -> list[bool]:
        """Sales until something comes; after the first one that is said."""
        till, taken = Till(self._platform, days, self._sales), []
        while not pipe.poll():
            taken.append(till.sell(serial))
            if len(taken) == 1:
                pipe.send("selling")
        pipe.recv()
        return taken

    def serve(self, pipe: Connection) -> None:
        """Do what is asked for until None comes."""
        while (asked := pipe.recv()) is not None:
            name, *given = asked
            if name == "sell_on":
                given.append(pipe)
            pipe.send(getattr(self, name)(*given))


@contextmanager
def processes(url: str, how_many: int) -> Iterator[list[Connection]]:
    """So many processes of a centre."""
    fork = multiprocessing.get_context("fork")
    started, pipes = [], []
    for number in range(how_many):
        mine, theirs = fork.Pipe()
        work = lambda number=number, theirs=theirs: CentreProcess(url, number).serve(theirs)  # noqa: E731
        process = fork.Process(target=work, daemon=True)
        process.start()
        theirs.close()
        started.append(process)
        pipes.append(mine)
    yield pipes
    for pipe in pipes:
        pipe.send(None)
    for process in started:
        process.join(60)
        assert process.exitcode == 0


def ask(pipe: Connection, *asked: Any) -> Any:
    """What a process answers."""
    pipe.send(asked)
    return pipe.recv()


@pytest.mark.timeout(0)
def test_no_process_takes_a_sale_after_a_loss_from_any_channel(
    ledger: Ledger, ledger_url: str
) -> None:
    """Nor is a code of the electronic card read then that was shown before, nor a new one shown;
    the next delta of the hotlist has the card, and what it has paid before is all that is gone."""
    ledger.run(settle_in, exclusive=True)
    ledger.database.close()
    drawn = random.Random(14)
    before = 0
    with processes(ledger_url, 5) as (first, second, *tills):
        races = range(RACES if BY_HAND else len(LOSSES))
        for serial in races:
            channel = LOSSES[serial % len(LOSSES)]
            ask(first, "perform", "ecard", "app", serial)
            code = ask(first, "perform", "ecard_code", "app", serial)["code"]
            other = ask(second, "perform", "ecard_code", "app", serial)["code"]
            assert ask(second, "decode", other) == "pays"
            version = ask(second, "hotlist", "").splitlines()[0].split("\t")[2]
            for till, days in zip(tills, DAYS, strict=True):
                till.send(("sell_on", serial, days))
            assert [till.recv() for till in tills] == ["selling"] * 3
            answer = ask(drawn.choice((first, second)), "perform", "loss", channel, serial)
            assert (answer["status"], answer["changed"]) == (4, True), channel
            # "done" was said: from here on, everywhere
            assert ask(second, "decode", code) == Code.STATE
            assert ask(first, "refused", "ecard_code", "app", serial) != "done"
            taken = []
            for till in tills:
                till.send("stop")
                taken.append(till.recv())
            late = [ask(till, "sell", serial, days) for till, days in zip(tills, DAYS, strict=True)]
            assert late == [False, False, False], channel
            for own in taken:
                assert own == sorted(own, reverse=True), channel  # once refused, always refused
            assert f"Y{serial:08d}" in ask(first, "hotlist", version), channel
            paid = sum(map(sum, taken))
            left = ask(second, "perform", "balance", "office", serial)["balance_fen"]
            assert left == 10_000 - FEN * paid, channel
            before += paid
    assert before >= len(races)
    print(f"{len(races)} of {len(races)} races refused; {before} sales before")
