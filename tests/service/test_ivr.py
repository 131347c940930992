# SPDX-License-Identifier: Apache-2.0
"""The hotline: scripts played by an AGI client of the tests' own, and as text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import Ledger, LedgerUnavailableError
from sscard_chip.settlement.schema.services import audit
from sscard_service.ivr import (
    HungUpError,
    IvrCall,
    IvrFlowError,
    IvrServer,
    TextLine,
    default_flow_text,
    load_flow,
)
from sscard_service.ivr.keypad import keys_of_receipt, read_identity, read_receipt
from sscard_service.region import load_region
from sscard_service.store.proofs import QUERY, hash_password, set_credential
from tests.service.city import LIN, NOBODY, VALID, City, photo

SILENCE: Final = ""
HANG_UP: Final = "hang up"
BALANCE: Final = ["1", "1", LIN, "1", "000013"]
LOSS: Final = ["1", "2", LIN, "1", "000013", "1"]


class Asterisk:
    """As much of Asterisk as FastAGI needs: keys by a script, every command written down."""

    def __init__(self, keys: list[str], caller: str = "19900001234") -> None:
        self.keys = list(keys)
        self.caller = caller
        self.commands: list[str] = []
        self.hang_up_at: int | None = None
        """At which command the caller hangs up, without a word."""

    def answer(self, command: str) -> str | None:
        """What is answered to a command; None where the caller is gone."""
        self.commands.append(command)
        if self.hang_up_at is not None and len(self.commands) > self.hang_up_at:
            return None
        if command.startswith("GET DATA"):
            keys = self.keys.pop(0) if self.keys else HANG_UP
            if keys == HANG_UP:
                return "HANGUP\n"
            return f"200 result={keys}{'' if keys else ' (timeout)'}\n"
        return "200 result=0\n"

    async def call(self, host: str, port: int) -> None:
        """One call."""
        reader, writer = await asyncio.open_connection(host, port)
        begins = {
            "network": "yes",
            "request": f"agi://{host}/",
            "language": "en",
            "uniqueid": "1772413200.7",
            "callerid": self.caller,
        }
        for name, value in begins.items():
            writer.write(f"agi_{name}: {value}\n".encode())
        writer.write(b"\n")
        while line := await reader.readline():
            answer = self.answer(line.decode().rstrip("\n"))
            if answer is None:
                break
            writer.write(answer.encode())
        writer.close()

    @property
    def played(self) -> list[str]:
        """Prompts, numbers and dates that were said, in order."""
        found = []
        for one in self.commands:
            words = one.split()
            if one.startswith(("STREAM FILE", "GET DATA")):
                found.append(words[2].rpartition("/")[2])
            elif one.startswith("SAY"):
                found.append(words[2])
        return found

    @property
    def result(self) -> str:
        """What the dial plan finds."""
        return next((one.split()[-1] for one in self.commands if "SSCARD_RESULT" in one), "hung up")


def serving(city: City, play: Callable[[str, int], Coroutine[Any, Any, Any]]) -> None:
    """Serve the city's hotline while ``play`` calls it."""

    async def serve() -> None:
        stop, ready = asyncio.Event(), asyncio.Event()
        places: list[tuple[str, int]] = []

        def is_ready(host: str, port: int) -> None:
            places.append((host, port))
            ready.set()

        server = IvrServer(load_flow(city.region), city.centre)
        task = asyncio.create_task(server.serve("127.0.0.1", 0, stop, is_ready))
        await asyncio.wait_for(ready.wait(), 10)
        try:
            await asyncio.wait_for(play(*places[0]), 60)
        finally:
            stop.set()
            await task

    asyncio.run(serve())


def phone(city: City, keys: list[str], **given: Any) -> Asterisk:
    """A call with these keys, to its end."""
    one = Asterisk(keys, **given)
    serving(city, one.call)
    return one


def text(city: City, *lines: str) -> list[str]:
    """A call as text: what is written."""
    flow, typed = load_flow(city.region), list(lines)
    written: list[str] = []
    line = TextLine(flow, lambda: typed.pop(0) if typed else None, written.append)
    asyncio.run(IvrCall(flow, city.centre, line).play())
    return written


