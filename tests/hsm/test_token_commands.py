# SPDX-License-Identifier: Apache-2.0
"""``sscard keys`` and ``--keys`` with a token."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from issuance.roots import RootKeys
from issuance.stores import open_store
from sscard_cli.main import main
from tests.hsm.conftest import PIN, SLOTS, Tokens

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a token finds its PIN."""
    monkeypatch.setenv("SSCARD_PASSPHRASE", PIN)


@pytest.mark.usefixtures("pin")
def test_keys_are_made_in_the_token(
    tokens: Tokens, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tokens.make()
    monkeypatch.setattr("sscard_cli.issuing.keys.root_slots", lambda extra: SLOTS[:5])
    assert main(["keys", "create", address]) == 0
    assert capsys.readouterr().out == f"{address}: 5 random root keys for 3des and sm4\n"
    assert main(["keys", "show", address, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["kind"] == "pkcs11"
    # Again, with more names: what is there stays, what is missing comes.
    monkeypatch.setattr("sscard_cli.issuing.keys.root_slots", lambda extra: SLOTS)
    assert main(["keys", "create", address]) == 0
    assert "3 random root keys for 3des and sm4, 5 were there already" in capsys.readouterr().out
    assert main(["keys", "show", address, "--json"]) == 0
    second = json.loads(capsys.readouterr().out)["keys"]
    assert len(second) == len(SLOTS)
    assert all(key in second for key in first["keys"])


def test_from_a_file_into_a_token_and_not_back(
    tokens: Tokens,
    roots: RootKeys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    address, plain = tokens.make(), str(tmp_path / "roots.json")
    roots.save(plain)
    monkeypatch.setenv("SSCARD_NEW_PASSPHRASE", PIN)
    assert main(["keys", "convert", plain, address]) == 0
    assert f"{len(SLOTS)} keys, all check values as in {plain}" in capsys.readouterr().out
    assert main(["keys", "convert", plain, address]) == 2
    assert "the key is there already" in capsys.readouterr().err
    monkeypatch.setenv("SSCARD_PASSPHRASE", PIN)
    monkeypatch.setenv("SSCARD_NEW_PASSPHRASE", "correct horse battery")
    assert main(["keys", "convert", address, str(tmp_path / "back.keys")]) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"sscard: error: .*: a root does not leave the token\n", error)
    assert [path.name for path in tmp_path.iterdir()] == ["roots.json"]
    with open_store(address, PIN) as store:
        chain = [(b"510000sh",)]
        for slot in SLOTS:
            assert store.diversify(*slot, chain) == roots.diversify(*slot, chain)


@pytest.mark.usefixtures("pin")
def test_a_card_needs_keys_that_the_token_has(filled: str, tmp_path: Path, capsys: Capture) -> None:
    psam = ["psam", "--keys", filled, "--level", "3", "--terminal-id", "510100000001"]
    assert main([*psam, "--out", str(tmp_path / "psam.ssc")]) == 2
    error = capsys.readouterr().err
    assert re.search(r"token issuer \d+: 3des: \w+: 1: the key is needed and missing", error)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_pin_is_one_line(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    secret = tmp_path / "pin"
    secret.write_text("11112222")
    assert main(["keys", "show", filled, "--passphrase-file", str(secret)]) == 2
    assert re.fullmatch(
        r"sscard: error: token issuer \d+: the PIN is wrong\n", capsys.readouterr().err
    )
    monkeypatch.delenv("SSCARD_PASSPHRASE", raising=False)
    assert main(["keys", "show", filled]) == 2
    assert "needs its PIN" in capsys.readouterr().err
