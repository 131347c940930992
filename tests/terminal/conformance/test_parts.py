# SPDX-License-Identifier: Apache-2.0
"""Cards with more and with fewer parts are as right as others: no false alarm."""

from __future__ import annotations

from typing import Any

import pytest

from issuance.holder import Holder
from issuance.personalise import issue_card
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.terminal.conformance import (
    CaseVerdict,
    ImageTarget,
    ImplementationStatement,
    Level,
    run_suite,
)
from tests.bank.bank import bank
from tests.bank.bank import holder as bank_holder
from tests.bench.issued import HOLDER, roots
from tests.bench.shop import PIN, card_memory
from tests.terminal.conformance.judged import bad


def issued(generation: int, pin: str | None = PIN, **profile: Any) -> Memory:
    fields = {**HOLDER, "pin": pin, "account": {"balance_fen": 5}}
    plan = for_generation(generation, **profile)
    if not profile.get("with_account", True):
        fields.pop("account")
    return issue_card(generation, roots(), Holder.from_object(fields), profile=plan)


def with_bank(generation: int) -> Memory:
    account = bank_holder(ecash={"balance_fen": 500, "limit_fen": 1000, "single_limit_fen": 100})
    return issue_card(generation, roots(), account, bank=bank(), serial=b"\1\2\3\4")


CARDS: dict[str, tuple[int, Any, str, dict[str, Any]]] = {
    "bank, generation 3": (3, lambda: with_bank(3), "123456", {}),
    "no PIN": (2, lambda: issued(2, None), "", {}),
    "generation 1 without account": (1, lambda: issued(1, with_account=False), PIN, {}),
    "account only": (
        2, lambda: card_memory(2, "3des", account_only=True), PIN,
        {"account_only": True, "settlement_mode": "offline"},
    ),
    "proof by the next number": (
        2, lambda: issued(2, proof_by_next_number=True), PIN, {"proof_by_next_number": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
def test_no_false_alarm(name: str) -> None:
    generation, make, pin, statement = CARDS[name]
    memory = make()
    for contactless in (False, True) if generation == 3 else (False,):
        run = run_suite(
            ImageTarget(memory, contactless=contactless),
            interface="contactless" if contactless else "contact",
            generation=generation,
            statement=ImplementationStatement(**statement) if statement else None,
            pin=pin,
            store=roots(),
            level=Level.DESTRUCTIVE,
        )
        assert bad(run) == []
        assert run.counts[CaseVerdict.PASS] >= 450
