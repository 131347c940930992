# SPDX-License-Identifier: Apache-2.0
"""Runs that stop: an exception, Ctrl-C, a card that is pulled out, a limit; and runs that go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.faulty import ExchangeFault, FaultAt, FaultyConnection
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.reader.interface import ContactInterface
from sscard_chip.standard.commands import UPDATE_RECORD
from sscard_chip.terminal.conformance import (
    CaseVerdict,
    ConnectionTarget,
    Level,
    SuiteRun,
    run_suite,
)
from sscard_cli.main import main
from tests.bench.issued import roots
from tests.bench.shop import PIN
from tests.terminal.conformance.judged import Heard, issued, result_of

WRITING = "SSC-32.6-DF01.EF05-write-key"


class Breaks(ForwardingConnection):
    """Raises something after the first UPDATE RECORD that was made."""

    def __init__(self, connection: Any, error: BaseException) -> None:
        super().__init__(connection)
        self.error: BaseException | None = error
        self.seen = False

    def transmit(self, apdu: bytes) -> bytes:
        if self.seen and self.error is not None:
            error, self.error = self.error, None
            raise error
        answer = super().transmit(apdu)
        self.seen = self.seen or (apdu[1] == 0xDC and answer == b"\x90\x00")
        return answer


def judged(connection: Any, **more: Any) -> SuiteRun:
    return run_suite(
        ConnectionTarget(connection, "mine"), pin=PIN, store=roots(), level=Level.WRITE, **more
    )


@pytest.mark.parametrize("error", [RuntimeError("2024"), KeyboardInterrupt()])
def test_what_was_written_is_put_back_whatever_ends_the_case(error: BaseException) -> None:
    card = Card(issued(2).copy())
    connection = Breaks(ContactInterface(card), error)
    run = judged(connection, only=[WRITING, "SSC-32.2-ATR"])
    assert connection.seen
    assert connection.error is None
    assert run.stopped
    assert not run.passed
    assert dump(card) == dump(Card(issued(2).copy()))


def dump(card: Card) -> bytes:
    """All that is in the memory of a card."""
    fresh = Card(card.image())
    return bytes(fresh.files.memory.cells)


def test_ctrl_c_leaves_the_rest_not_run() -> None:
    card = Card(issued(2).copy())
    connection = Breaks(ContactInterface(card), KeyboardInterrupt())
    run = judged(connection, only=[WRITING, "SSC-32.6-DF01.EF06-write"])
    assert run.stopped == "interrupted"
    verdicts = [one.verdict for one in run.results]
    assert verdicts.count(CaseVerdict.NOT_RUN) >= 2
    assert CaseVerdict.ERROR not in verdicts


def test_a_card_that_is_pulled_out_is_waited_for_and_put_right() -> None:
    card = Card(issued(2).copy())
    before = dump(card)
    slot = FaultyConnection(
        ContactInterface(card), FaultAt(ExchangeFault.REMOVED, command=UPDATE_RECORD, executed=True)
    )

    class Returns(ForwardingConnection):
        """The holder puts the card back at the second look."""

        looks = 0

        def power_on(self) -> bytes:
            self.looks += 1
            if not slot.present and self.looks > 2:
                slot.insert()
            return slot.power_on()

    run = judged(Returns(slot), only=[WRITING], patience_s=20.0)
    assert run.results[0].verdict is CaseVerdict.ERROR
    assert dump(card) == before


def test_a_card_that_does_not_come_back_is_told() -> None:
    card = Card(issued(2).copy())
    slot = FaultyConnection(
        ContactInterface(card), FaultAt(ExchangeFault.REMOVED, command=UPDATE_RECORD, executed=True)
    )
    run = judged(slot, only=[WRITING])
    assert "had put back" in run.stopped


def test_a_run_has_a_limit_of_commands() -> None:
    heard = Heard(ContactInterface(Card(issued(2).copy())))
    run = judged(heard, most_commands=300)
    assert "limit" in run.stopped
    assert 300 <= run.commands < 400
    assert abs(len(heard.commands) - run.commands) < 40  # the card is asked what it is before


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "card.ssc"
    image.write_bytes(Card(issued(2).copy()).image())
    report, later = tmp_path / "r.json", tmp_path / "l.json"
    line = ["conformance", "run", "--card", str(image), "--only", "SSC-32.5-7.14"]
    assert main([*line, "--json-out", str(report)]) == 0
    first = json.loads(report.read_bytes())
    assert first["counts"]["not run"] > 0
    assert main([*line, "--level", "session", "--pin", PIN, "--resume", str(report),
                 "--json-out", str(later)]) == 0  # fmt: skip
    second = json.loads(later.read_bytes())
    assert second["counts"]["not run"] < first["counts"]["not run"]
    seconds = {one["id"]: one["seconds"] for one in second["cases"]}
    for one in first["cases"]:
        if one["verdict"] == "pass":
            assert seconds[one["id"]] == one["seconds"]  # taken over, not judged again
    other = tmp_path / "other.ssc"
    other.write_bytes(Card(issued(3).copy()).image())
    assert main(["conformance", "run", "--card", str(other), "--resume", str(report)]) == 1
    assert "another card" in capsys.readouterr().err
    report.write_text("{}")
    assert main([*line, "--resume", str(report)]) == 2


def test_tries_are_kept_from_a_wrong_pin_in_the_middle() -> None:
    heard = Heard(ContactInterface(Card(issued(2).copy())))
    run = run_suite(ConnectionTarget(heard, "mine"), pin="9999", store=roots(), level=Level.WRITE)
    assert "cost a try" in run.stopped
    assert len([one for one in heard.commands if one[1] == 0x20 and len(one) > 5]) == 1
    assert result_of(run, "SSC-32.5-7.14.3-02").verdict is CaseVerdict.NOT_RUN
