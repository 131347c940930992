# SPDX-License-Identifier: Apache-2.0
"""Every refusal of the transactions: the status word, its order, and that nothing has changed."""

from __future__ import annotations

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from tests.bench.purse import (
    CAPP,
    CASH,
    DEBITS,
    ED,
    ED_BUY,
    ED_LOAD,
    EP,
    EP_BUY,
    EP_LOAD,
    INITS,
    OVERDRAFT,
    UNLOAD,
    Terminal,
)
from tests.bench.purse_cards import new_card

KINDS = tuple(INITS)
NEED_PIN = (ED_LOAD, EP_LOAD, ED_BUY, CASH, UNLOAD, OVERDRAFT)
MOST, LAST = 0xFFFFFFFF, 0xFFFF
STATE = Purse(balance_fen=1_000, online_number=3, offline_number=4)


class Bench(Terminal):
    """A terminal that sees the card's memory."""

    def __init__(self, *, pin: bool = True, deposit: Purse = STATE, purse: Purse = STATE) -> None:
        self.card = new_card(deposit=deposit, purse=purse)
        super().__init__(self.card.transmit, "3des")
        self.open("123456" if pin else "")

    @property
    def memory(self) -> Memory:
        return self.card._memory

    def refused(self, command: bytes | str, sw: int) -> None:
        """The command gets ``sw`` and changes nothing."""
        before = bytes(self.memory.cells)
        assert self.sw(command) == sw
        assert self.memory.cells == before
        assert not self.memory.staged


def name(kind: int) -> str:
    return f"type {kind:02X}"


# --- INITIALIZE -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_pin_gates(kind: int) -> None:
    bench = Bench(pin=False)
    if kind in NEED_PIN:
        bench.refused(bench.init_command(kind, 1), 0x6982)
    else:
        assert bench.init(kind, 1).balance_fen == 1_000


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_key_index(kind: int) -> None:
    bench = Bench()
    for index in (0, 2, 0x81, 0xFF):
        bench.refused(bench.init_command(kind, 1, index), 0x9403)


@pytest.mark.parametrize("kind", [CASH, ED_BUY, EP_BUY, CAPP, UNLOAD], ids=name)
def test_amount_above_the_balance(kind: int) -> None:
    bench = Bench()
    bench.refused(bench.init_command(kind, 1_001), 0x9401)
    bench.do(kind, 1_000)
    bench.refused(bench.init_command(kind, 1), 0x9401)
    bench.do(kind, 0)


@pytest.mark.parametrize("kind", [ED_LOAD, EP_LOAD], ids=name)
def test_load_above_four_bytes(kind: int) -> None:
    bench = Bench()
    bench.refused(bench.init_command(kind, MOST - 999), 0x9401)
    bench.do(kind, MOST - 1_000)
    bench.refused(bench.init_command(kind, 1), 0x9401)


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_number_at_its_end(kind: int) -> None:
    debit = kind in DEBITS
    state = Purse(
        balance_fen=10,
        online_number=0 if debit else LAST - 1,
        offline_number=LAST - 1 if debit else 0,
    )
    bench = Bench(deposit=state, purse=state)
    assert bench.do(kind, 1).number == LAST - 1
    bench.refused(bench.init_command(kind, 1), 0x9402)
    other = EP_LOAD if debit else EP_BUY
    assert bench.init(other, 1).number in (0, 1)


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_grey_lock(kind: int) -> None:
    locked = STATE._replace(grey_locked=True)
    on_purse = kind in (EP_LOAD, EP_BUY, CAPP)
    bench = Bench(deposit=STATE if on_purse else locked, purse=locked if on_purse else STATE)
    bench.refused(bench.init_command(kind, 1), 0x9408)
    bench.do(ED_BUY if on_purse else EP_BUY, 1)


def test_order_of_the_checks() -> None:
    """PIN, key index, grey lock, amount, number."""
    locked = Purse(balance_fen=0, offline_number=LAST, grey_locked=True)
    bench = Bench(pin=False, deposit=locked)
    bench.refused(bench.init_command(ED_BUY, 1, 9), 0x6982)
    assert bench.verify() == 0x9000
    bench.refused(bench.init_command(ED_BUY, 1, 9), 0x9403)
    bench.refused(bench.init_command(ED_BUY, 1), 0x9408)
    bench = Bench(deposit=locked._replace(grey_locked=False))
    bench.refused(bench.init_command(ED_BUY, 1), 0x9401)
    bench.refused(bench.init_command(ED_BUY, 0), 0x9402)


