# SPDX-License-Identifier: Apache-2.0
"""Certificates through pyscard, pcscd and vpcd: the whole way of a card in a reader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.profile.pki import PkiContents, add_pki
from sscard_chip.reader.pcscd import READER_NAMES, PrivateDaemon
from sscard_cli.main import main
from tests.bench.desk import Desk
from tests.bench.pki_cards import MASTER
from tests.pcsc.stack import serving

pytestmark = pytest.mark.pcsc


@pytest.mark.parametrize("interface", ["contact", "contactless"])
def test_from_a_delivered_card_to_a_signature(
    daemon: PrivateDaemon,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    interface: str,
) -> None:
    card, letter = tmp_path / "card.ssc", tmp_path / "letter.txt"
    memory = Desk(3).card.files.memory
    add_pki(memory, PkiContents(MASTER))
    Card(memory).save(card)
    letter.write_bytes("一封信".encode() * 100)

    def run(*arguments: str) -> str:
        assert main(["pki", *arguments]) == 0
        return capsys.readouterr().out

    ca, pem, sig = (str(tmp_path / name) for name in ("ca.json", "ca.pem", "letter.sig"))
    run("authority", ca, "--certificate", pem)
    with serving(daemon, f"{interface}:{card}"):
        reader = ("--reader", READER_NAMES[0])
        made = json.loads(run("init", *reader, "--json"))
        run("write", *reader, "--authority", ca, "--name", "林知夏")
        shown = json.loads(run("show", *reader, "--trust", pem, "--json"))
        assert shown["signature"]["public_key"] == made["public_key"]
        assert shown["key_proven"] is True
        run("sign", str(letter), *reader, "--pin", "123456", "--out", sig)
        told = run("verify", str(letter), "--signature", sig, *reader, "--trust", pem)
    assert told == "letter.txt: signed by 林知夏\n"
