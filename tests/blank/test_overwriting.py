# SPDX-License-Identifier: Apache-2.0
"""No card is written over by mistake: another person's, or one that a program has open."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from issuance.holder import Holder
from issuance.personalise import prepare
from issuance.plan import CardTakenError, make_plan, run_plan
from issuance.roots import RootKeys
from sscard_chip import Card
from sscard_chip.profile import for_generation
from sscard_chip.profile.blank import make_blank
from sscard_chip.reader.interface import ContactInterface
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.session import open_session
from sscard_cli.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sscard_roots: RootKeys,
    sscard_holder: dict[str, Any],
) -> Path:
    """Two holders: ``first.json`` has money and a PIN, ``second.json`` has neither."""
    monkeypatch.chdir(tmp_path)
    sscard_roots.save(tmp_path / "roots.json")
    first = sscard_holder | {
        "card_number": "Z00000013",
        "pin": "135790",
        "account": {"balance_fen": 7700, "load_counter": 3, "purchase_counter": 5},
    }
    second = sscard_holder | {
        "social_security_number": "99000019851203004X",
        "name": "周明远",
        "sex": "2",
        "birth_date": "19851203",
        "card_number": "Z00000021",
        "account": {},
    }
    for name, holder in (("first", first), ("second", second)):
        holder.pop("files", None)
        holder.pop("bank", None)
        (tmp_path / f"{name}.json").write_text(json.dumps(holder), encoding="utf-8")
    return tmp_path


def personalise(generation: int, holder: str, *options: str) -> int:
    command = ["personalise", "--generation", str(generation), "--keys", "roots.json"]
    return main([*command, "--holder", f"{holder}.json", "--blank", "card.ssc", *options])


def error_of(capsys: Capture) -> str:
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r"sscard: error: [^\n]+\n", output.err)
    return output.err


def made(generation: int) -> None:
    assert main(["blank", "--generation", str(generation), "--out", "card.ssc"]) == 0
    assert personalise(generation, "first") == 0


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_another_persons_card_is_refused_as_it_is(
    folder: Path, capsys: Capture, generation: int
) -> None:
    made(generation)
    before = Path("card.ssc").read_bytes()
    capsys.readouterr()
    assert personalise(generation, "second") == 1
    assert "the card is another person's: it is issued already; --force" in error_of(capsys)
    with Card.open("card.ssc") as card:
        assert open_session(connect_card(card)).card_number == "Z00000013"
    assert len(Path("card.ssc").read_bytes()) == len(before)


@pytest.mark.parametrize("field", ["card_number", "social_security_number"])
@pytest.mark.parametrize("generation", [1, 2, 3])
def test_one_other_number_is_another_person(
    folder: Path, capsys: Capture, generation: int, field: str
) -> None:
    """The second has the first one's card number, or the first one's social security number."""
    made(generation)
    documents = {n: json.loads(Path(f"{n}.json").read_text("utf-8")) for n in ("first", "second")}
    changed = documents["first"] | {"pin": "246802"}
    if field == "card_number":
        changed["card_number"] = "Z00000021"
    else:
        names = ("social_security_number", "name", "sex", "birth_date")
        changed |= {name: documents["second"][name] for name in names}
    Path("changed.json").write_text(json.dumps(changed), encoding="utf-8")
    capsys.readouterr()
    assert personalise(generation, "changed") == 1
    assert "another person's" in error_of(capsys)


@pytest.mark.parametrize("typed", ["", "\n", "Z00000021\n", "\nZ00000013\n", "z00000013\n"])
def test_a_wrong_card_number_changes_nothing(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    made(3)
    capsys.readouterr()
    with Card.open("card.ssc") as card:
        cells = bytes(card.files.memory.cells)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert personalise(3, "second", "--force") == 1
    error = error_of(capsys)
    assert "is not the card number (卡号) of the present card; nothing was changed" in error
    assert "Z0000" not in error
    with Card.open("card.ssc") as card:
        assert bytes(card.files.memory.cells) == cells


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_force_leaves_nothing_of_the_first_holder(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, generation: int
) -> None:
    """After it the image is, but for keys of its own ATR, the one that a blank card gives."""
    made(generation)
    with Card.open("card.ssc") as card:  # the first holder locks the PIN away
        card.power_on()
        atr = card.atr
        card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
        assert card.transmit(bytes.fromhex("0020000003999999"))[:1] == b"\x63"
    monkeypatch.setattr("sys.stdin", io.StringIO("Z00000013\nmore\n"))
    assert personalise(generation, "second", "--force") == 0
    serial = atr[-4:].hex()
    assert main(["blank", "--generation", str(generation), "--serial", serial, "--out", "b"]) == 0
    Path("card.ssc").rename("forced.ssc")
    Path("b").rename("card.ssc")
    assert personalise(generation, "second") == 0
    cells = []
    for name in ("forced.ssc", "card.ssc"):
        with Card.open(name) as card:
            assert card.atr == atr
            whole = bytearray(card.files.memory.cells)
        whole[8:21] = bytes(13)  # the maker's historical bytes
        cells.append(bytes(whole))
    assert cells[0] == cells[1]


def test_force_takes_another_generation_and_city(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another ATR than the plan's: refused without it."""
    made(1)
    capsys.readouterr()
    assert personalise(2, "second") == 1
    assert "another ATR" in error_of(capsys)
    monkeypatch.setattr("sys.stdin", io.StringIO("Z00000013\n"))
    assert personalise(2, "second", "--force") == 0
    with Card.open("card.ssc") as card:
        session = open_session(connect_card(card))
        assert (session.card_number, session.generation) == ("Z00000021", 2)


