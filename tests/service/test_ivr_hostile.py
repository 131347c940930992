# SPDX-License-Identifier: Apache-2.0
"""Every step of the hotline's flow, every hang-up, and peers that are no Asterisk at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any, Final

import msgspec
import pytest

from sscard_chip.settlement.ledger import LedgerUnavailableError
from sscard_service.ivr import IvrCall, IvrServer, TextLine, load_flow
from sscard_service.ivr.keypad import keys_of_receipt
from sscard_service.store.persons import PersonData, add_persons
from sscard_service.store.proofs import QUERY, hash_password, set_credential
from tests.service.city import KEYS, LIN, VALID, WANG, City, photo
from tests.service.test_ivr import BALANCE, LOSS, Asterisk, again, done, serving, status

LOST: Final = ["1", "2", LIN, "2", "583920", "1"]
CARDLESS: Final = "990000195001010035"
"""A person without a card; the check digit is computed by hand."""


class Steps(dict[str, Any]):
    """The steps of a flow; counts which were played."""

    def __init__(self, steps: dict[str, Any]) -> None:
        super().__init__(steps)
        self.seen: Counter[str] = Counter()

    def __getitem__(self, name: str) -> Any:
        self.seen[name] += 1
        return super().__getitem__(name)


def test_every_step_and_every_way_of_the_flow(
    one_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Played as text in both languages; each menu key and each outcome leads where it says."""
    city = one_city
    city.ask("formal", WANG)
    receipt = city.ask(
        "replace", WANG, details={**VALID, "reason": "lost"}, photo=photo()
    ).data["receipt"]  # fmt: skip
    with city.ledger.transaction() as t:
        set_credential(t, 1, QUERY, hash_password("583920"), "20260302000000")
        set_credential(t, 2, QUERY, hash_password("120027"), "20260302000000", initial=True)
        persons = [("51000009", "990100", PersonData("陈安", CARDLESS))]
        (number,) = add_persons(t, KEYS, persons, "20260101000000")
        set_credential(t, number, QUERY, hash_password("583920"), "20260302000000")
    flow = load_flow(city.region)
    steps = Steps(flow.steps)
    flow = msgspec.structs.replace(flow, steps=steps)

    def play(*keys: str, away: int = 0, locks: bool = False) -> list[str]:
        typed = list(keys)
        written: list[str] = []
        perform, asked = city.centre.perform, []

        def losing(*given: Any) -> Any:
            asked.append(given)
            if len(asked) <= away:
                raise LedgerUnavailableError("the ledger", "it is away")
            return perform(*given)

        line = TextLine(flow, lambda: typed.pop(0) if typed else None, written.append)
        with monkeypatch.context() as patch:
            patch.setattr(city.centre, "perform", losing)
            asyncio.run(IvrCall(flow, city.centre, line).play())
        if not locks:
            again(city)
        return written

    for language in ("1", "2"):
        assert play(language, "1", LIN, "1", "000013", "1", "4", "9")[-1] == "-> end"
        play(language, "1", LIN, "2", "583920", "0")
        play(language, "1", WANG, "2", "120027", "9")  # initial
        play(language, "1", CARDLESS, "2", "583920", "9")  # refused
        play(language, "1", LIN, "1", "999999", LIN, "1", "000013", "9")
        play(language, "1", LIN, "1", "000013", away=1)  # down
        play(language, "2", LIN, "1", "000013", "2", "2", LIN, "1", "000013", "1", "9")
        play(language, "2", LIN, "2", "583920", "1", "1", "9")
        play(language, "2", LIN, "1", "000013", "1", "1", "9", away=1)
        play(language, "2", LIN, "2", "583920", "1", "1", "9", away=1)
        play(language, "2", LIN, "2", "583920", "1", "2", away=1)
        play(language, "2", LIN, "1", "999999", "1", LIN, "1", "000013", "1", "9")
        play(language, "3", keys_of_receipt(receipt), "9")
        play(language, "3", "10" * 16, keys_of_receipt(receipt), "9")
        play(language, "4", "1", "0")
        play(language, "7", "8", "9")
        play("", "")
        play(*["1", "1", *[LIN, "1", "999999"] * 3])
        play(language, "1", LIN, "1", "000013", *["1", "1", LIN, "1", "999999"] * 2, "9")
    for _ in range(2):  # the third report of thirty days
        city.ask("loss", channel="ivr", card_number="000013")
        city.later(minutes=1)
        city.ask("lift")
    assert play("1", "2", LIN, "1", "000013", "1")[-1] == "-> agent"
    for _ in range(2):
        play(*["1", "1", *[LIN, "1", "999999"] * 3], locks=True)
    locked = play("1", "1", LIN, "1", "000013", "9", locks=True)
    assert any("挂失不受影响" in one for one in locked)
    assert [name for name in flow.steps if not steps.seen[name]] == []


