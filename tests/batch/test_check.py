# SPDX-License-Identifier: Apache-2.0
"""``sscard batch check``: all that a batch would reject, and nothing is given out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from sscard_cli.main import main
from tests.batch.conftest import CITY, people, rows_of, write_table

Capture = pytest.CaptureFixture[str]


def state(folder: Path) -> dict[str, str]:
    """Every file below a folder, by what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".sqlite-shm", ".sqlite-wal")
    }


def bad_table(folder: Path) -> Path:
    """Rows 3, 5, 6 and 7 are wrong; row 7 in two ways."""
    persons = people(8)
    persons[1]["sex"] = "7"
    persons[3]["card_number"] = persons[0]["card_number"]
    persons[4]["social_security_number"] = persons[0]["social_security_number"]
    persons[4]["birth_date"] = persons[0]["birth_date"]
    persons[4]["sex"] = persons[0]["sex"]
    persons[5]["nation"] = "60"
    persons[5]["city"] = "000000"
    return write_table(folder / "bad.csv", persons)


FINDINGS = [
    (3, "sex"),
    (5, "card_number"),
    (6, "social_security_number"),
    (7, "city"),
    (7, "nation"),
]


def test_all_findings_and_nothing_burnt(tmp_path: Path, keys: Path, capsys: Capture) -> None:
    good = write_table(tmp_path / "good.csv", people(3, seed=5))
    ledger = tmp_path / "issuer.sqlite"
    run = ["batch", "run", "--generation", "3", "--keys", str(keys), "--ledger", str(ledger)]
    assert main([*run, "--holders", str(good), "--out", str(tmp_path / "first")]) == 0
    table = bad_table(tmp_path)
    before = state(tmp_path)
    capsys.readouterr()
    check = ["batch", "check", "--generation", "3", "--ledger", str(ledger)]
    for _ in range(2):  # the second time finds the same
        assert main([*check, "--holders", str(table), "--json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert (found["rows"], found["rejected"]) == (8, 4)
        assert sorted((one["row"], one["column"]) for one in found["findings"]) == FINDINGS
        assert state(tmp_path) == before
    assert main([*check, "--holders", str(table)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "row 3, sex: must be 1 (male), 2 (female) or 9 (性别, GB/T 2261.1)"
    assert "row 5, card_number: stands in an earlier row" in lines
    assert lines[-1] == f"{table}: 8 rows, 4 would be rejected"
    # The rejects of the batch itself are the same.
    assert main([*run, "--holders", str(table), "--out", str(tmp_path / "second")]) == 0
    rejects = rows_of(tmp_path / "second" / "rejects.csv")
    assert [{**one, "row": int(one["row"])} for one in rejects] == found["findings"]


def test_nothing_wrong_is_exit_code_0(tmp_path: Path, capsys: Capture) -> None:
    table = write_table(tmp_path / "good.csv", people(3))
    assert main(["batch", "check", "--generation", "1", "--holders", str(table)]) == 0
    assert capsys.readouterr().out == f"{table}: 3 rows, 0 would be rejected\n"
    assert [path.name for path in tmp_path.iterdir()] == ["good.csv"]


def test_numbers_of_an_earlier_batch(tmp_path: Path, keys: Path, capsys: Capture) -> None:
    table, ledger = write_table(tmp_path / "h.csv", people(2)), tmp_path / "issuer.sqlite"
    run = ["batch", "run", "--generation", "1", "--keys", str(keys), "--holders", str(table)]
    assert main([*run, "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    check = ["batch", "check", "--generation", "1", "--holders", str(table)]
    assert main([*check, "--ledger", str(ledger)]) == 1
    assert "row 2, card_number: was used in an earlier batch\n" in capsys.readouterr().out
    assert main(check) == 0  # no ledger: no earlier batch is known
    assert main([*check, "--ledger", str(tmp_path / "none.sqlite")]) == 0
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("card_number,nickname\n", "column 2: has a name that is not known"),
        ("card_number\n", "social_security_number: no column has it"),
        ("", "row 1: must name the columns"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, capsys: Capture, content: str, message: str) -> None:
    (tmp_path / "h.csv").write_text(content, encoding="utf-8")
    check = ["batch", "check", "--generation", "3", "--holders", str(tmp_path / "h.csv")]
    assert main(check) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.out == ""


def test_with_a_mapping_and_assigned_numbers(tmp_path: Path, capsys: Capture) -> None:
    persons = [{**person} for person in people(3)]
    for person in persons:
        del person["card_number"], person["city"]
    table = write_table(tmp_path / "h.csv", persons)
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        f'format = "sscard-holder-mapping/1"\n[constants]\ncity = "{CITY}"\n', encoding="utf-8"
    )
    check = ["batch", "check", "--generation", "2", "--holders", str(table)]
    check += ["--mapping", str(mapping)]
    assert main(check) == 2
    assert "card_number: no column has it" in capsys.readouterr().err
    assert main([*check, "--assign-card-numbers", "Z9"]) == 0
