# SPDX-License-Identifier: Apache-2.0
"""A machine over all channels beside a small model of its own (``tests/service/machine``): whatever
is asked, in any order, with any proof, at any moment, the answer is the one that the tables say,
and no person ever has two live cards.

A step is a request, a sale, a message, a restart of the centre or a move of its clock.
``SSCARD_SERVICE_STEPS=1000000`` by hand, ``SSCARD_SERVICE_SEED`` for other ones.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Final

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from sscard_service.store import proofs
from sscard_service.work import OPERATIONS as PRODUCT
from tests.service.machine.asking import OF_CARDS, OF_ECARDS, OF_MONEY, OF_PERSONS
from tests.service.machine.bench import Bench
from tests.service.machine.tables import LEVELS
from tests.service.machine.town import Region

STEPS: Final = int(os.environ.get("SSCARD_SERVICE_STEPS", "1500"))
SEED: Final = int(os.environ.get("SSCARD_SERVICE_SEED", "0"))
LIFE: Final = min(STEPS, 100 if STEPS <= 10_000 else 400)
"""Steps of one city."""
WHOLE: Final = 200
"""Everything is looked at each so many steps."""
REGIONS: Final = (
    Region(), Region(term_days=30), Region(damaged_usable=False, notify="any"),
    Region(bank_first=True, elsewhere="990200"), Region(notify="never", term_days=30),
)  # fmt: skip
MOVES: Final = (
    {"seconds": 1}, {"seconds": 59}, {"seconds": 60}, {"seconds": 61}, {"minutes": 5},
    {"minutes": 15}, {"hours": 1}, {"hours": 3}, {"days": 1}, {"days": 3}, {"days": 10},
    {"days": 31},
)  # fmt: skip
MEANWHILE: Final = (
    "again",
    "again",
    "sell",
    "sell",
    "sell",
    "transfer",
    "wait",
    "wait",
    "wait for",
    "wait for",
    "work",
    "restart",
)
SMALL = st.integers(0, 15)
WIDE = st.integers(0, 255)


class CardServicesMachine(RuleBasedStateMachine):
    """A town, its cards, and everybody who asks."""

    steps = 0
    done: Counter[str] = Counter()
    refused: Counter[str] = Counter()

    @initialize(region=st.sampled_from(REGIONS))
    def begin(self, region: Region) -> None:
        self.count = 0
        self.bench = Bench(region)

    def _ask(self, operation: str, way: int, proof: int, whom: int, variant: int) -> None:
        if variant % 2:
            self.bench.later(seconds=1)
        self.bench.ask(self.bench.asking.make(operation, way, proof, whom, variant))

    @rule(operation=st.sampled_from(OF_CARDS), way=SMALL, proof=SMALL, whom=SMALL, variant=WIDE)
    def ask_of_cards(self, operation: str, way: int, proof: int, whom: int, variant: int) -> None:
        """Losses, applications, making, collection."""
        self._ask(operation, way, proof, whom, variant)

    @rule(operation=st.sampled_from(OF_PERSONS), way=SMALL, proof=SMALL, whom=SMALL, variant=WIDE)
    def ask_of_persons(self, operation: str, way: int, proof: int, whom: int, variant: int) -> None:
        """Sessions, passwords, own data, enquiries, papers."""
        self._ask(operation, way, proof, whom, variant)

    @rule(operation=st.sampled_from(OF_ECARDS), way=SMALL, proof=SMALL, whom=SMALL, variant=WIDE)
    def ask_of_ecards(self, operation: str, way: int, proof: int, whom: int, variant: int) -> None:
        """Electronic cards and family members."""
        self._ask(operation, way, proof, whom, variant)

    @rule(operation=st.sampled_from(OF_MONEY), way=SMALL, proof=SMALL, whom=SMALL, variant=WIDE)
    def ask_of_money(self, operation: str, way: int, proof: int, whom: int, variant: int) -> None:
        """Levels, bills, filings."""
        self._ask(operation, way, proof, whom, variant)

    @rule(what=st.sampled_from(MEANWHILE), at=SMALL, variant=WIDE)
    def meanwhile(self, what: str, at: int, variant: int) -> None:
        """Requests that come again, sales, hospitals, the worker, the clock, a restart."""
        bench = self.bench
        people = bench.asking.people
        who = people[at % len(people)]
        if what == "again":
            bench.again(at, other=variant % 4 == 0)
        elif what == "sell" and who.id:
            bench.sell(who, variant % 3, variant + 1, twice=variant % 5 == 0)
        elif what == "transfer":
            bench.transfer(who, variant)
        elif what == "wait":
            bench.later(**MOVES[variant % len(MOVES)])
        elif what == "wait for":
            bench.wait_for(variant // 4, variant % 4 - 1)
        elif what == "work":
            bench.deliver(2 + at)
            if variant % 4 == 0:
                bench.clear()
        elif what == "restart" and variant % 16 == 0:
            bench.restart()

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        if not hasattr(self, "bench"):
            return
        self.count += 1
        CardServicesMachine.steps += 1
        self.bench.look()
        if self.count % WHOLE == 0:
            self.bench.look_whole()

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return
        try:
            self.bench.look_whole()
            self.bench.verify()
        finally:
            CardServicesMachine.done += self.bench.done
            CardServicesMachine.refused += self.bench.refused
            self.bench.end()


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 takes its time on purpose; here it is the same with the least that it can. Papers are
    asked for and not made."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(proofs, "_hasher", lambda: quick)
    monkeypatch.setattr(proofs, "_nobody", lambda: NOBODYS)
    monkeypatch.setattr("sscard_service.operations.papers.require_papers", lambda: None)


NOBODYS: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("nobody's")


def test_the_model_knows_every_operation_and_asks_for_it() -> None:
    asked = {*OF_CARDS, *OF_PERSONS, *OF_ECARDS, *OF_MONEY}
    assert LEVELS.keys() == PRODUCT.keys() == {one for one in asked if " " not in one}


@pytest.mark.timeout(0)
def test_whatever_is_asked_the_answer_is_the_one_of_the_tables() -> None:
    machine = CardServicesMachine
    chosen = settings(
        max_examples=max(1, STEPS // LIFE),
        stateful_step_count=LIFE,
        deadline=None,
        database=None,
        derandomize=not SEED,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(SEED)(machine) if SEED else machine, settings=chosen)
    finally:
        done, refused = dict(sorted(machine.done.items())), dict(sorted(machine.refused.items()))
        print(f"{machine.steps} steps; done {sum(done.values())}: {done};"
              f" refused {sum(refused.values())}: {refused}")  # fmt: skip
    channels = {name.rpartition(" ")[2] for name in machine.done}
    assert {"office", "site", "app", "kiosk", "bank", "till"} <= channels