def _hush(_: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("keys", [BALANCE, LOSS, LOST, ["1", "3", "10" * 16], ["1", "4"]])
def test_every_way_survives_silence_and_wrong_keys_at_each_step(
    one_city: City, keys: list[str]
) -> None:
    """One silence or one wrong entry before each right one ends nothing, and nothing is done that
    was not confirmed."""
    flow = load_flow(one_city.region)
    for wrong in ("", "99"):
        for at in range(len(keys)):
            typed = [*keys[:at], wrong, *keys[at:], "9"]
            line = TextLine(flow, lambda typed=typed: typed.pop(0) if typed else None, _hush)  # type: ignore[misc]
            asyncio.run(IvrCall(flow, one_city.centre, line).play())
            again(one_city)
    line = TextLine(flow, iter([*keys[:-1], *["99"] * 3]).__next__, _hush)
    assert asyncio.run(IvrCall(flow, one_city.centre, line).play()) == "ended"
    assert status(one_city) == 1


def test_fifty_calls_at_once_report_one_loss(one_city: City) -> None:
    calls = [Asterisk([*LOSS, "9"], caller=f"1990000{one:04d}") for one in range(50)]

    async def play(host: str, port: int) -> None:
        await asyncio.gather(*(one.call(host, port) for one in calls))

    serving(one_city, play)
    assert all("loss_done" in one.played for one in calls)
    assert {one.result for one in calls} == {"ended"}
    assert (status(one_city), done(one_city.ledger, "loss")) == (4, 50)
    with one_city.ledger.reading() as t:
        assert t.connection.exec_driver_sql("SELECT count(*) FROM card_status").scalar_one() == 1


def test_one_call_more_than_there_are_lines_is_busy(one_city: City) -> None:
    async def play() -> tuple[bytes, bytes]:
        server = IvrServer(load_flow(one_city.region), one_city.centre, most_calls=1)
        stop, ready = asyncio.Event(), asyncio.Event()
        places: list[tuple[str, int]] = []

        def is_ready(host: str, port: int) -> None:
            places.append((host, port))
            ready.set()

        task = asyncio.create_task(server.serve("127.0.0.1", 0, stop, is_ready))
        await asyncio.wait_for(ready.wait(), 10)
        reader, writer = await asyncio.open_connection(*places[0])
        writer.write(b"agi_request: x\n\n")
        first = await asyncio.wait_for(reader.readline(), 10)  # this one is served
        second, other = await asyncio.open_connection(*places[0])
        said = await asyncio.wait_for(second.read(), 10)
        writer.close()
        other.close()
        stop.set()
        await asyncio.wait_for(task, 20)
        return first, said

    assert asyncio.run(play()) == (b"ANSWER\n", b"SET VARIABLE SSCARD_RESULT busy\n")


HOSTILE: Final = (
    b"agi_request: x\n\n" + b"2" * 100_000,
    b"agi_request: x\n\n200 result=" + b"1" * 4000 + b"\n" + b"200 result=0\n" * 50,
    b"agi_request: x\n\n" + b"200 result=-1-1\n" * 20,
    b"agi_request: x\n\n" + "200 result=１２３\n".encode() * 20,
    b"agi_request: x\n\n" + b"100 Trying\n" * 200,
    b"agi_request: x\n\n200 result=\x00\n",
    b"agi_request: x\nagi_callerid: \x1b[2J';DROP TABLE card;--\n\n" + b"200 result=0\n" * 3,
    b"agi_request: x\n\n" + b"200 result=1 (timeout)\n" * 300,
    b"agi_request: x\n\n" + b"200 result=990000199001010017\n" * 300,
)


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_a_peer_that_answers_nonsense_ends_and_does_nothing(one_city: City, content: bytes) -> None:
    async def play(host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(content)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 30)
        writer.close()

    serving(one_city, play)
    assert status(one_city) == 1
    assert done(one_city.ledger, "loss") == 0


@pytest.mark.parametrize("kind", ["headers", "slow headers", "silence", "no answer"])
def test_a_peer_without_an_end_is_left(
    one_city: City, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that never end, come by drops, or no answer to a command: the line is closed."""
    monkeypatch.setattr("sscard_service.ivr.fastagi._BEGIN_SECONDS", 0.3)
    monkeypatch.setattr("sscard_service.ivr.fastagi._ANSWER_SECONDS", 0.3)

    async def play(host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        if kind == "no answer":
            writer.write(b"agi_request: x\n\n")

        async def send() -> None:
            one = 0
            while kind.endswith("headers"):
                writer.write(b"agi_request: x\n" if one == 0 else b"agi_%d: x\n" % one)
                await writer.drain()
                await asyncio.sleep(0.05 if kind == "slow headers" else 0)
                one += 1

        sending = asyncio.create_task(send())
        with suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 20)  # until the server closes
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
        call = Asterisk([*BALANCE, "9"])  # others are served
        await call.call(host, port)
        assert call.result == "ended"

    serving(one_city, play)
