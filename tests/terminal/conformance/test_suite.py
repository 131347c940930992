# SPDX-License-Identifier: Apache-2.0
"""The suite passes issued cards, is safe on real ones, and says why a card fails."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.failures import CardRemovedError, NoAnswerError
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.reader.interface import ContactInterface
from sscard_chip.standard.documents import find
from sscard_chip.terminal.conformance import (
    CaseVerdict,
    ConnectionTarget,
    ImageTarget,
    ImplementationStatement,
    Level,
    StatementError,
    SubjectError,
    catalogue,
    run_suite,
)
from sscard_chip.terminal.conformance.groups import GROUPS, clause_of, command_case
from sscard_chip.terminal.conformance.levels import level_of
from tests.bench.issued import roots
from tests.bench.shop import PIN
from tests.terminal.conformance.judged import CARDS, Heard, bad, issued, judge, result_of

SESSION_INS = {0x20, 0x82}
CHANGING_INS = {0xDC, 0xD6, 0xE2, 0x5E, 0x24, 0x2C, 0x2A, 0x1E, 0x16, 0xD4, 0xE0, 0xCE, 0xFE, 0x28}


# --- the list ------------------------------------------------------------------------------------


def test_there_are_as_many_cases_as_promised() -> None:
    cases = catalogue()
    assert len(cases) >= 450
    assert sum(case.level is Level.READ for case in cases) >= 150
    assert sum(case.level is Level.SESSION for case in cases) >= 120


def test_identifiers_name_one_case_and_groups_are_known() -> None:
    names = Counter(case.identifier for case in catalogue())
    assert max(names.values()) == 1
    for case in catalogue():
        assert re.fullmatch(r"SSC-[0-9.]+-[A-Za-z0-9./-]+", case.identifier), case.identifier
        assert case.group in GROUPS
        assert case.clauses
        assert all(case.clauses)
        assert case.title


def test_commands_stand_in_the_order_of_the_alphabet() -> None:
    assert command_case("CHANGE PIN", 5, 2) == "SSC-32.5-7.3.5-02"
    assert clause_of("INTERNAL AUTHENTICATE", 4) == "LD/T 32.5, 7.7.4 INTERNAL AUTHENTICATE"


def test_every_group_of_the_ministry_s_test_has_cases() -> None:
    of_groups = {case.group for case in catalogue()}
    assert of_groups >= {g for g in GROUPS if g.startswith("6001.3-")} - {"6001.3-6.1"}


# --- cards of ours -------------------------------------------------------------------------------


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_an_issued_card_passes(generation: int, algorithm: str) -> None:
    run = judge(generation, Level.SESSION, algorithm=algorithm)
    assert bad(run) == []
    assert run.counts[CaseVerdict.PASS] >= 450


@pytest.mark.parametrize("algorithm", ["sm4", "3des"])
def test_an_issued_card_passes_without_contacts(algorithm: str) -> None:
    run = judge(3, Level.SESSION, algorithm=algorithm, contactless=True)
    assert bad(run) == []
    assert run.counts[CaseVerdict.PASS] >= 450


def test_a_second_run_gives_the_same_verdicts() -> None:
    first, second = (judge(2, Level.SESSION) for _ in range(2))
    assert [(one.case.identifier, one.verdict, one.reason) for one in first.results] == [
        (one.case.identifier, one.verdict, one.reason) for one in second.results
    ]


def test_one_card_that_stays_the_same_passes_too() -> None:
    connection = ContactInterface(Card(issued(3, "sm4").copy()))
    run = run_suite(
        ConnectionTarget(connection, "mine"), pin=PIN, store=roots(), level=Level.SESSION
    )
    assert bad(run) == []
    assert run.stopped == ""


def test_a_generation_is_learned_from_the_card() -> None:
    target = ImageTarget(issued(2))
    assert run_suite(target, only=["SSC-32.2-ATR-01"]).subject.generation == 2
    blank = Heard(ContactInterface(Card(issued(2).copy())), lambda command, answer: b"\x6a\x82")
    with pytest.raises(SubjectError):
        run_suite(ConnectionTarget(blank, "mine"))


# --- safe on a real card -------------------------------------------------------------------------


def test_the_read_level_changes_nothing_and_proves_nothing() -> None:
    card = Card(issued(2).copy())
    before = card.image()
    heard = Heard(ContactInterface(card))
    run_suite(ConnectionTarget(heard, "mine"), pin=PIN, store=roots())
    assert len(heard.commands) > 1000
    for command in heard.commands:
        assert command[1] not in CHANGING_INS, command[:5].hex()
        assert command[1] not in SESSION_INS or len(command) <= 5, command[:5].hex()
    assert card.image() == before


def test_no_pin_is_sent_that_was_not_given() -> None:
    heard = Heard(ContactInterface(Card(issued(2).copy())))
    run = run_suite(ConnectionTarget(heard, "mine"), store=roots(), level=Level.SESSION)
    assert not [one for one in heard.commands if one[1] == 0x20 and len(one) > 5]
    assert result_of(run, "SSC-32.5-7.14.3-01").verdict is CaseVerdict.NOT_RUN
    assert run.passed


def test_without_keys_no_key_is_used() -> None:
    heard = Heard(ContactInterface(Card(issued(2).copy())))
    run = run_suite(ConnectionTarget(heard, "mine"), pin=PIN, level=Level.SESSION)
    assert not [one for one in heard.commands if one[1] == 0x82 and len(one) > 5]
    assert bad(run) == []


def test_a_wrong_pin_costs_one_try_and_ends_the_run() -> None:
    card = Card(issued(2).copy())
    heard = Heard(ContactInterface(card))
    run = run_suite(ConnectionTarget(heard, "mine"), pin="999999", level=Level.SESSION)
    assert len([one for one in heard.commands if one[1] == 0x20 and len(one) > 5]) == 1
    assert "cost a try" in run.stopped
    assert run.counts[CaseVerdict.FAIL] == 1
    assert not run.passed


def test_wrong_keys_cost_one_try_and_end_the_run() -> None:
    class Foreign:
        """Roots of somebody else."""

        def diversify(self, algorithm: str, name: str, version: int, chains: object) -> list[bytes]:
            return [bytes(range(16))]

        encrypt = mac = diversify

    heard = Heard(ContactInterface(Card(issued(2).copy())))
    run = run_suite(
        ConnectionTarget(heard, "mine"), store=Foreign(), level=Level.SESSION,  # type: ignore[arg-type]
        only=["SSC-32.5-7.4", "SSC-6001.3-9.1-SSSE"],
    )  # fmt: skip
    failures = [one for one in run.results if one.verdict is CaseVerdict.FAIL]
    assert len(failures) == 1
    assert "cost a try" in run.stopped


def test_an_image_is_only_read() -> None:
    memory = issued(2)
    before = Card(memory.copy()).image()
    judge(2, Level.SESSION, memory=memory)
    assert Card(memory.copy()).image() == before


def test_a_command_has_the_level_of_what_it_may_do() -> None:
    for apdu, level in {
        "00A4000000": Level.READ,
        "0020000000": Level.READ,
        "0020000003123456": Level.SESSION,
        "0082000410" + "00" * 16: Level.SESSION,
        "B028010113" + "00" * 19: Level.SESSION,
        "B02C01000F" + "00" * 15: Level.WRITE,
        "04DC010405" + "00" * 5: Level.WRITE,
        "80DC010405" + "00" * 5: Level.WRITE,
        "B0560100": Level.READ,
        "B0560000020101": Level.WRITE,
        "841E000104" + "00" * 4: Level.DESTRUCTIVE,
        "0016000004" + "00" * 4: Level.DESTRUCTIVE,
        "8424000004" + "00" * 4: Level.DESTRUCTIVE,
    }.items():
        assert level_of(bytes.fromhex(apdu)) is level, apdu


# --- what a card does wrong ----------------------------------------------------------------------


def test_a_failure_names_clause_and_answer_and_no_citizen() -> None:
    def foreign(command: bytes, answer: bytes) -> bytes:
        return b"\x69\x85" if command[:4] == b"\x00\xa4\x04\x00" and command[5:6] == b"\xd1" else (
            answer
        )  # fmt: skip

    run = judge(2, wrap=lambda one: Heard(one, foreign))
    result = result_of(run, "SSC-32.3-DF01-01")
    assert result.verdict is CaseVerdict.FAIL
    assert (result.expected, result.received) == (
        "9000 to 00A40400",
        "6985 (conditions of use not satisfied)",
    )
    assert result.case.clause == "LD/T 32.5, 7.11.4 SELECT"
    assert result.exchanges[-1].answer == "6985"


def test_a_step_before_the_question_that_fails_is_inconclusive() -> None:
    def none(command: bytes, answer: bytes) -> bytes:
        return b"\x6f\x00" if command[1] == 0x84 else answer

    run = judge(2, only=["SSC-32.5-7.5"], wrap=lambda one: Heard(one, none))
    assert result_of(run, "SSC-32.5-7.5.4-02").verdict is CaseVerdict.FAIL
    assert result_of(run, "SSC-32.5-7.5.4-04").verdict is CaseVerdict.INCONCLUSIVE


def test_a_fact_that_is_inferred_only_warns() -> None:
    memory = issued(2)
    run = judge(2, only=["SSC-32.2-ATR-14"], memory=memory)
    assert run.counts[CaseVerdict.PASS] == 1

    class OtherSerial(ForwardingConnection):
        def power_on(self) -> bytes:
            return self._connection.power_on()[:-4] + b"\1\2\3\4"

        reset = power_on

    run = judge(2, only=["SSC-32.2-ATR-14"], wrap=OtherSerial)
    assert run.counts[CaseVerdict.WARN] == 1
    assert run.passed


class Mute(ForwardingConnection):
    """Does not answer VERIFY."""

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[1] == 0x20:
            raise NoAnswerError("nothing came")
        return super().transmit(apdu)


class Short(ForwardingConnection):
    """Answers one byte to VERIFY."""

    def transmit(self, apdu: bytes) -> bytes:
        return b"\x90" if apdu[1] == 0x20 else super().transmit(apdu)


class Gone(ForwardingConnection):
    """Is pulled out at VERIFY."""

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[1] == 0x20:
            raise CardRemovedError("the card left")
        return super().transmit(apdu)


class Endless(ForwardingConnection):
    """Has ever more data."""

    def transmit(self, apdu: bytes) -> bytes:
        return b"\x61\x10" if apdu[1] in (0x88, 0xC0) else super().transmit(apdu)


@pytest.mark.parametrize("wrap", [Mute, Short])
def test_a_card_that_does_not_answer_fails(wrap: type[ForwardingConnection]) -> None:
    run = judge(2, only=["SSC-32.5-7.14.4-01"], wrap=wrap)
    assert run.results[0].verdict is CaseVerdict.FAIL
    assert run.results[0].received == "no status word"


def test_a_card_that_is_pulled_out_is_an_error_and_ends_the_run() -> None:
    class Later(Gone):
        asked = 0

        def transmit(self, apdu: bytes) -> bytes:
            self.asked += apdu[1] == 0x20
            if self.asked <= 1:
                return self._connection.transmit(apdu)
            return super().transmit(apdu)

    connection = Later(ContactInterface(Card(issued(2).copy())))
    run = run_suite(ConnectionTarget(connection, "mine"), only=["SSC-32.5-7.14"])
    assert run.counts[CaseVerdict.ERROR] == 1
    assert "ended in an error" in run.stopped
    assert not run.passed


def test_a_card_with_data_without_end_fails() -> None:
    run = judge(2, only=["SSC-32.5-7.7.4-01"], wrap=Endless)
    assert run.results[0].verdict is CaseVerdict.FAIL
    assert "without end" in run.results[0].received


# --- the statement -------------------------------------------------------------------------------


def test_what_a_card_has_not_by_its_statement_is_not_applicable() -> None:
    statement = ImplementationStatement(absent=["DF07", "DF01.EF16"])
    run = run_suite(ImageTarget(issued(2)), statement=statement, generation=2)
    assert result_of(run, "SSC-32.3-DF07-01").verdict is CaseVerdict.NOT_APPLICABLE
    assert result_of(run, "SSC-32.6-DF01.EF16-select").verdict is CaseVerdict.NOT_APPLICABLE
    assert result_of(run, "SSC-32.6-DF01.EF17-select").verdict is CaseVerdict.PASS
    assert run.passed


def test_what_a_card_should_have_and_has_not_fails_it() -> None:
    statement = ImplementationStatement(optional=["DF05"])
    run = run_suite(ImageTarget(issued(1)), statement=statement, generation=1)
    result = result_of(run, "SSC-32.3-DIR-03")
    assert result.verdict is CaseVerdict.FAIL
    assert "DF05" in result.expected


def test_a_statement_is_checked() -> None:
    assert [
        one.item for one in find(ImplementationStatement, {"absent": ["EF05"], "colour": 1})
    ] == [
        "colour",
        "absent",
    ]
    with pytest.raises(StatementError, match="settlement_mode"):
        run_suite(
            ImageTarget(issued(1)), generation=1,
            statement=ImplementationStatement(settlement_mode="temporary-offline"),
        )  # fmt: skip