def test_force_asks_nothing_where_nothing_is_lost(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.StringIO):
        def readline(self, *_: Any) -> Any:
            raise AssertionError

    monkeypatch.setattr("sys.stdin", Closed())
    assert main(["blank", "--out", "card.ssc"]) == 0
    assert personalise(3, "first", "--force") == 0
    assert personalise(3, "first", "--force") == 0


def test_a_card_in_a_reader_is_not_changed(folder: Path, sscard_roots: RootKeys) -> None:
    """Over T=0, as a PC/SC reader has it: the refusal comes before any command that writes."""
    profile = for_generation(3)
    card = Card(make_blank(bytes(16), contactless=True))
    for name in ("first", "second"):
        holder = Holder.load(f"{name}.json")
        data = prepare(profile, sscard_roots, holder, serial=b"\0\0\0\1")
        plan = make_plan(data, transport_key=bytes(16))
        if name == "first":
            run_plan(plan, ContactInterface(card))
            continue
        cells = bytes(card.files.memory.cells)
        with pytest.raises(CardTakenError, match=r"^the card is another person's"):
            run_plan(plan, ContactInterface(card))
        assert bytes(card.files.memory.cells) == cells


def test_no_image_in_use_is_replaced(folder: Path, capsys: Capture) -> None:
    roots = ["--keys", "roots.json"]
    commands = {
        "issue": ["issue", "--generation", "3", *roots, "--holder", "first.json"],
        "blank": ["blank"],
        "psam": ["psam", *roots, "--level", "3", "--terminal-id", "510100000001"],
        "export": ["batch", "export", "june", "--card-number", "Z00000013"],
    }
    assert main(["batch", "synthesize", "2", "--out", "two.csv"]) == 0
    batch = ["batch", "run", "--generation", "3", *roots, "--holders", "two.csv", "--out", "june"]
    assert main(batch) == 0
    number = Path("two.csv").read_text("utf-8").splitlines()[1][:9]
    commands["export"][-1] = number
    for command in commands.values():
        out = [*command, "--out", "used.ssc", "--force"]
        assert main(out) == 0
        before = Path("used.ssc").stat()
        capsys.readouterr()
        with Card.open("used.ssc"):
            assert main(out) == 1
            error = capsys.readouterr().err
            assert error.endswith("used.ssc: the card is in use, one program at a time\n")
        after = Path("used.ssc").stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert main(out) == 0
    assert not [path.name for path in Path().iterdir() if path.name.startswith(".used")]
