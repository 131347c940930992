# SPDX-License-Identifier: Apache-2.0
"""A machine over all channels beside a small model: no opening change below its level, never two
live cards, no successor twice.

``SSCARD_SERVICE_STEPS=1000000`` by hand; fewer here. The model knows the table T2 and the states T3
in its own words.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sscard_chip.settlement.ledger import CardStatus, Ledger, status_of
from sscard_service import CardProof, Code, SeenDocument, ServiceRefusedError
from sscard_service.store.audit import verify_audit
from sscard_service.store.proofs import ECARD, QUERY, hash_password, set_credential
from tests.service.city import KEYS, LIN, VALID, City, code_of, photo

STEPS: Final = int(os.environ.get("SSCARD_SERVICE_STEPS", "60"))
_RUN: Final = min(STEPS, 60 if STEPS <= 1000 else 400)
"""Steps of one city; a long life by hand, where opening a ledger is not what is tested."""

# --- the model's own words --------------------------------------------------------------------

LEVELS: Final[dict[str, dict[str, int]]] = {
    "ivr": {"balance": 1, "loss": 1},
    "agent": {"balance": 1, "status": 1, "loss": 1},
    "site": {"balance": 1, "status": 1, "person": 2, "loss": 1, "lift": 2, "replace": 2},
    "app": {"balance": 2, "status": 2, "person": 2, "loss": 2, "lift": 2, "replace": 2},
    "kiosk": {"balance": 1, "status": 1, "person": 3, "loss": 1, "lift": 3, "replace": 3},
    "bank": {"balance": 4, "status": 4, "loss": 4, "lift": 4, "formal": 4, "replace": 4},
    "office": {"balance": 4, "status": 4, "person": 4, "loss": 4, "lift": 4, "formal": 4,
               "replace": 4, "cancel": 4},
    "ebank": {"balance": 2, "loss": 2},
    "till": {"balance": 3},
}  # fmt: skip
"""T2: what a channel offers, at which level."""
PROOF_LEVEL: Final = {"tail": 1, "query": 1, "ecard": 2, "face": 2, "card": 3, "clerk": 4}
TAKEN: Final = {
    "ivr": {"tail", "query"}, "agent": {"tail", "query"}, "site": {"tail", "query"},
    "app": {"query", "ecard", "face"}, "kiosk": {"tail", "query", "card"}, "bank": {"clerk"},
    "office": {"clerk"}, "ebank": {"face"}, "till": {"card"},
}  # fmt: skip
"""Which proofs count in a channel."""
OPENING: Final = {"lift": 2, "replace": 2, "formal": 2, "cancel": 3}
MOVES: Final = {
    ("loss", 1): 4, ("lift", 4): 1, ("formal", 1): 2, ("formal", 4): 2,
    ("cancel", 1): 9, ("cancel", 4): 9, ("cancel", 2): 9,
}  # fmt: skip
"""T3: operation and state, and the state that comes of it."""
SAME: Final = {("loss", 4), ("loss", 2), ("lift", 1), ("formal", 2), ("cancel", 9)}
PHOTO: Final = photo()


def proof(kind: str, code: str, tail: str) -> dict[str, Any]:
    """The evidence of a kind of proof."""
    shown: dict[str, dict[str, Any]] = {
        "none": {},
        "tail": {"card_number": tail},
        "query": {"query_password": "own-word-7"},
        "ecard": {"ecard_password": "483920"},
        "face": {"face": True},
        "card": {"proof": CardProof(code, True, True)},
        "clerk": {"document": SeenDocument(LIN, copy=True)},
        "lie": {"document": SeenDocument(LIN, copy=True), "face": True, "second_clerk": "0018"},
    }
    return shown[kind]


class CardServicesMachine(RuleBasedStateMachine):
    """One person, her cards, one application at a time."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=SHM)
        self.ledger = Ledger.open(Path(self.folder.name) / "city.db")
        self.city = City(self.ledger)
        with self.ledger.transaction() as t:
            for kind, hash_ in HASHES.items():
                set_credential(t, 1, kind, hash_, "20260302000000")
        self.cards: list[tuple[int, int, str]] = [(1, 1, "000013")]
        """Number in the ledger, serial, last six."""
        self.state = {1: 1}
        self.application = ""
        self.making = ""
        self.reports = 0
        self.serial = 10

    @rule(
        operation=st.sampled_from(
            ["balance", "status", "person", "loss", "lift", "formal", "replace", "cancel"]
        ),
        channel=st.sampled_from(sorted(LEVELS)),
        kind=st.sampled_from(["none", "tail", "query", "ecard", "face", "card", "clerk", "lie"]),
    )
    def ask(self, operation: str, channel: str, kind: str) -> None:
        """Any operation, in any channel, with any proof."""
        self.city.later(minutes=1)
        card, serial, tail = self.present()
        state = self.state[card]
        level = self.level(channel, kind, card)
        evidence = proof(kind, code_of(serial), tail)
        if channel in ("bank", "office") and kind not in ("clerk", "lie"):
            evidence["document"] = None
        details = {**VALID, "reason": "lost"} if operation == "replace" else None
        if operation == "replace":
            evidence["photo"] = PHOTO
        code = Code.DOWN
        try:
            answer = self.city.ask(operation, LIN, channel, details=details, **evidence)
        except ServiceRefusedError as error:
            code, answer = error.code, None
        if answer is None:
            assert code is not Code.DOWN
            assert not self.would(operation, channel, level, state), (code, operation, channel)
            return
        assert level is not None
        assert LEVELS[channel][operation] <= level, (operation, channel, kind)
        assert OPENING.get(operation, 0) <= level
        assert answer.level == level
        if (operation, state) in MOVES:
            self.state[card] = MOVES[operation, state]
        if operation == "replace":
            self.application, self.making = answer.data["receipt"], "applied"

    @rule(step=st.sampled_from(["review", "batch", "made", "arrive"]))
    def make(self, step: str) -> None:
        """The next step of the application, or one that is not next."""
        self.city.later(minutes=1)
        serial = self.serial
        steps: dict[str, dict[str, Any]] = {
            "review": {"accepted": True},
            "batch": {"batch": "june"},
            "made": {"card_number": f"Z{serial:08d}", "card_id_code": code_of(serial),
                     "factor": "00" * 8},
            "arrive": {"point": "1"},
        }  # fmt: skip
        next_of = {"applied": "review", "reviewed": "batch", "batched": "made", "made": "arrive"}
        given = self.application or "0" * 16
        try:
            answer = self.city.ask(step, "", receipt=given, details=steps[step])
        except ServiceRefusedError:
            assert next_of.get(self.making) != step
            return
        assert next_of[self.making] == step
        self.making = answer.data["state"]
        if step == "made":
            with self.ledger.reading() as t:
                rows = t.connection.exec_driver_sql("SELECT max(id) FROM card").scalar_one()
            self.cards.append((int(rows), serial, f"{serial:06d}"))
            self.state[int(rows)] = 5
            self.serial += 1

    @rule(channel=st.sampled_from(["office", "bank", "site", "app"]))
    def collect(self, channel: str) -> None:
        """Collect at the counter, or try it elsewhere."""
        self.city.later(minutes=1)
        old, (new, _, _) = self.cards[-2][0] if len(self.cards) > 1 else 0, self.cards[-1]
        details = {"receipt": self.application or "0" * 16}
        able = channel in ("office", "bank") and self.making == "at_point"
        try:
            self.city.ask("collect", LIN, channel, details=details, face=channel == "app")
        except ServiceRefusedError:
            assert not (able and self.state[new] == 5)
            return
        assert able
        self.state[new], self.state[old] = 1, 9
        self.making = "collected"

    @invariant()
    def the_ledger_says_the_same_and_one_card_lives_at_most(self) -> None:
        if not hasattr(self, "ledger"):
            return
        now = self.city.now.strftime("%Y%m%d%H%M%S")
        with self.ledger.reading() as t:
            found = {card: int(status_of(t, card, now)) for card, _, _ in self.cards}
        assert found == self.state
        assert len([one for one in found.values() if one in (1, 4)]) <= 1

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            with self.ledger.reading() as t:
                assert verify_audit(t, KEYS.audit).problems == ()
            assert self.ledger.check().even
            self.ledger.close()
            self.folder.cleanup()

    # --- the model ----------------------------------------------------------------------------

    def present(self) -> tuple[int, int, str]:
        """The card that is meant: the newest that pays or may again, else the newest."""
        usable = [one for one in self.cards if self.state[one[0]] in (1, 2, 4)]
        return (usable or self.cards)[-1]

    def level(self, channel: str, kind: str, card: int) -> int | None:
        """What a proof is worth in a channel; None where it is wrong."""
        if kind == "lie":
            kind = "clerk" if channel in ("bank", "office") else "face"
        if kind not in TAKEN[channel] or kind == "none":
            return 0
        if kind == "tail" and self.state[card] == 9:
            return None
        if kind == "card" and self.state[card] != 1:
            return 0
        return PROOF_LEVEL[kind]

    def would(self, operation: str, channel: str, level: int | None, state: int) -> bool:
        """Whether an operation ought to have been done."""
        if level is None or LEVELS[channel].get(operation, 9) > level:
            return False
        if operation == "loss" and level == 1 and state == 1:
            return False  # the model does not count reports
        if operation == "replace":
            running = self.making not in ("", "collected", "rejected")
            return state == 2 and not running
        if operation == "balance" and state == 9:
            return level == 4  # history
        return operation in ("balance", "status", "person") or (
            (operation, state) in MOVES or (operation, state) in SAME
        )


SHM: Final = "/dev/shm" if os.path.isdir("/dev/shm") else None
HASHES: Final = {QUERY: hash_password("own-word-7"), ECARD: hash_password("483920")}


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 takes its time on purpose; here one right answer is known."""
    right = {HASHES[QUERY]: "own-word-7", HASHES[ECARD]: "483920"}
    monkeypatch.setattr(
        "sscard_service.proving.check_password",
        lambda hash_, password: right.get(hash_ or "") == password,
    )


@pytest.mark.timeout(0)
def test_no_sequence_reaches_an_opening_change_below_its_level() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    examples = max(1, STEPS // _RUN)
    run_state_machine_as_test(
        CardServicesMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=_RUN,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {CardStatus(one) for one in (0, 1, 2, 4, 5, 9)} == set(CardStatus)
