# SPDX-License-Identifier: Apache-2.0
"""A fourth generation in one file: declared here, issued, shown, traced, read and sold with.

It is generation 3 with one new EF. Nothing but its registration tells the house of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from msgspec import structs

import sscard_cli.demo.pharmacy
from issuance.batch.synthesize import COLUMNS, synthesize_holders
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.plan import read_scripts
from issuance.region import load_region
from issuance.roots import root_names
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.profile.build import an, cited, cn, key_of, pin_or, variable
from sscard_chip.profile.document import document
from sscard_chip.profile.generations import (
    THIRD,
    Generation,
    find_generation,
    generations,
    register,
    unregister,
)
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.profile.model import DirectoryDeclaration, Options
from sscard_chip.reader.interface import ContactInterface, ContactlessInterface
from sscard_chip.reader.pcscd import PcscUnavailableError
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.script import ScriptError, run_script
from sscard_chip.terminal.shell import Shell
from sscard_chip.trace import Tracer
from sscard_cli.main import main
from tests.bench.desk import CARD_NUMBER, Desk
from tests.bench.issued import HOLDER, roots
from tests.bench.shop import BALANCE, BILL, PIN, TIME, Shop
from tests.vectors import cards

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
CARE: Final = {"DF04": {"EF16": {"52": "510100", "53": "3"}}}
NOON: Final = datetime(2026, 1, 2, 12)
SELECT_SSSE: Final = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"

# --- all that there is to declare ----------------------------------------------------------------


def _medical(options: Options) -> DirectoryDeclaration:
    before = THIRD.directories[0xDF04]
    assert not isinstance(before, DirectoryDeclaration)
    care = variable(
        0xEF16,
        "长期护理保险信息",
        "long-term care insurance",
        pin_or("RK1DF04"),
        key_of("UK1DF04"),
        cn(0x52, 0x03, "参保地区划", "division of insurance"),
        an(0x53, 0x01, "失能等级", "grade of disability", {"3": "重度"}),
    )
    return before(options).with_files(*cited("draft 4.0, DF04", care))


FOURTH: Final = replace(
    THIRD,
    version="4.00",
    directories={**THIRD.directories, 0xDF04: _medical},
    choices="A draft.\n",
    based_on=THIRD,
)


@pytest.fixture(autouse=True)
def fourth() -> Iterator[Generation]:
    register(FOURTH)
    yield FOURTH
    unregister(FOURTH)
    assert [generation.version for generation in generations()] == ["1.00", "2.00", "3.00"]
    with pytest.raises(ValueError, match="generation: must be 1, 2 or 3"):
        for_generation(4)


# --- the house knows it --------------------------------------------------------------------------


def holder(**changes: Any) -> dict[str, Any]:
    return {**HOLDER, "pin": PIN, "account": {"balance_fen": BALANCE}, "files": CARE, **changes}


def issued(**changes: Any) -> Memory:
    return issue_card(4, roots(), Holder.from_object(holder(**changes)))


def test_it_is_what_was_declared() -> None:
    profile, third = for_generation(4), for_generation(3)
    assert (profile.version, profile.historical_prefix.hex()) == ("4.00", "00990100048699")
    assert profile.environment.file(0xEF05).items[2].initial_value() == b"4.00"
    assert profile.environment.file(0xEF06) == third.environment.file(0xEF06)
    added = [f for f in profile.directory(0xDF04).files if f not in third.directory(0xDF04).files]
    assert [(f.fid, f.clause, str(f.read)) for f in added] == [
        (0xEF16, "draft 4.0, DF04 EF16", "PIN or key 84")
    ]
    assert find_generation(b"4.0x") is FOURTH
    assert find_generation(b"5.00") is None
    assert find_generation(bytes(4)) is not FOURTH
    assert root_names()["RK1DF04"] == 3
    assert load_region(EXAMPLES / "region.toml").profile(4).generation == 4


@pytest.mark.parametrize(
    ("version", "rule"),
    [
        ("4.01", "version: there is a generation 4"),
        ("3.10", "version: there is a generation 3"),
        ("5.0", "version: must be 4 characters"),
        ("x.00", "version: must be 4 characters"),
    ],
)
def test_a_version_that_cannot_be_added(version: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        register(replace(FOURTH, version=version))


def test_the_page_shows_what_differs() -> None:
    chapter = document().split("## Generation 4\n")[1].split("## Deposit and purse")[0]
    assert "| 4.00 | contact and contactless | sm4, 3des |" in chapter
    assert "| EF16 | 长期护理保险信息, long-term care insurance |" in chapter
    assert "EF08" not in chapter
    assert chapter.count("### ") == 2  # SSSE with its version, DF04


def test_the_card_is_issued_and_shown() -> None:
    contents = inspect_card(Card(issued()))
    assert (contents.generation, contents.version, contents.algorithm) == (4, "4.00", "sm4")
    medical = next(d for d in contents.directories if d.fid == "DF04")
    care = next(file for file in medical.files if file.fid == "EF16")
    assert (care.name, care.read) == ("长期护理保险信息", "PIN or key 84")
    values = [(value.tag, value.text, value.meaning) for (value,) in care.records]
    assert values == [("52", "510100", ""), ("53", "3", "重度")]


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys, person = tmp_path / "roots.json", tmp_path / "holder.json"
    roots().save(keys)
    person.write_text(json.dumps(holder()), encoding="utf-8")
    of = ["--keys", str(keys), "--holder", str(person)]
    made, grown = str(tmp_path / "made.ssc"), str(tmp_path / "grown.ssc")
    assert main(["issue", "--generation", "4", *of, "--out", made]) == 0
    assert main(["blank", "--generation", "4", "--out", grown]) == 0
    assert main(["personalise", "--blank", grown, "--generation", "4", *of]) == 0
    assert main(["blank", "--generation", "5", "--out", grown]) == 2
    captured = capsys.readouterr()
    assert "'5' is not one of 1, 2, 3, 4" in captured.err
    for card in (made, grown):
        assert main(["info", card, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["generation"], shown["version"]) == (4, "4.00")
        assert '"长期护理保险信息"' in json.dumps(shown, ensure_ascii=False)
    assert main(["issue", "--help"]) == 0
    assert "--generation [1|2|3|4]" in capsys.readouterr().out


def test_a_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys, table, folder = tmp_path / "roots.json", tmp_path / "h.csv", tmp_path / "june"
    roots().save(keys)
    persons = list(synthesize_holders(3, seed=4, city="510100"))
    lines = [",".join(COLUMNS), *(",".join(person) for person in persons)]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    arguments = ["--generation", "4", "--keys", str(keys), "--holders", str(table)]
    arguments += ["--out", str(folder), "--output", "images,scripts", "--workers", "1"]
    assert main(["batch", "run", *arguments]) == 0, capsys.readouterr().err
    number = persons[1][COLUMNS.index("card_number")]
    card = str(tmp_path / "one.ssc")
    export = ["batch", "export", str(folder), "--card-number", number, "--out", card]
    assert main(export) == 0
    with Card.open(card) as opened:
        assert inspect_card(opened).generation == 4
    scripts = read_scripts(folder / "scripts" / "000001.jsonl")
    assert [script["generation"] for script in scripts] == [4, 4, 4]


def test_it_is_traced() -> None:
    card = Card(issued(pin=None))
    slot, tracer = ContactlessInterface(card), Tracer()
    slot.power_on()
    lines = []
    for command in (SELECT_SSSE, "00B2032C00", SELECT_SSSE, "00A4000002DF04", "00B253B000"):
        apdu = bytes.fromhex(command)
        lines.append(tracer.format(apdu, slot.transmit(apdu), NOON).split("\n")[0][13:])
    assert lines[-1] == "> READ RECORD 读记录: EF16 长期护理保险信息, tag 53 失能等级, Le 256"


def test_the_shell_names_it() -> None:
    shell = Shell(connect_card(Card(issued())), keys=roots())
    started = shell.start().lines
    assert any("generation 4, sm4, city 510100" in line for line in started)


def test_the_driver_reads_and_writes_it() -> None:
    desk = Desk(4, memory=issued())
    code, text = desk.call("iReadCardBas", 1)
    assert (code, CARD_NUMBER in text, "|4.00|" in text) == (0, True, True)
    assert desk.read("DF04EF16|52|53|$") == (0, "DF04EF16|510100|3|$")
    assert desk.write("DF04EF16|53|$", "2|$") == (0, "")
    assert desk.read("DF04EF16|53|$") == (0, "DF04EF16|2|$")


def test_the_till_sells_with_it(tmp_path: Path) -> None:
    for contactless in (False, True):
        folder = tmp_path / str(contactless)
        folder.mkdir()
        shop = Shop(folder, 4, "sm4", contactless=contactless, memory=issued())
        with shop.till() as till:
            till.sell(BILL, TIME)
        assert shop.audit() == 1


def test_programs_of_the_field_do_with_it_as_with_the_one_before() -> None:
    """The exchange scripts speak of generations 1 to 3; what they say of 3 holds."""
    person = Holder.load(cards.VECTORS / "holders" / "generation3.json")
    card = Card(issue_card(4, cards.roots(), person, serial=cards.SERIAL))
    for name in ("E03", "E10", "E14"):
        slot = ContactInterface(card)
        slot.power_on()
        played = run_script(
            cards.SCRIPTS[name],
            slot,
            generation=4,
            keys=cards.card_keys(3, slot.atr),
            holder={**cards.holder_values(3), "version": "4.00"},
        )
        assert played.passed, played.report()
        assert f"{name} on generation 4: as expected" in played.report()
    script = cards.SCRIPTS["E14"]
    silent = structs.replace(script, outcomes={"1": script.outcomes["1"]})
    with pytest.raises(ScriptError, match="E14: says nothing of generation 4"):
        silent.described(4)


def test_the_demonstration_goes_through_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> NoReturn:  # libpcsclite looks for its daemon once a process: not in this one
        raise PcscUnavailableError("left out")

    monkeypatch.setattr(sscard_cli.demo, "show_to_pcsc", lambda card, say: None)
    monkeypatch.setattr(sscard_cli.demo.pharmacy, "PrivateDaemon", missing)
    assert main(["demo"]) == 0
    text = capsys.readouterr().out
    assert "Generation 4.0: a card for" in text
    assert text.count("EXTERNAL AUTHENTICATE") == 2
    assert text.count("same MAC and TAC") == 4