@pytest.mark.parametrize(
    "parameters", ["0000", "0003", "0100", "0103", "0202", "0301", "0402", "0502", "0601", "FF01"]
)
def test_unknown_transactions(parameters: str) -> None:
    bench = Bench()
    bench.refused("8050" + parameters + "0B" + "01" + "00000001" + "11" * 6, 0x6A86)


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_lengths_of_initialize(kind: int) -> None:
    bench = Bench()
    command = bench.init_command(kind, 1)
    for wrong in (command[5:-1], command[5:] + b"\0"):
        bench.refused(command[:4] + bytes((len(wrong),)) + wrong, 0x6700)
    bench.refused(command[:4], 0x6700)


# --- continuations --------------------------------------------------------------------------------


def completion(kind: int) -> str:
    """Some completion of that form, its MAC wrong."""
    if kind in DEBITS:
        return "805401000F" + "00000001" + "20240315101112" + "00" * 4
    if kind == UNLOAD:
        return "805403000B" + "20240315101112" + "00" * 4
    if kind == OVERDRAFT:
        return "805800000E" + "000000" + "20240315101112" + "00" * 4
    return "805200000B" + "20240315101112" + "00" * 4


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_continuation_without_initialize(kind: int) -> None:
    bench = Bench()
    bench.refused(completion(kind), 0x6985)
    bench.do(kind, 1)
    bench.refused(completion(kind), 0x6985)


FORMS = {"debit": EP_BUY, "load": EP_LOAD, "unload": UNLOAD, "overdraft": OVERDRAFT}