def status(city: City) -> int:
    """The state of 林知夏's card."""
    return int(city.ask("status").data["cards"][0]["status"])


def done(ledger: Ledger, operation: str) -> int:
    """How often an operation was done by telephone, in the audit."""
    with ledger.reading() as t:
        rows = t.connection.execute(
            sa.select(sa.func.count()).where(
                audit.c.operation == operation, audit.c.channel == "ivr", audit.c.result == "DONE"
            )
        )
        return int(rows.scalar_one())


def test_the_balance_is_spoken_and_nothing_else(city: City) -> None:
    call = phone(city, [*BALANCE, "9"])
    assert call.played[-7:] == ["balance", "123", "yuan", "45", "fen", "more", "goodbye"]
    assert call.result == "ended"
    assert not any("林" in one or LIN in one or "Z00000013" in one for one in call.commands)
    assert "SET VARIABLE CHANNEL(language) zh" in call.commands
    assert "GET DATA sscard/zh/identity 5000 18" in call.commands


def test_english_by_the_own_query_password(city: City) -> None:
    with city.ledger.transaction() as t:
        set_credential(t, 1, QUERY, hash_password("583920"), "20260302000000")
    call = phone(city, ["2", "1", LIN, "2", "583920", "9"])
    assert 'STREAM FILE sscard/en/balance ""' in call.commands
    assert "SET VARIABLE CHANNEL(language) en" in call.commands


def test_a_loss_is_said_to_be_done_after_it_is(city: City) -> None:
    call = Asterisk([*LOSS, "9"])
    seen: list[int] = []
    answer = call.answer

    def watching(command: str) -> str | None:
        if "loss_done" in command:
            seen.append(status(city))
        return answer(command)

    call.answer = watching  # type: ignore[method-assign]
    serving(city, call.call)
    assert seen == [4]
    assert "loss_done" in call.played


def test_progress_by_the_keys_of_a_receipt(city: City) -> None:
    city.ask("formal")
    details = {**VALID, "reason": "lost"}
    receipt = city.ask("replace", details=details, photo=photo()).data["receipt"]
    keys = keys_of_receipt(receipt)
    assert len(keys) == 32
    assert keys.isdecimal()
    call = phone(city, ["1", "3", keys, "9"])
    # 15 working days after 2 March 2026: 23 March, noon UTC
    assert call.played[-5:] == ["state_applied", "due", "1774267200", "more", "goodbye"]


def again(city: City) -> None:
    """The card pays again, and its reports are forgotten."""
    if status(city) == 4:
        city.ask("lift")
    city.later(days=31)


def test_who_hangs_up_leaves_nothing_half_done(one_city: City) -> None:
    """At every command of the call, before and after its answer."""
    states = []
    for at in range(24):
        before = done(one_city.ledger, "loss")
        call = Asterisk([*LOSS, "9"])
        call.hang_up_at = at
        serving(one_city, call.call)
        states.append(status(one_city))
        assert done(one_city.ledger, "loss") - before == (1 if states[-1] == 4 else 0)
        assert states[-1] == 4 or "loss_done" not in call.played
        again(one_city)
    assert states == sorted(states)  # from one step on it is done, and stays so
    assert set(states) == {1, 4}


def test_who_hangs_up_before_the_last_key_has_reported_nothing(one_city: City) -> None:
    for length in range(len(LOSS)):
        assert phone(one_city, LOSS[:length]).result == "hung up"
    assert status(one_city) == 1
    assert done(one_city.ledger, "loss") == 0


def test_silence_twice_ends_a_call(one_city: City) -> None:
    call = phone(one_city, ["1", SILENCE, SILENCE, "1"])
    assert call.played == ["welcome", "main", "main", "silent"]
    assert call.result == "ended"
    once = phone(one_city, [SILENCE, "1", SILENCE, "4", "9"])
    assert once.played == ["welcome", "welcome", "main", "main", "policy", "more", "goodbye"]


