# SPDX-License-Identifier: Apache-2.0
"""The power goes at every write of a long script: the state before or the state after, never a
third."""

from __future__ import annotations

import random
from functools import cache

import pytest

from sscard_chip.card import Card
from sscard_chip.memory import Durability, Memory, create_image
from sscard_chip.memory.image import open_medium
from sscard_chip.standard.commands import SELECT
from tests.bench.account import DF04, LOAD, PURCHASE, SSSE, Terminal
from tests.bench.account_cards import ALGORITHMS
from tests.memory.medium import Done, RamMedium, RecordingMedium
from tests.memory.runs import JOURNAL_SIZE, LASTING, Run, check_every_cut, recover
from tests.memory.script import run_script

run = cache(run_script)


def test_script_writes_enough_to_be_worth_cutting() -> None:
    done = run("3des", Durability.DISK)
    assert done.writing >= 35
    # A commit is one write and one sync; the rest are the compactions, four each.
    assert done.medium.events - 2 * done.writing >= 4 * 5
    assert len(done.transactions) == 14


@pytest.mark.parametrize("durability", LASTING)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_cut_leaves_the_state_before_or_after(algorithm: str, durability: Durability) -> None:
    check_every_cut(run(algorithm, durability))


@pytest.mark.parametrize("durability", LASTING)
def test_recovered_memory_goes_on_and_survives_another_cut(durability: Durability) -> None:
    done = run("sm4", durability)
    rng = random.Random(2)
    for cut in done.medium.cuts(rng):
        medium = RecordingMedium(cut.content, volatile=durability is Durability.DISK)
        memory = open_medium(medium, durability)
        states = [bytes(memory.cells)]
        for number in range(1, 5):
            medium.command = number
            at = rng.randrange(len(memory.cells) - 130)
            memory.write(at, rng.randbytes(rng.randrange(1, 130)))
            memory.write(at // 2, b"end")
            memory.commit()
            states.append(bytes(memory.cells))
        assert bytes(recover(bytes(medium.content)).cells) == states[-1]
        for second in medium.cuts(rng, share=0.1):
            state = bytes(recover(second.content).cells)
            # Command 0 is the recovery itself: its writes change nothing.
            assert state in states[max(second.command - 1, 0) : second.command + 1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_doubtful_transaction_is_decided_by_its_proof(algorithm: str) -> None:
    """9406: nothing has changed. A proof: it is that of the answer, and the account shows it."""
    done = run(algorithm, Durability.DISK)
    decided = set()
    for cut in done.medium.cuts(random.Random(3)):
        transaction = done.transactions.get(cut.command)
        if transaction is None:
            continue
        card = Card(recover(cut.content))
        card.power_on()
        terminal = Terminal(card.transmit, algorithm)
        terminal.open_account()
        proof = terminal.proof(transaction.kind, transaction.number)
        state = bytes(card._memory.cells)
        before, after = done.states[cut.command : cut.command + 2]
        if proof is None:
            assert state == before
        else:
            assert state == after
            # A proof is MAC2 || TAC, the answer to DEBIT is TAC || MAC2, that to CREDIT the TAC.
            assert proof[4:] == transaction.answer[:4]
            assert transaction.kind == LOAD or proof[:4] == transaction.answer[4:]
            record = terminal.log()[0]
            assert (record[:2], record[2]) == (
                transaction.number.to_bytes(2),
                transaction.kind,
            )
        decided.add((transaction.kind, proof is None))
        _go_on(terminal, transaction.number + (proof is not None), transaction.kind)
    assert decided == {(kind, there) for kind in (LOAD, PURCHASE) for there in (False, True)}


def _go_on(terminal: Terminal, number: int, kind: int) -> None:
    """The next transaction of that kind has the next number and goes through."""
    balance = terminal.balance()
    if kind == PURCHASE:
        assert terminal.buy(1).number == number
        assert terminal.balance() == balance - 1
    else:
        assert terminal.allocate(1).number == number
        assert terminal.balance() == balance + 1
    assert terminal.proof(kind, number) is not None


def test_script_goes_on_where_a_cut_stopped_it() -> None:
    """What the terminal does after power-on, for a card that was cut in the middle of a day."""
    done = run("3des", Durability.DISK)
    for cut in done.medium.cuts(random.Random(4), share=0.05):
        card = Card(recover(cut.content))
        card.power_on()
        terminal = Terminal(card.transmit, "3des")
        blocked = card._memory.cells[0] == 0x0D
        if blocked:
            assert terminal.sw("0084000008") == 0x6A81
            continue
        terminal.select_name(SSSE)
        assert terminal.authenticate(0x04, "UKSSSE") == 0x9000
        terminal.ok("00D6880004 01020304")
        assert terminal.sw(SELECT.apdu(0x04, data=DF04)) in (0x9000, 0x9303)


def _swing(memory: Memory, rng: random.Random) -> None:
    for _ in range(5):
        memory.write(rng.randrange(len(memory.cells) - 50), rng.randbytes(50))
        memory.commit()


def test_cut_while_a_card_in_memory_is_closed() -> None:
    """Durability.MEMORY writes at the end alone: the card as it was opened, or as it was left."""
    rng = random.Random(5)
    first = Memory(bytearray(rng.randbytes(3_000)))
    base = RamMedium(create_image(first, journal_size=JOURNAL_SIZE))
    for _ in range(4):  # with the newer slot A and B, with commits behind it and without
        before = recover(bytes(base.content))
        medium = RecordingMedium(bytes(base.content), volatile=True)
        memory = open_medium(medium, Durability.MEMORY)
        _swing(memory, rng)
        assert medium.events == 0
        memory.close()
        found = set()
        for cut in medium.cuts(rng):
            recovered = recover(cut.content)
            assert bytes(recovered.cells) in (bytes(before.cells), bytes(memory.cells))
            found.add(bytes(recovered.cells) == bytes(memory.cells))
        assert found == {False, True}
        assert bytes(recover(bytes(medium.content)).cells) == bytes(memory.cells)
        base = medium
        going_on = open_medium(base, Durability.OS)
        _swing(going_on, rng)


def test_second_half_of_a_write_may_come_first() -> None:
    """A disk may write the later sector first: one whole copy of the record is proof enough."""
    memory = Memory(bytearray(2_000))
    medium = RecordingMedium(create_image(memory), volatile=True)
    opened = open_medium(medium, Durability.DISK)
    opened.write(100, b"debit")
    opened.commit()
    last_half = next(cut for cut in medium.cuts(random.Random(6)) if cut.done is Done.LAST_HALF)
    recovered = RamMedium(last_half.content)
    assert bytes(open_medium(recovered, Durability.OS).cells) == bytes(opened.cells)
    assert recovered.content == medium.content  # the other copy is restored


def test_run_is_the_same_on_both_durabilities() -> None:
    """The journal is written alike; only the syncs differ."""

    def writes(done: Run) -> int:
        return sum(bool(event.data) for event in done.medium._events)

    assert writes(run("3des", Durability.OS)) == writes(run("3des", Durability.DISK))