@pytest.mark.parametrize("opened", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("sent", FORMS.values(), ids=FORMS)
def test_continuation_of_another_transaction(opened: int, sent: int) -> None:
    """It is refused, and ends the one that was open."""
    if opened == sent:
        return
    bench = Bench()
    command, _ = bench.completion(bench.init(opened, 1))
    bench.refused(completion(sent), 0x6985)
    bench.refused(command, 0x6985)


@pytest.mark.parametrize("kind", KINDS, ids=name)
@pytest.mark.parametrize(
    "between",
    ["0084000004", "805C000204", "805A0006020000", "00B0950000", "0020000003123456", "00A4020002"
     "0015", "00FF000000", "80EE0000", "00B201C417", "0088000108" + "11" * 8],
)  # fmt: skip
def test_anything_between_ends_a_transaction(kind: int, between: str) -> None:
    bench = Bench()
    opened = bench.init(kind, 1)
    if kind == CAPP:
        bench.ok(bench.cache(b"\x01\x0811111111"))
    command, _ = bench.completion(opened)
    bench.send(between)
    bench.refused(command, 0x6985)


def test_second_initialize_takes_the_place_of_the_first() -> None:
    bench = Bench()
    first, _ = bench.completion(bench.init(EP_BUY, 1))
    second, expected = bench.completion(bench.init(EP_BUY, 2))
    assert bench.ok(second) == expected
    bench.refused(first, 0x6985)
    assert bench.balance(EP) == 998


def test_refused_initialize_ends_the_open_transaction() -> None:
    bench = Bench()
    command, _ = bench.completion(bench.init(EP_BUY, 1))
    bench.refused(bench.init_command(EP_BUY, 5_000), 0x9401)
    bench.refused(command, 0x6985)


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_reset_ends_a_transaction(kind: int) -> None:
    bench = Bench()
    command, _ = bench.completion(bench.init(kind, 1))
    bench.card.reset()
    bench.open()
    bench.refused(command, 0x6985)


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_time_that_is_no_bcd(kind: int) -> None:
    bench = Bench()
    opened = bench.init(kind, 1)
    if kind == CAPP:
        bench.ok(bench.cache(b"\x01\x0811111111"))
    command, _ = bench.completion(opened, "2024031510111A")
    bench.refused(command, 0x6A80)


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_lengths_of_the_continuation(kind: int) -> None:
    bench = Bench()
    command = bytes.fromhex(completion(kind))
    for wrong in (command[5:-1], command[5:] + b"\0"):
        bench.init(kind, 1)
        bench.refused(command[:4] + bytes((len(wrong),)) + wrong, 0x6700)


@pytest.mark.parametrize("command", ["80540000", "80540101", "80540301", "80520100", "80580001"])
def test_parameters_of_the_continuation(command: str) -> None:
    bench = Bench()
    data = "11" * 15
    bench.refused(command + "0F" + data, 0x6A86)


# --- the wrong MAC and what it costs --------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_wrong_mac_changes_a_counter_alone(kind: int) -> None:
    bench = Bench()
    opened = bench.init(kind, 1)
    if kind == CAPP:
        bench.ok(bench.cache(b"\x01\x0811111111"))
    right, _ = bench.completion(opened)
    before = bytes(bench.memory.cells)
    assert bench.sw(right[:-1] + bytes((right[-1] ^ 1,))) == 0x9302
    changed = [at for at, byte in enumerate(bench.memory.cells) if byte != before[at]]
    assert len(changed) == 1
    assert (before[changed[0]], bench.memory.cells[changed[0]]) == (15, 14)
    bench.refused(right, 0x6985)
    bench.do(kind, 1)
    assert bench.memory.cells[changed[0]] == 15  # a right one gives all tries back


def wrong_mac(bench: Bench, kind: int) -> int:
    right, _ = bench.completion(bench.init(kind, 0))
    return bench.sw(right[:-1] + bytes((right[-1] ^ 1,)))


@pytest.mark.parametrize("kind", [EP_BUY, EP_LOAD, UNLOAD, OVERDRAFT], ids=name)
def test_last_wrong_mac_locks_the_application(kind: int) -> None:
    bench = Bench()
    assert [wrong_mac(bench, kind) for _ in range(15)] == [0x9302] * 15
    for command in ("805C000204", "0084000004", bench.init_command(kind, 0).hex()):
        bench.refused(command, 0x9303)
    bench.refused("00A4040009A00000000386980701", 0x9303)
    bench.card.reset()
    bench.refused("00A4040009A00000000386980701", 0x9303)
    assert bench.sw("0084000008") == 0x9000  # the social security part goes on


def test_tries_are_counted_by_key() -> None:
    bench = Bench()
    assert [wrong_mac(bench, EP_BUY) for _ in range(14)] == [0x9302] * 14
    assert [wrong_mac(bench, EP_LOAD) for _ in range(14)] == [0x9302] * 14
    bench.do(EP_BUY, 0)
    assert [wrong_mac(bench, EP_BUY) for _ in range(14)] == [0x9302] * 14
    assert wrong_mac(bench, EP_LOAD) == 0x9302
    bench.refused("805C000204", 0x9303)


# --- queries --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("805C000004", 0x6A86), ("805C000304", 0x6A86), ("805C010204", 0x6A86),
        ("805C00020100", 0x6700), ("805C000203", 0x6C04),
        ("805A0000020000", 0x6A86), ("805A0008020000", 0x6A86), ("805A000A020000", 0x6A86),
        ("805A0106020000", 0x6A86), ("805A00060100", 0x6700), ("805A000603000000", 0x6700),
        ("805A0006020004", 0x9406), ("805A0001020003", 0x9406),
    ],
)  # fmt: skip
def test_queries(command: str, sw: int) -> None:
    Bench().refused(command, sw)


def test_balance_of_the_deposit_needs_the_pin() -> None:
    bench = Bench(pin=False)
    bench.refused("805C000104", 0x6982)
    assert bench.balance(EP) == 1_000
    assert bench.verify() == 0x9000
    assert bench.balance(ED) == 1_000


def test_failed_medium_gives_no_proof() -> None:
    """The medium may have a transaction that the card does not show: 9406 would be a lie."""

    class Failed:
        failed = True

        def append(self, writes: object) -> None:
            raise AssertionError

        def close(self) -> None:
            """Nothing to release."""

    card: Card = new_card()
    card._memory.log = Failed()
    terminal = Terminal(card.transmit, "3des")
    terminal.select()
    assert terminal.sw("805A0006020000") == 0x6581
