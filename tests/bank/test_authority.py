# SPDX-License-Identifier: Apache-2.0
"""The file of a bank's certificates."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from issuance.bank.authority import AuthorityError, BankAuthority
from sscard_chip.standard.identifiers import BANK_RID


@cache
def authority() -> BankAuthority:
    return BankAuthority.create("623999", "1236")


@pytest.fixture
def document(tmp_path: Path) -> Any:
    authority().save(tmp_path / "ca.json")
    return json.loads((tmp_path / "ca.json").read_text())


def test_a_file_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "ca.json"
    authority().save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    again = BankAuthority.load(path)
    assert again.for_terminals() == authority().for_terminals()
    assert sorted(again.for_terminals()) == [(BANK_RID, 0xF1), (BANK_RID, 0xF2)]
    for name, keys in authority().keys.items():
        assert again.of_scheme(name).document() == keys.document()


def test_errors_name_file_and_rule(document: Any) -> None:
    def fault(changed: object) -> str:
        with pytest.raises(AuthorityError) as caught:
            BankAuthority.from_document(changed, source="ca.json")
        return str(caught.value)

    assert fault([]) == 'ca.json: format: must be "sscard-bank-authority/1"'
    assert fault({"format": document["format"]}) == "ca.json: holds no keys"
    assert fault(document | {"dsa": {}}) == "ca.json: a scheme must be one of rsa, sm2"
    assert fault(document | {"rsa": {}}).startswith("ca.json: rsa: must be an object of ")
    for name, value, rule in (
        ("index", "F", "index: must be hexadecimal, two digits a byte"),
        ("index", "F1F2", "index: must be one byte"),
        ("expiry", "1336", "certificate: the expiry must be a month, MMYY"),
        ("certificate", {}, "90 is missing"),
        ("issuer", document["rsa"]["authority"], "the certificate is of another issuer's key"),
        ("identifier", "622848", "issuer certificate: is of another issuer"),
    ):
        changed = document | {"rsa": document["rsa"] | {name: value}}
        assert fault(changed) == f"ca.json: rsa: {rule}"
    secret = document["sm2"]["issuer"]
    wrong = document | {"sm2": document["sm2"] | {"issuer": secret[:-2] + "00"}}
    assert fault(wrong).startswith("ca.json: sm2: SM2 public key: ")


def test_no_key_shows(document: Any) -> None:
    shown = repr(authority())
    assert document["rsa"]["issuer"][2:20] not in shown
    with pytest.raises(AuthorityError, match=r"ca.json: cannot be read"):
        BankAuthority.load("ca.json")


def test_a_scheme_that_a_bank_has_not() -> None:
    only = BankAuthority({"rsa": authority().of_scheme("rsa")}, source="ca.json")
    with pytest.raises(AuthorityError, match=r"^ca.json: sm2: the keys are needed and missing$"):
        only.of_scheme("sm2")
