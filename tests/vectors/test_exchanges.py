# SPDX-License-Identifier: Apache-2.0
"""Every exchange script against every generation, over T=0 and without contacts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from sscard_chip.reader.interface import Connection, ContactInterface, ContactlessInterface
from sscard_chip.terminal.connection import ForwardingConnection
from sscard_chip.terminal.script import ExchangeScript, InterfaceName, ScriptError
from tests.bench.issued import GENERATIONS
from tests.vectors.cards import SCRIPTS, VECTORS, bank_card, card, load, play
from tests.vectors.schema import errors

SCHEMA = VECTORS.parent / "issuance" / "schemas" / "exchange-script.schema.json"
DONE = {"outcomes": {n: {"result": "complete"} for n in "123"}}
PROGRAMS = [f"E{number:02d}" for number in range(1, 15)]
CONTACTLESS = [name for name, script in SCRIPTS.items() if "contactless" in script.interfaces]


@pytest.mark.parametrize("name", SCRIPTS)
def test_file_follows_its_schema(name: str) -> None:
    document = load(f"exchanges/{name}.json")
    assert errors(document, json.loads(SCHEMA.read_text(encoding="utf-8"))) == []
    assert document["id"] == name


def test_all_programs_are_there() -> None:
    assert [name for name in PROGRAMS if name not in SCRIPTS] == []


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", SCRIPTS)
def test_over_contacts(name: str, generation: int) -> None:
    script = SCRIPTS[name]
    result = play(script, ContactInterface(card(generation, script)), generation)
    assert result.passed, result.report()


@pytest.mark.parametrize("name", CONTACTLESS)
def test_without_contacts(name: str) -> None:
    script = SCRIPTS[name]
    interface = ContactlessInterface(card(3, script))
    result = play(script, interface, 3, interface="contactless")
    assert result.passed, result.report()


INTERFACES: Final[dict[int, tuple[InterfaceName, ...]]] = {
    2: ("contact",),
    3: ("contact", "contactless"),
}
BANK_CARDS: Final = [
    (name, generation, state)
    for name, script in SCRIPTS.items()
    for generation in (2, 3)
    for state in ("active", "dormant")
    # A program that asks for the bank application finds one that is active.
    if (name, state) != ("foreign-aids", "active")
]


@pytest.mark.parametrize(("name", "generation", "state"), BANK_CARDS)
def test_programs_of_social_security_do_not_mind_a_bank_part(
    name: str, generation: int, state: str
) -> None:
    """With bank application and purse on the card, every script sees what it saw without."""
    script = SCRIPTS[name]
    for interface in INTERFACES[generation]:
        if interface not in script.interfaces:
            continue
        chip = bank_card(generation, script, state)
        slot = ContactInterface(chip) if interface == "contact" else ContactlessInterface(chip)
        result = play(script, slot, generation, interface=interface)
        assert result.passed, result.report()


@pytest.mark.parametrize("generation", [2, 3])
def test_a_program_that_looks_for_the_bank_part_finds_it(generation: int) -> None:
    script = SCRIPTS["foreign-aids"]
    result = play(script, ContactInterface(bank_card(generation, script)), generation)
    assert "(select bank application)" in result.report()
    assert "expected 6A82, got 61" in result.report()


def test_a_deviation_is_reported_without_secrets(tmp_path: Path) -> None:
    document: dict[str, Any] = load("exchanges/E10.json")
    verify = next(step for step in document["steps"] if step["name"] == "verify PIN at SSSE")
    verify["status"] = ["6982"]
    name = next(step for step in document["steps"] if step["name"] == "id number")
    name["fields"][0]["value"] = "{holder.card_number}"
    path = tmp_path / "E10.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    result = play(ExchangeScript.load(path), ContactInterface(card(1)), 1)
    assert not result.passed
    report = result.report()
    assert "(verify PIN at SSSE): 00200000{pin}: status word: expected 6982, got 9000" in report
    assert "field 'social_security_number' is not {holder.card_number}" in report
    holder = load("holders/generation1.json")
    for value in (holder["pin"], holder["social_security_number"], holder["card_number"]):
        assert value not in report
        assert value not in repr(result)


def test_a_client_that_does_not_stop_where_it_should_is_a_failure(tmp_path: Path) -> None:
    document: dict[str, Any] = load("exchanges/E14.json")
    document["outcomes"]["3"] = {"result": "complete"}
    path = tmp_path / "E14.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    result = play(ExchangeScript.load(path), ContactInterface(card(3)), 3)
    assert (
        "the client should run to its end but stopped at 'id number by number'" in result.report()
    )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"format": "sscard-exchange/2"}, 'format: must be "sscard-exchange-script/1"'),
        (
            {"outcomes": {n: {"result": "complete"} for n in "13"}, "steps": []},
            "outcomes: generation 2 is missing",
        ),
        (
            {"steps": [{"name": "s", "command": "00"}], **DONE},
            "steps 1 status: there is none for generation 1",
        ),
        ({"steps": [{"name": "s"}]}, "steps 1 command: a step needs a command or a reset"),
        ({"colour": 1}, "colour: is not a field of a script"),
        (
            {"steps": [{"name": "s", "comand": "00", "reset": "warm"}], **DONE},
            "steps 1 comand: is not a field of a step (is command meant?)",
        ),
        (
            {"steps": [{"name": "s", "command": "00", "status": ["900"]}]},
            "steps 1 status: must be a status word, x for any digit",
        ),
        (
            {"steps": [{"name": "s", "command": "00", "status": {"1,2": ["9000"], "3": ["90"]}}]},
            "steps 1 status 3: must be a status word, x for any digit",
        ),
        (
            {"steps": [{"name": "s", "command": "00", "status": {"1,7": ["9000"]}}], **DONE},
            "steps 1 status: names a generation that has no outcome;"
            " steps 1 status: there is none for generation 2",
        ),
        (
            {"steps": [{"name": "s", "reset": "hot", "fields": [{"name": "A", "from": "x"}]}]},
            "steps 1 reset: must be one of cold, warm;"
            " steps 1 fields 1 name: must be lower-case letters and _;"
            " steps 1 fields 1 from: must be a whole number;"
            " steps 1 fields 1 value: a field needs a value or a pattern (matches)",
        ),
        (
            {"outcomes": {n: {"result": "stops", "at": "nowhere"} for n in "123"}},
            "outcomes 1 at: is no step of this generation;"
            " outcomes 2 at: is no step of this generation;"
            " outcomes 3 at: is no step of this generation",
        ),
        (
            {"outcomes": {n: {"result": "complete", "at": "x"} for n in "123"}},
            "outcomes 1 result: contradicts at and missing;"
            " outcomes 2 result: contradicts at and missing;"
            " outcomes 3 result: contradicts at and missing",
        ),
    ],
)
def test_a_wrong_script_is_one_clear_line(
    tmp_path: Path, change: dict[str, Any], rule: str
) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(load("exchanges/E14.json") | change), encoding="utf-8")
    with pytest.raises(ScriptError) as caught:
        ExchangeScript.load(path)
    assert str(caught.value) == f"wrong.json: {rule}"


def test_a_script_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    text = (VECTORS / "exchanges" / "E03.json").read_text(encoding="utf-8")
    path.write_text(text.replace("sscard-exchange-script/1", "sscard-exchange/1"), encoding="utf-8")
    assert ExchangeScript.load(path).steps == SCRIPTS["E03"].steps


def test_no_json_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ScriptError, match=r"^wrong\.json: is not JSON \(line 1"):
        ExchangeScript.load(path)


def test_an_unknown_placeholder_names_the_step(tmp_path: Path) -> None:
    document = load("exchanges/E14.json")
    document["steps"][0]["command"] = "00A40400{nothing}"
    path = tmp_path / "E14.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ScriptError, match=r"^E14 step 1 \(select SSSE\): placeholder \{nothing\}"):
        play(ExchangeScript.load(path), ContactInterface(card(2)), 2)


def test_the_folder_holds_nothing_else() -> None:
    found = list((VECTORS / "exchanges").rglob("*"))
    assert [path.name for path in found if path.is_dir()] == ["transit"]
    assert {path.suffix for path in found if path.is_file()} == {".json"}


# --- the runner notices ---------------------------------------------------------------------------


class Tampered(ForwardingConnection):
    """A slot whose card answers otherwise than it should."""

    def __init__(self, slot: Connection, change: Callable[[bytes], bytes]) -> None:
        super().__init__(slot)
        self._change = change

    def transmit(self, apdu: bytes) -> bytes:
        return self._change(super().transmit(apdu))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_card_that_only_fails_fails_every_script(name: str) -> None:
    script = SCRIPTS[name]
    for generation in GENERATIONS:
        slot = Tampered(ContactInterface(card(generation, script)), lambda answer: b"\x6f\x00")
        assert not play(script, slot, generation).passed


@pytest.mark.parametrize(
    "name", [name for name, script in SCRIPTS.items() if any(step.fields for step in script.steps)]
)
def test_a_value_with_one_wrong_bit_is_noticed(name: str) -> None:
    """Every answer of four bytes or more has one bit of its third byte turned over."""

    def change(answer: bytes) -> bytes:
        return answer if len(answer) < 6 else answer[:2] + bytes((answer[2] ^ 1,)) + answer[3:]

    script = SCRIPTS[name]
    result = play(script, Tampered(ContactInterface(card(2, script)), change), 2)
    assert "field " in result.report() or "body of" in result.report()


def test_a_card_that_truncates_instead_of_6c_is_noticed() -> None:
    """Programs whose Le is the value's length would take too few bytes for the value."""

    class Truncating(Tampered):
        def transmit(self, apdu: bytes) -> bytes:
            answer = self._connection.transmit(apdu)
            if len(apdu) == 5 and answer[0] == 0x6C:
                whole = self._connection.transmit(apdu[:4] + answer[1:2])
                return whole[: apdu[4]] + whole[-2:]
            return answer

    slot = Truncating(ContactInterface(card(2)), lambda answer: answer)
    report = play(SCRIPTS["E03"], slot, 2).report()
    assert "00B2010010: status word: expected 6C12, got 9000 (success)" in report
