# SPDX-License-Identifier: Apache-2.0
"""The plan: a grown card is the patched one, byte for byte; broken off, it is taken up again."""

from __future__ import annotations

import logging
import random

import pytest

from issuance.plan import ChallengeUse, Phase, Plan, PlanError, make_plan, run_plan
from sscard_chip.card import Card
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import CardMemoryError, Durability, Memory, create_image
from sscard_chip.memory.image import open_medium
from sscard_chip.memory.store import Write
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.profile.blank import make_blank
from sscard_chip.reader.interface import ContactInterface, ContactlessInterface
from tests.bench.blank import HISTORICAL, TEMPORARY, TRANSPORT
from tests.blank.plans import CARDS, blank_for, card_data, comparable, data_for, patched, plan_of
from tests.memory.medium import RamMedium
from tests.vectors.cards import SCRIPTS, card_image, play


def memory_of(card: Card) -> Memory:
    return card.files.memory


@pytest.mark.parametrize("account", [False, True])
@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_a_grown_card_is_the_patched_one(generation: int, algorithm: str, account: bool) -> None:
    data = card_data(generation, algorithm, account=account)
    card = blank_for(data)
    plan = plan_of(data)
    assert run_plan(plan, ContactInterface(card)) == len(plan.steps)
    assert comparable(memory_of(card)) == patched(data)
    assert card.power_on()[4:] == data.historical_bytes


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_with_the_files_of_a_region(generation: int) -> None:
    algorithm = "sm4" if generation == 3 else "3des"
    data = card_data(generation, algorithm, local=True)
    card = blank_for(data)
    run_plan(plan_of(data), ContactInterface(card))
    assert comparable(memory_of(card)) == patched(data)


@pytest.mark.parametrize(
    ("generation", "algorithm", "mode"),
    [
        (generation, algorithm, mode)
        for generation, algorithm in CARDS
        for mode in SettlementMode
        if generation > 1 or mode is not SettlementMode.TEMPORARY_OFFLINE
    ],
)
def test_all_files_and_settlement_modes(
    generation: int, algorithm: str, mode: SettlementMode
) -> None:
    optional = (0xDF05, 0xDF06) if generation > 1 else ()
    profile = for_generation(generation, optional=optional, settlement_mode=mode)
    data = data_for(profile, algorithm)
    card = blank_for(data)
    run_plan(plan_of(data), ContactInterface(card))
    assert comparable(memory_of(card)) == patched(data)


@pytest.mark.parametrize("interface", [ContactInterface, ContactlessInterface])
@pytest.mark.parametrize("transport_algorithm", ["3des", "sm4"])
def test_interfaces_and_transport_keys(
    interface: type[ContactInterface], transport_algorithm: str
) -> None:
    data = card_data(3, "sm4")
    blank = make_blank(TRANSPORT, algorithm=transport_algorithm, contactless=True)
    plan = make_plan(
        data,
        transport_key=TRANSPORT,
        transport_algorithm=transport_algorithm,
        temporary_key=TEMPORARY,
    )
    run_plan(plan, interface(Card(blank)))
    assert comparable(blank) == patched(data)


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_a_grown_card_serves_the_programs_of_the_field(generation: int) -> None:
    algorithm = "sm4" if generation == 3 else "3des"
    grown: dict[bool, Memory] = {}
    for local in (False, True):
        data = card_data(generation, algorithm, local=local)
        card = blank_for(data)
        run_plan(plan_of(data), ContactInterface(card))
        grown[local] = memory_of(card)
    for script in SCRIPTS.values():
        local = script.requires == "local files"
        issued = FileSystem(card_image(generation, script))
        assert [d.fid for d in FileSystem(grown[local]).directories] == [
            d.fid for d in issued.directories
        ]
        result = play(script, ContactInterface(Card(grown[local].copy())), generation)
        assert result.passed, result.report()


# --- broken off ----------------------------------------------------------------------------------


class Power:
    """A log that takes so many commits and no more: then the power is gone."""

    def __init__(self, commits: int) -> None:
        self.failed = False
        self.left = commits

    def append(self, writes: list[Write]) -> None:
        if not self.left:
            raise CardMemoryError("no power")
        self.left -= 1

    def close(self) -> None:
        """There is nothing to release."""


def commits_of(plan: Plan, card: Card) -> int:
    many = 1_000_000
    power = Power(many)
    memory_of(card).log = power  # type: ignore[assignment]
    run_plan(plan, ContactInterface(card))
    return many - power.left


@pytest.mark.parametrize(("generation", "algorithm"), [(1, "3des"), (3, "sm4")])
def test_power_cut_at_each_step(generation: int, algorithm: str) -> None:
    """After any commit the card can be taken up again. All near the ends, a sample between."""
    data = card_data(generation, algorithm)
    plan, want = plan_of(data), patched(data)
    total = commits_of(plan, blank_for(data))
    assert total > 250
    cuts = {*range(8), *range(total - 3, total)}
    cuts |= set(random.Random(generation).sample(range(total), 14))
    for cut in sorted(cuts):
        card = blank_for(data)
        memory = memory_of(card)
        memory.log = Power(cut)  # type: ignore[assignment]
        with pytest.raises(PlanError, match="6581"):
            run_plan(plan, ContactInterface(card))
        again = memory.copy()  # what is on the medium
        run_plan(plan, ContactInterface(Card(again)))
        assert comparable(again) == want, cut