def test_three_wrong_entries_end_a_call(one_city: City) -> None:
    bad = ["99000019900101001", "990000199001010018", "99000019900101001*"]
    call = phone(one_city, ["1", "1", *bad, LIN])
    assert call.played[2:] == ["identity", "wrong", "identity", "wrong", "identity", "failed"]
    assert phone(one_city, ["7", "8", "*"]).played[-1] == "failed"


def test_zero_leads_to_an_agent_from_everywhere(one_city: City) -> None:
    for keys in ([], ["1"], ["1", "1"], ["1", "2", LIN, "1"], ["1", "3"]):
        call = phone(one_city, [*keys, "0"])
        assert (call.played[-1], call.result) == ("agent", "agent")


def test_an_unknown_person_sounds_like_a_wrong_proof(one_city: City) -> None:
    wrong = phone(one_city, ["1", "1", LIN, "1", "999999", HANG_UP])
    unknown = phone(one_city, ["1", "1", NOBODY, "1", "000013", HANG_UP])
    assert wrong.played == unknown.played
    assert wrong.played[-2:] == ["wrong_proof", "identity"]
    tries = ["1", "1", *(3 * [LIN, "1", "999999"])]
    assert phone(one_city, tries).played[-1] == "failed"


def test_locks_never_lock_a_loss(one_city: City) -> None:
    for _ in range(3):
        phone(one_city, ["1", "1", *(2 * [LIN, "1", "999999"])])
    assert "locked" in phone(one_city, BALANCE).played
    for _ in range(4):
        phone(one_city, ["1", "2", *(2 * [LIN, "1", "999999", "1"])])
    assert "loss_done" in phone(one_city, LOSS).played
    assert status(one_city) == 4


def test_the_third_report_of_a_month_goes_to_an_agent(one_city: City) -> None:
    for _ in range(2):
        assert "loss_done" in phone(one_city, LOSS).played
        one_city.ask("lift")
    call = phone(one_city, LOSS)
    assert (call.played[-2:], call.result) == (["loss_agent", "agent"], "agent")
    assert status(one_city) == 1


def test_a_database_that_is_away_is_never_done(
    one_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailableError("the ledger", "it is away")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "run", away)
        patch.setattr(Ledger, "reading", away)
        call = phone(one_city, [*LOSS, "1", "1"])
        assert phone(one_city, BALANCE).played[-1] == "down"
    assert call.played[-4:] == ["loss_sure", "down_again", "down_again", "down"]
    assert "loss_done" not in call.played
    assert status(one_city) == 1


