# SPDX-License-Identifier: Apache-2.0
"""The commands at work on cards: what they print, what they keep, how they refuse."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sscard_chip import Card
from sscard_cli.main import main

Issue = Callable[..., Path]
Capture = pytest.CaptureFixture[str]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
VERIFY = "0020000003123456"
WRONG_PIN = "0020000003999999"


def fails(arguments: list[str], code: int, capsys: Capture) -> str:
    """Run a command that must fail with one line; return that line."""
    assert main(arguments) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r"sscard: error: [^\n]+\n", output.err)
    return output.err


# --- keys ----------------------------------------------------------------------------------------


def test_keys_create_makes_a_private_file(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "roots.json"
    assert main(["keys", "create", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {"3des", "sm4"} < set(json.loads(path.read_text()))
    assert os.listdir(tmp_path) == ["roots.json"]


def test_keys_create_replaces_only_by_force(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "roots.json"
    path.write_text("precious")
    error = fails(["keys", "create", str(path)], 1, capsys)
    assert "--force" in error
    assert path.read_text() == "precious"
    assert main(["keys", "create", str(path), "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"roots": str(path)}
    assert path.read_text() != "precious"


# --- issue ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("generation", "algorithm"), [(1, "3des"), (2, "3des"), (3, "3des"), (3, "sm4")]
)
def test_issue_makes_the_card_asked_for(
    generation: int, algorithm: str, issue: Issue, capsys: Capture
) -> None:
    card = issue(generation, "--algorithm", algorithm, "--serial", "00c0ffee")
    assert main(["info", str(card), "--json"]) == 0
    contents = json.loads(capsys.readouterr().out)
    assert contents["generation"] == generation
    assert contents["algorithm"] == algorithm
    assert contents["atr"].endswith("00C0FFEE")


@pytest.mark.parametrize(
    ("changes", "item"),
    [
        ({"social_security_number": "990000200102030013"}, "social_security_number"),
        ({"name": "林\ue000"}, "name"),
        ({"name": "林" * 60}, "name"),
        ({"city": "999999"}, "city"),
        ({"files": {"DF01": {"EF05": {"20": "12345"}}}}, "DF01 EF05 20"),
        ({"files": {"DF01": {"EF77": {"20": "10"}}}}, "DF01 EF77"),
    ],
)
def test_a_bad_holder_is_one_line_without_the_value_and_no_file(
    changes: dict[str, Any],
    item: str,
    tmp_path: Path,
    roots_path: Path,
    write_holder: Callable[..., Path],
    capsys: Capture,
) -> None:
    holder, card = write_holder(**changes), tmp_path / "card.ssc"
    arguments = ["issue", "--generation", "3", "--keys", str(roots_path)]
    arguments += ["--holder", str(holder), "--out", str(card)]
    error = fails(arguments, 2, capsys)
    assert f"{holder}: " in error
    assert item in error.replace(": ", " ")
    value = next(iter(changes.values()))
    assert str(value) not in error
    assert not card.exists()
    assert sorted(os.listdir(tmp_path)) == ["holder.json", "roots.json"]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--algorithm", "sm4"], "3des"),
        (["--serial", "00c0ff"], "4 are needed"),
        (["--local-files", "nothere.toml"], "nothere.toml"),
    ],
)
def test_a_choice_that_the_generation_lacks(
    options: list[str],
    part: str,
    tmp_path: Path,
    roots_path: Path,
    write_holder: Callable[..., Path],
    capsys: Capture,
) -> None:
    card = tmp_path / "card.ssc"
    arguments = ["issue", "--generation", "1", "--keys", str(roots_path), "--out", str(card)]
    assert part in fails([*arguments, "--holder", str(write_holder()), *options], 2, capsys)
    assert not card.exists()


def test_issue_needs_root_keys_of_the_right_form(
    tmp_path: Path, write_holder: Callable[..., Path], capsys: Capture
) -> None:
    keys = tmp_path / "roots.json"
    keys.write_text('{"format": "sscard-root-keys/1", "3des": {"IRK": {"1": "00112233"}}}')
    arguments = ["issue", "--generation", "2", "--keys", str(keys)]
    arguments += ["--holder", str(write_holder()), "--out", str(tmp_path / "card.ssc")]
    error = fails(arguments, 2, capsys)
    assert "IRK" in error
    assert "00112233" not in error


def test_issue_replaces_only_by_force(
    issue: Issue, roots_path: Path, write_holder: Callable[..., Path], capsys: Capture
) -> None:
    card = issue(1)
    before = card.read_bytes()
    arguments = ["issue", "--generation", "2", "--keys", str(roots_path)]
    arguments += ["--holder", str(write_holder()), "--out", str(card)]
    assert str(card) in fails(arguments, 1, capsys)
    assert card.read_bytes() == before
    assert main([*arguments, "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["generation"] == 2


def test_a_region_has_keys_and_files_of_its_own(
    tmp_path: Path, write_holder: Callable[..., Path], capsys: Capture
) -> None:
    keys, card = str(tmp_path / "roots.json"), str(tmp_path / "card.ssc")
    local = ["--local-files", str(EXAMPLES / "local-files.toml")]
    assert main(["keys", "create", keys, *local]) == 0
    arguments = ["issue", "--generation", "3", "--keys", keys, "--out", card, *local]
    assert main([*arguments, "--holder", str(write_holder())]) == 0
    capsys.readouterr()
    assert main(["info", card, "--json"]) == 0
    assert "人员识别号" not in capsys.readouterr().out
    assert main(["info", card, "--json", *local]) == 0
    assert "人员识别号" in capsys.readouterr().out


# --- apdu ----------------------------------------------------------------------------------------


def test_apdu_prints_data_and_status_word(issue: Issue, capsys: Capture) -> None:
    assert main(["apdu", str(issue(2)), SELECT, "00b2072c00", "00 B2 99 2C 00"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("A50388011E 9000")
    assert lines[1] == f"0709{b'Z00000013'.hex().upper()} 9000"
    assert lines[2] == "6A83"


def test_apdu_over_contacts_and_in_the_field(issue: Issue, capsys: Capture) -> None:
    card = str(issue(3))
    main(["apdu", card, "--interface", "contact", SELECT, "00B2072C00"])
    assert capsys.readouterr().out.split() == ["611E", "6C0B"]
    main(["apdu", card, "--interface", "contactless", SELECT, "00B2072C00"])
    assert [line[-4:] for line in capsys.readouterr().out.splitlines()] == ["9000", "9000"]


def test_a_card_without_antenna_is_refused_in_the_field(issue: Issue, capsys: Capture) -> None:
    arguments = ["apdu", str(issue(2)), "--interface", "contactless", SELECT]
    assert "generation 3" in fails(arguments, 2, capsys)


def test_apdu_as_json(issue: Issue, capsys: Capture) -> None:
    card = str(issue(2))
    main(["apdu", card, "--json", "00B2992C00", "0084000004"])
    document = json.loads(capsys.readouterr().out)
    assert document["card"] == card
    refused, challenge = document["answers"]
    assert refused["data"] == ""
    assert re.fullmatch("[0-9A-F]{8}", challenge["data"])
    assert (challenge["sw"], challenge["meaning"]) == ("9000", "success")


def test_what_a_command_changes_is_kept(issue: Issue, capsys: Capture) -> None:
    card = str(issue(2))
    main(["apdu", card, SELECT, WRONG_PIN])
    first = capsys.readouterr().out.split()[-1]
    main(["apdu", card, SELECT, WRONG_PIN])
    second = capsys.readouterr().out.split()[-1]
    assert first[:3] == second[:3] == "63C"
    assert int(second[3], 16) == int(first[3], 16) - 1
    main(["info", card])
    assert f"{int(second[3], 16)} of 6 tries left" in capsys.readouterr().out


def test_trace_hides_the_pin_unless_told_otherwise(issue: Issue, capsys: Capture) -> None:
    card = str(issue(2))
    main(["apdu", card, "--trace", SELECT, VERIFY])
    output = capsys.readouterr()
    assert output.out.splitlines()[1] == "9000"
    assert "VERIFY" in output.err
    assert "123456" not in output.err
    main(["apdu", card, "--unsafe-trace", SELECT, VERIFY])
    error = capsys.readouterr().err
    assert "123456" in error
    assert error.startswith("sscard: warning: ")


def test_a_card_in_use_is_refused(issue: Issue, capsys: Capture) -> None:
    path = issue(2)
    with Card.open(path):
        for arguments in (["apdu", str(path), SELECT], ["serve", str(path)]):
            assert f"{path}: the card is in use" in fails(arguments, 1, capsys)


def test_info_shows_a_copy_of_a_card_in_use(issue: Issue, capsys: Capture) -> None:
    path = issue(2)
    main(["info", str(path)])
    free = capsys.readouterr()
    before = path.read_bytes()
    with Card.open(path):
        assert main(["info", str(path)]) == 0
        used = capsys.readouterr()
    assert used.out == free.out
    assert used.err == f"sscard: {path}: in use, shown as it is at this moment\n"
    assert path.read_bytes() == before


# --- info ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_info_shows_the_holder_and_no_secret(
    generation: int, issue: Issue, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    path = issue(generation, pin="135791")
    assert main(["info", str(path), "--keys"]) == 0
    text = capsys.readouterr().out
    assert main(["info", str(path), "--json"]) == 0
    document = capsys.readouterr().out
    for shown in (text, document):
        assert "林知夏" in shown
        assert "990000200102030012" in shown
        assert "出生日期" in shown
        assert "135791" not in shown
    with Card.open(path) as card:
        secrets = {
            key.secret.hex().upper() for d in card.files.directories for key in d.keys.values()
        }
    assert len(secrets) > 30
    assert not [secret for secret in secrets if secret in text or secret in document]


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: b"hello", lambda data: data[:-100]],
    ids=["empty", "foreign", "truncated"],
)
def test_a_file_that_is_no_card_is_one_line(
    damage: Callable[[bytes], bytes], issue: Issue, capsys: Capture
) -> None:
    path = issue(2)
    path.write_bytes(damage(path.read_bytes()))
    assert f"{path}: " in fails(["info", str(path)], 2, capsys)
    assert f"{path}: " in fails(["apdu", str(path), SELECT], 2, capsys)


# --- demo ----------------------------------------------------------------------------------------


def test_demo_goes_through_all_generations() -> None:
    # In a process of its own: the demo may talk to a pcscd of its own, and a process stays with
    # the first that it has talked to. An empty PATH hides opensc-tool, as on a bare machine.
    run = subprocess.run(
        [sys.executable, "-m", "sscard_cli", "demo"],
        env={**os.environ, "PATH": "", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    text = run.stdout
    for generation in (1, 2, 3):
        assert f"Generation {generation}.0" in text
    assert text.count("INTERNAL AUTHENTICATE") == 3
    assert text.count("EXTERNAL AUTHENTICATE") == 1
    assert text.count("same MAC and TAC") == 3
    assert "  card against ledger: even" in text.splitlines()
    assert (
        text.splitlines()[-1] == "  旧卡 old card             refused: the card's status is 9 注销"
    )
    assert "opensc-tool is not installed" in text
    assert "88.00 yuan from 623999*********3332, approved online" in text
    assert "100.00 yuan, balance 100.00" in text
    assert "2.00 yuan from 623999*********3332, approved offline" in text
    assert "certificates for signature and encryption, issued by sscard-chip test" in text
    assert "signature is of 古丽娜尔·阿不都热依木·买买提明江, certificate is trusted" in text
    assert "账户余额                 1659.40" in text
    assert "T  1  40.00  24.00  12.60  3.40" in text
    assert "1 row read, TAC verified, 1 posted" in text
    assert "定点零售药店医疗费用清算单" in text
    assert "应付金额 36.60 元" in text
    assert "the books: 2 entries, even" in text
    # The debit of the generation's own part is of the day before the ledger began.
    assert "debit not uploaded" not in text
    assert "balance unexplained" not in text


def test_demo_without_certificates_says_so(tmp_path: Path) -> None:
    """Without the libraries of the extra pki it goes on to its end."""
    code = (
        "import sys; sys.modules['asn1crypto'] = None; from sscard_cli.main import main;"
        " sys.exit(main(['demo']))"
    )
    environment = os.environ | {"PATH": "", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    at = lines.index("Certificates: the same card signs")
    assert lines[at + 1].startswith("  not shown: ")
    assert "pip install '.[pki]'" in lines[at + 1]
    assert "  card against ledger: even" in lines
    assert lines[-1].startswith("  旧卡 old card ")


def test_demo_without_the_extra_says_so(tmp_path: Path) -> None:
    """In a process of its own, where SQLAlchemy cannot be imported."""
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; from sscard_cli.main import main;"
        " sys.exit(main(['demo']))"
    )
    environment = os.environ | {"PATH": "", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        "  not shown: settlement needs sqlalchemy, which is not installed:"
        " pip install '.[settlement]' in a clone of sscard-chip"
    )