def test_power_cuts_around_the_freeze() -> None:
    """The last master keys and the freeze: the card has its own keys and is not yet frozen."""
    data = card_data(1, "3des")
    plan = plan_of(data)
    at = next(n for n, step in enumerate(plan.steps) if step.name == "MF: freeze")
    first = next(n for n, step in enumerate(plan.steps) if step.phase is Phase.MASTER_KEYS)
    for end in (*range(first, at + 2), at + 20):
        card = blank_for(data)
        part = Plan(1, "3des", plan.historical_bytes, plan.steps[:end], plan.keys)
        if end <= at:
            with pytest.raises(PlanError, match="not in its working state"):
                run_plan(part, ContactInterface(card))
        else:
            run_plan(part, ContactInterface(card))
        run_plan(plan, ContactInterface(card))
        assert comparable(memory_of(card)) == patched(data), end


def test_on_an_image_with_a_journal() -> None:
    """Commits through the journal of an image; the image alone is enough to go on."""
    data = card_data(2, "3des")
    plan = plan_of(data)
    medium = RamMedium(create_image(memory_of(blank_for(data))))
    half = Plan(2, "3des", plan.historical_bytes, plan.steps[: len(plan.steps) // 2], plan.keys)
    with pytest.raises(PlanError):
        run_plan(half, ContactInterface(Card(open_medium(medium, Durability.OS))))
    memory = open_medium(RamMedium(bytes(medium.content)), Durability.OS)
    run_plan(plan, ContactInterface(Card(memory)))
    assert comparable(memory) == patched(data)


def test_a_finished_card_is_not_changed_by_playing_it_again() -> None:
    data = card_data(2, "3des")
    card, plan = blank_for(data), plan_of(data)
    run_plan(plan, ContactInterface(card))
    before = bytes(memory_of(card).cells)
    assert 0 < run_plan(plan, ContactInterface(card)) < len(plan.steps)
    assert memory_of(card).cells == before


# --- refusals ------------------------------------------------------------------------------------


def test_a_wrong_transport_key_is_tried_once() -> None:
    data = card_data(1, "3des")
    card = blank_for(data)
    with pytest.raises(PlanError, match="the transport key is refused, 2 tries are left"):
        run_plan(plan_of(data, TEMPORARY), ContactInterface(card))
    run_plan(plan_of(data), ContactInterface(card))
    assert comparable(memory_of(card)) == patched(data)


def test_a_card_that_was_begun_with_other_keys() -> None:
    data = card_data(1, "3des")
    card, plan = blank_for(data), plan_of(data)
    part = Plan(1, "3des", plan.historical_bytes, plan.steps[:50], plan.keys)
    with pytest.raises(PlanError):
        run_plan(part, ContactInterface(card))
    other = make_plan(data, transport_key=TRANSPORT, temporary_key=TEMPORARY)
    with pytest.raises(PlanError, match="begun with other keys: 63C1"):
        run_plan(other, ContactInterface(card))


def test_somebody_elses_card() -> None:
    data = card_data(1, "3des")
    card, plan = blank_for(data), plan_of(data)
    run_plan(plan, ContactInterface(card))
    other = Plan(1, "3des", HISTORICAL, plan.steps, plan.keys)
    with pytest.raises(PlanError, match="frozen and has another ATR"):
        run_plan(other, ContactInterface(card))


def test_a_wrong_key_is_found_by_the_check() -> None:
    data = card_data(1, "3des")
    plan = plan_of(data)
    name = next(step.key for step in reversed(plan.steps) if step.proof is ChallengeUse.SESSION)
    keys = dict(plan.keys)
    steps = tuple(step for step in plan.steps if step.secret != name)
    card = blank_for(data)
    with pytest.raises(PlanError, match=f"{name}: authenticate: 6A88"):
        run_plan(Plan(1, "3des", plan.historical_bytes, steps, keys), ContactInterface(card))


@pytest.mark.parametrize("length", [0, 8, 15, 24])
def test_lengths_of_keys(length: int) -> None:
    data = card_data(1, "3des")
    with pytest.raises(ValueError, match="16 bytes"):
        make_plan(data, transport_key=TRANSPORT, temporary_key=bytes(length) or b"\0")
    with pytest.raises(ValueError, match="16 bytes"):
        make_plan(data, transport_key=bytes(length), temporary_key=TEMPORARY)
    with pytest.raises(ValueError, match="16 bytes"):
        make_blank(bytes(length))


def test_progress_and_nothing_secret_in_words(caplog: pytest.LogCaptureFixture) -> None:
    data = card_data(2, "3des")
    plan = plan_of(data)
    seen: list[tuple[int, int, str]] = []
    with caplog.at_level(logging.DEBUG):
        run_plan(plan, ContactInterface(blank_for(data)), lambda *news: seen.append(news))
    assert [done for done, _, _ in seen] == list(range(len(plan.steps)))
    words = caplog.text + repr(plan) + repr(plan.steps) + repr(seen) + repr(plan.keys)
    for key in plan.keys.values():
        assert key.secret.hex() not in words.lower()
        assert repr(key.secret) not in words
