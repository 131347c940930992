# SPDX-License-Identifier: Apache-2.0
"""The script file, played by a machine of the test's own that knows docs/personalisation.md."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from issuance.plan import write_script
from sscard_chip.security.suite import SUITES, Suite, pad_if_needed
from sscard_chip.standard.commands import GET_CHALLENGE
from tests.blank.plans import CARDS, blank_for, card_data, comparable, patched, plan_of


class Machine:
    """Plays a script: hex goes to the card, placeholders are computed."""

    def __init__(
        self, document: dict[str, Any], keys: dict[str, bytes], send: Callable[[bytes], bytes]
    ) -> None:
        self.document = document
        self.keys = keys | {"ZERO": bytes(16)}
        self.send = send
        self.challenge = b""

    def suite(self, name: str) -> Suite:
        algorithms = self.document["keys"]
        return SUITES[algorithms.get(name, algorithms["TEMPORARY"])]

    def play(self, reset: Callable[[], object]) -> None:
        for step in self.document["steps"]:
            if step.get("reset"):
                reset()
                continue
            if "challenge" in step:
                answer = self.send(GET_CHALLENGE.apdu(le=step["challenge"]))
                assert answer[-2:] == b"\x90\x00"
                self.challenge = answer[:-2]
            command = self.fill(step["command"])
            if "le" in step:
                command += bytes((step["le"],))
            answer = self.send(command)
            assert answer[-2:].hex() == step["sw"], step["name"]
            if "answer" in step:
                assert answer[:-2].hex().upper() == step["answer"], step["name"]

    def fill(self, template: str) -> bytes:
        command = b""
        for piece in re.findall(r"\{[^}]*\}|[0-9A-F]+", template):
            if piece[0] != "{":
                command += bytes.fromhex(piece)
                continue
            kind, name, *more = piece[1:-1].split(":")
            command += getattr(self, kind)(self.keys[name], self.suite(name), command, *more)
        return command

    def direct(self, key: bytes, suite: Suite, before: bytes) -> bytes:
        block = suite.encryptor(key)(self.challenge.ljust(suite.block, b"\0"))
        if suite.block == 8:
            return block
        return bytes(a ^ b for a, b in zip(block[:8], block[8:], strict=True))

    def session(self, key: bytes, suite: Suite, before: bytes, original: str) -> bytes:
        session = suite.session(suite.session_key(suite.encryptor(key), self.challenge))
        return session.authentication_data(bytes.fromhex(original))

    def mac(self, key: bytes, suite: Suite, before: bytes) -> bytes:
        return suite.key_mac(key, self.challenge, before)

    def seal(self, key: bytes, suite: Suite, before: bytes, head: str, secret: str) -> bytes:
        clear = bytes.fromhex(head) + self.keys[secret]
        plain = pad_if_needed(bytes((len(clear),)) + clear, suite.block)
        return suite.encryptor(key)(plain)


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_a_machine_makes_the_same_card(tmp_path: Path, generation: int, algorithm: str) -> None:
    data = card_data(generation, algorithm)
    plan, path = plan_of(data), tmp_path / "card.json"
    write_script(plan, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["format"] == "sscard-personalisation/1"
    assert len(document["steps"]) == len(plan.steps)
    card = blank_for(data)
    keys = {name: plan.keys[name].secret for name in document["keys"]}
    Machine(document, keys, card.transmit).play(card.power_on)
    assert comparable(card.files.memory) == patched(data)


def test_no_key_stands_in_the_file(tmp_path: Path) -> None:
    data = card_data(3, "sm4")
    plan, path = plan_of(data), tmp_path / "card.json"
    write_script(plan, path)
    text = path.read_text(encoding="utf-8").lower()
    secrets = {name: key.secret for name, key in plan.keys.items() if name not in ("ZERO", "PIN")}
    assert len(secrets) > 100
    assert [name for name, secret in secrets.items() if secret.hex() in text] == []
    # nor under the key that everybody knows
    zero = SUITES["sm4"].decryptor(bytes(16))
    for written in re.findall(r"84d4....24([0-9a-f]{64})", text):
        plain = zero(bytes.fromhex(written))
        assert not any(secret in plain for secret in secrets.values())