def test_a_report_whose_answer_was_lost_is_not_made_twice(
    one_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit was done and its answer lost: the next try has the same number."""
    perform, numbers = one_city.centre.perform, []

    def losing(*given: Any) -> Any:
        numbers.append(given[5])
        answer = perform(*given)
        if len(numbers) == 1:
            raise LedgerUnavailableError("the ledger", "it is away")
        return answer

    monkeypatch.setattr(one_city.centre, "perform", losing)
    call = phone(one_city, [*LOSS, "1"])
    assert call.played[-3:] == ["down_again", "loss_done", "more"]
    assert numbers[0] == numbers[1]
    assert done(one_city.ledger, "loss") == 1


async def garbage(host: str, port: int, content: bytes) -> bytes:
    """What is answered to something that is not FastAGI."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(content)
    writer.write_eof()
    found = await reader.read()
    writer.close()
    return found


NOT_ASTERISK: Final = (
    b"",
    b"\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"agi_x: " + b"1" * 9000 + b"\n\n",
    b"".join(b"agi_%d: 1\n" % one for one in range(300)) + b"\n",
    b"agi_request: x\n\n520-Invalid\n520 End\n",
    b"agi_request: x\n\n511 Dead\n",
    b"agi_request: x\n\n200 result=-1\n",
    b"\xff\xfe\n\n",
)


def test_what_is_not_asterisk_does_no_harm(one_city: City) -> None:
    async def play(host: str, port: int) -> None:
        for content in NOT_ASTERISK:
            assert b"GET DATA" not in await garbage(host, port, content)
        call = Asterisk([*BALANCE, "9"])
        await call.call(host, port)
        assert call.result == "ended"

    serving(one_city, play)


def test_calls_go_side_by_side(one_city: City) -> None:
    calls = [Asterisk([*BALANCE, "9"]) for _ in range(20)]

    async def play(host: str, port: int) -> None:
        await asyncio.gather(*(one.call(host, port) for one in calls))

    serving(one_city, play)
    assert [one.result for one in calls] == ["ended"] * 20


def test_a_key_cuts_prompts_short() -> None:
    from sscard_service.ivr import AgiLine

    async def play() -> tuple[str | None, str | None, str | None]:
        answers = ["200 result=49 endpos=8000", "200 result=23", "200 result=35 endpos=1",
                   "200 result=0 endpos=1", "200 result= (timeout)"]  # fmt: skip
        reader = asyncio.StreamReader()
        reader.feed_data("".join(f"{one}\n" for one in answers).encode())

        class Writer:
            def write(self, _: bytes) -> None: ...
            async def drain(self) -> None: ...

        line = AgiLine(reader, Writer())  # type: ignore[arg-type]
        found = [await line.ask(["a", "b"], 6, 5) for _ in range(3)]
        return found[0], found[1], found[2]

    assert asyncio.run(play()) == ("123", "", None)


def test_as_text(one_city: City) -> None:
    shown = text(one_city, "1", "1", LIN, "1", "000013", "9")
    assert "您的个人账户余额为 123 元 45 分" in shown
    assert shown[-1] == "-> end"
    assert "Your" not in "".join(shown)
    english = text(one_city, "2", "2", LIN, "1", "000013", "1")
    assert any("the card is stopped" in one for one in english)
    assert text(one_city, "0")[-1] == "-> agent"


def test_keys() -> None:
    assert read_identity("99000019650312001*") == "99000019650312001X"
    assert read_identity("990000196503120010") is None
    assert read_receipt("3330219420") is None  # five characters
    assert read_receipt("10" * 10) == "1111111111"
    assert read_receipt("11" * 10) is None  # key 1 has no letters
    assert read_receipt("24" * 10) is None  # three letters on key 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('operation = "loss"', 'operation = "lift"', "is not offered in the channel ivr"),
        ('operation = "loss"', 'operation = "open"', "names an operation that there is not"),
        ('next = "balance_proof"', 'next = "nowhere"', "nowhere: is no step"),
        ('say = ["main"]', 'say = ["nothing"]', "nothing: is no prompt"),
        ('next = "balance"\n', 'next = "balance_by_card"\n', "leads back to itself and never asks"),
        ("tries = 3", "tries = 0", "tries"),
        ('channel = "ivr"', 'channel = "fax"', "is none of the region"),
        ('start = "language"', 'start = "nowhere"', "names a step that there is not"),
        ("[prompts.yuan]", "[prompts.yuans]", "yuan: is needed"),
    ],
)  # fmt: skip
def test_a_flow_that_leads_nowhere_is_refused(tmp_path: Any, old: str, new: str, said: str) -> None:
    assert old in default_flow_text()
    path = tmp_path / "flow.toml"
    path.write_text(default_flow_text().replace(old, new, 1), "utf-8")
    with pytest.raises(IvrFlowError, match=said):
        load_flow(load_region(), path)


def test_it_listens_to_this_machine_alone(one_city: City) -> None:
    from sscard_chip.standard.errors import SscardError

    server = IvrServer(load_flow(one_city.region), one_city.centre)
    with pytest.raises(SscardError, match="no log-in"):
        asyncio.run(server.serve("0.0.0.0", 0, asyncio.Event(), lambda *_: None))


def test_a_line_that_is_gone_ends_a_call(one_city: City) -> None:
    flow = load_flow(one_city.region)
    line = TextLine(flow, lambda: None, lambda _: None)
    with pytest.raises(HungUpError):
        asyncio.run(line.ask(["main"], 1, 5))
    assert str(asyncio.run(IvrCall(flow, one_city.centre, line).play())) == "hung_up"
