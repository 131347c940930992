# SPDX-License-Identifier: Apache-2.0
"""Every faulty card is caught by the case that is named for it, and a right one is not."""

from __future__ import annotations

import json

import pytest

from issuance.mutants import MUTANTS, run_mutant
from sscard_chip.terminal.conformance import CaseVerdict
from sscard_cli.conformance.mutants import CATALOGUES
from sscard_cli.main import main
from tests.bench.issued import roots
from tests.terminal.conformance.judged import judge

LISTED = [
    "atr-with-tck",
    "atr-without-tc1",
    "atr-12-historical",
    "atr-serial",
    "select-without-61",
    "fci-without-9f0c",
    "ef-answers-fci",
    "fci-adf-a5",
    "failed-select-moves",
    "record-truncated",
    "record-without-head",
    "log-oldest-first",
    "item-4e-missing",
    "item-padded-20",
    "item-cn-00",
    "holder-file-free",
    "df04-pin-or-key",
    "pin-state-costs-a-try",
    "pin-locked-63c0",
    "change-old-free",
    "challenge-twice",
    "external-count-stands",
    "external-never-locks",
    "equal-key-versions",
    "debit-mac2-first",
    "proof-lost",
    "proof-of-any-number",
    "contactless-61",
]
"""Faults that vendors' cards have had or are likely to have."""


def test_there_are_enough_and_each_names_a_case() -> None:
    names = {case.identifier for cases in CATALOGUES.values() for case in cases()}
    assert len(MUTANTS) >= 190
    assert {one.kind for one in MUTANTS.values()} == {"filter", "image", "program"}
    assert [one.name for one in MUTANTS.values() if one.caught_by not in names] == []
    assert set(LISTED) <= set(MUTANTS)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    found = run_mutant(MUTANTS[name], roots())
    assert found.caught, (found.result.verdict, found.result.reason)
    assert found.result.case.clause


@pytest.mark.parametrize("name", ["challenge-twice", "df01-free"])
def test_a_whole_run_of_a_mutant_ends_in_no_error(name: str) -> None:
    found = run_mutant(MUTANTS[name], roots(), whole=True)
    assert found.caught
    assert found.run.counts[CaseVerdict.ERROR] == 0


def test_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "mutants", "--only", "df01-free", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["mutants"][0]
    assert (row["case"], row["verdict"]) == ("SSC-32.6-DF01.EF05-closed", "fail")
    assert main(["conformance", "mutants", "--only", "nothing"]) == 2
    assert main(["conformance", "coverage", "--json"]) == 0
    clauses = json.loads(capsys.readouterr().out)["clauses"]
    mutants = [name for clause in clauses for name in clause["mutants"]]
    assert sorted(mutants) == sorted(MUTANTS)
    assert judge(2, only=["SSC-32.2-ATR"]).passed
