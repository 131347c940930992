# SPDX-License-Identifier: Apache-2.0
"""Each transaction of deposit and purse on the card: answers, effects, log and proof."""

from __future__ import annotations

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.standard.commands import GET_TRANSACTION_PROVE
from sscard_chip.standard.messages import medical
from tests.bench.account_cards import KnownRandom
from tests.bench.exchange import RefusedError, set_random
from tests.bench.purse import (
    CAPP,
    CASH,
    ED,
    ED_BUY,
    ED_LOAD,
    EP,
    EP_BUY,
    EP_LOAD,
    OVERDRAFT,
    TIME,
    UNLOAD,
    Terminal,
    detail,
)
from tests.bench.purse_cards import ALGORITHMS, COMPOUND, new_card
from tests.bench.reference import purse as reference

DEPOSIT = Purse(balance_fen=10_000, limit_fen=3_000, online_number=5, offline_number=7)
PURSE = Purse(balance_fen=2_000, online_number=1, offline_number=2)


def bench(algorithm: str = "3des", deposit: Purse = DEPOSIT, purse: Purse = PURSE) -> Terminal:
    card = new_card(algorithm, deposit=deposit, purse=purse)
    terminal = Terminal(card.transmit, algorithm)
    terminal.open()
    return terminal


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("kind", "amount", "number", "balance", "other"),
    [
        (ED_LOAD, 500, 5, 10_500, 2_000),
        (EP_LOAD, 500, 1, 10_000, 2_500),
        (UNLOAD, 500, 5, 9_500, 2_000),
        (CASH, 500, 7, 9_500, 2_000),
        (ED_BUY, 500, 7, 9_500, 2_000),
        (EP_BUY, 500, 2, 10_000, 1_500),
        (CAPP, 500, 2, 10_000, 1_500),
        (OVERDRAFT, 0, 5, 9_000, 2_000),
    ],
)
def test_transaction(
    algorithm: str, kind: int, amount: int, number: int, balance: int, other: int
) -> None:
    """Balance, number, log and proof; the terminal here checks MAC1, MAC2, MAC3 and TAC."""
    terminal = bench(algorithm)
    opened = terminal.init(kind, amount)
    assert opened.number == number
    assert (opened.version, opened.algorithm) == (1, reference.ALGORITHM_CODE[algorithm])
    assert opened.limit_fen in (None, 3_000 if kind in (CASH, ED_BUY, OVERDRAFT) else 0)
    if kind == CAPP:
        terminal.ok(terminal.cache(b"\x01\x0812345678"))
    command, expected = terminal.completion(opened, limit=2_000)
    assert terminal.ok(command) == expected
    assert (terminal.balance(ED), terminal.balance(EP)) == (balance, other)
    limit = {OVERDRAFT: 2_000, EP_LOAD: 0, EP_BUY: 0, CAPP: 0}.get(kind, 3_000)
    assert terminal.log() == [detail(kind, number, limit, amount, TIME)]
    assert terminal.proof(kind, number) == terminal.proof_of(command, kind, expected)
    assert terminal.proof(kind, number + 1) is None
    assert terminal.init(kind, amount).number == number + 1


def test_lengths_of_the_answers() -> None:
    terminal = bench()
    lengths = {ED_LOAD: 16, EP_LOAD: 16, UNLOAD: 16, CASH: 15, ED_BUY: 15, EP_BUY: 15, CAPP: 15}
    for kind, length in (lengths | {OVERDRAFT: 19}).items():
        assert len(terminal.ok(terminal.init_command(kind, 1) + bytes((length,)))) == length


def test_deposit_and_purse_count_apart() -> None:
    """Four numbers: on-line and off-line of each."""
    terminal = bench()
    for kind in (ED_LOAD, ED_LOAD, EP_LOAD, ED_BUY, ED_BUY, ED_BUY, EP_BUY, UNLOAD, CASH):
        terminal.do(kind, 1)
    numbers = {kind: terminal.init(kind, 0).number for kind in (ED_LOAD, ED_BUY, EP_LOAD, EP_BUY)}
    assert numbers == {ED_LOAD: 5 + 3, ED_BUY: 7 + 4, EP_LOAD: 2, EP_BUY: 3}


def test_only_the_last_transaction_has_a_proof() -> None:
    terminal = bench()
    first = terminal.do(ED_BUY, 1)
    assert terminal.proof(ED_BUY, first.number)
    second = terminal.do(EP_BUY, 1)
    assert terminal.proof(ED_BUY, first.number) is None
    assert terminal.proof(EP_BUY, second.number)
    assert terminal.proof(CAPP, second.number) is None


def test_card_without_a_transaction_has_no_proof() -> None:
    terminal = bench()
    assert [terminal.proof(kind, 0) for kind in (ED_LOAD, EP_BUY, OVERDRAFT)] == [None] * 3


def test_log_keeps_the_last_ten() -> None:
    terminal = bench()
    for amount in range(1, 13):
        terminal.do(EP_BUY, amount)
    assert [int.from_bytes(record[5:9]) for record in terminal.log()] == list(range(12, 2, -1))


# --- overdraft ------------------------------------------------------------------------------------


def test_overdraft_limit_is_in_the_balance() -> None:
    """What the limit lends can be spent and drawn, not unloaded."""
    terminal = bench(deposit=Purse(balance_fen=0))
    terminal.do(OVERDRAFT, limit=1_000)
    assert terminal.balance(ED) == 1_000
    assert terminal.sw(terminal.init_command(UNLOAD, 1)) == 0x9401
    terminal.do(ED_BUY, 600)
    terminal.do(CASH, 100)
    assert terminal.sw(terminal.init_command(ED_BUY, 301)) == 0x9401
    terminal.do(ED_LOAD, 900)
    assert terminal.balance(ED) == 1_200
    assert terminal.sw(terminal.init_command(UNLOAD, 201)) == 0x9401
    terminal.do(UNLOAD, 200)


def test_overdraft_limit_may_not_fall_below_what_is_used() -> None:
    terminal = bench(deposit=Purse(balance_fen=100, limit_fen=1_000))
    opened = terminal.init(OVERDRAFT)
    command, _ = terminal.completion(opened, limit=899)
    assert terminal.sw(command) == 0x9401
    assert terminal.balance(ED) == 100
    terminal.do(OVERDRAFT, limit=900)
    assert terminal.balance(ED) == 0


def test_overdraft_limit_may_not_overflow_the_balance() -> None:
    terminal = bench(deposit=Purse(balance_fen=0xFFFFFFFF))
    command, _ = terminal.completion(terminal.init(OVERDRAFT), limit=0)
    assert terminal.sw(command) == 0x9000
    command, _ = terminal.completion(terminal.init(OVERDRAFT), limit=1)
    assert terminal.sw(command) == 0x9401


# --- compound purchase ----------------------------------------------------------------------------


def test_compound_purchase_writes_everything_at_once() -> None:
    terminal = bench()
    before = [terminal.compound(tag) for tag, _ in COMPOUND]
    opened = terminal.init(CAPP, 100)
    records = [bytes((tag, len(value))) + b"\x5a" * len(value) for tag, value in COMPOUND]
    for record in records:
        terminal.ok(terminal.cache(record))
    command, expected = terminal.completion(opened)
    card_state = terminal.compound(1)  # ends the transaction, and nothing was written
    assert [terminal.compound(tag) for tag, _ in COMPOUND] == before
    assert card_state == before[1]
    assert terminal.sw(command) == 0x6985
    opened = terminal.init(CAPP, 100)
    for record in records:
        terminal.ok(terminal.cache(record))
    command, expected = terminal.completion(opened)
    assert terminal.ok(command) == expected
    assert [terminal.compound(tag) for tag, _ in COMPOUND] == [record[2:] for record in records]
    assert terminal.balance(EP) == 1_900


def test_same_record_again_takes_the_place() -> None:
    terminal = bench()
    opened = terminal.init(CAPP, 0)
    terminal.ok(terminal.cache(b"\x01\x08AAAAAAAA"))
    terminal.ok(terminal.cache(b"\x01\x08BBBBBBBB"))
    terminal.complete(opened)
    assert terminal.compound(1) == b"BBBBBBBB"


def test_compound_record_by_number() -> None:
    terminal = bench()
    opened = terminal.init(CAPP, 0)
    terminal.ok(b"\x80\xdc\x02\xcc\x0a\x01\x08CCCCCCCC")
    terminal.complete(opened)
    assert terminal.compound(1) == b"CCCCCCCC"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_compound_record_with_a_mac(algorithm: str) -> None:
    """CLA 84; the random of INITIALIZE stands for the challenge."""
    terminal = bench(algorithm)
    for wrong in (True, False):
        opened = terminal.init(CAPP, 0)
        head = b"\x84\xdc\x01\xc8\x0e\x01\x08DDDDDDDD"
        key = terminal.key("PURSE_DAMK")
        mac = reference.command_mac(algorithm, key, opened.random, head)
        if wrong:
            assert terminal.sw(head + bytes((mac[0] ^ 1,)) + mac[1:]) == 0x6988
            continue
        terminal.ok(head + mac)
        terminal.complete(opened)
    assert terminal.compound(1) == b"DDDDDDDD"


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("80DC01C80A0108", 0x6700),  # Lc is wrong
        ("80DC01C80A" + "0108" + "11" * 8 + "00", 0x9000),  # Le is allowed
        ("80DC01C809" + "0108" + "11" * 7, 0x6A85),
        ("80DC01C80B" + "0109" + "11" * 9, 0x6700),  # a record keeps its length
        ("80DC02C80A" + "0108" + "11" * 8, 0x6A83),  # no record 02
        ("80DC03CC0A" + "0108" + "11" * 8, 0x6A83),  # no third record
        ("80DC02CC0A" + "0208" + "11" * 8, 0x6A80),  # record 2 is 01
        ("80DC01CA0A" + "0108" + "11" * 8, 0x6A86),  # neither by identifier nor by number
        ("80DC01A80A" + "0108" + "11" * 8, 0x6981),  # 0015 is transparent
        ("80DC00C017" + "11" * 23, 0x6982),  # nobody writes the log
        ("80DC01F80A" + "0108" + "11" * 8, 0x6A82),  # no such SFI
        ("80DC01000A" + "0108" + "11" * 8, 0x6986),  # no current EF
        ("84DC01C803010811", 0x6987),
        ("84DC01C80E" + "0108" + "11" * 12, 0x6988),
        ("80DC01C800", 0x6700),
    ],
)
def test_compound_record_that_does_not_fit(command: str, sw: int) -> None:
    terminal = bench()
    opened = terminal.init(CAPP, 100)
    assert terminal.sw(command) == sw
    debit, _ = terminal.completion(opened)
    assert terminal.sw(debit) == (0x9000 if sw == 0x9000 else 0x6985)


def test_compound_record_needs_its_initialize() -> None:
    terminal = bench()
    assert terminal.sw(terminal.cache(b"\x01\x08AAAAAAAA")) == 0x6985
    terminal.init(EP_BUY, 1)
    assert terminal.sw(terminal.cache(b"\x01\x08AAAAAAAA")) == 0x6985


def test_compound_debit_needs_its_record() -> None:
    terminal = bench()
    command, _ = terminal.completion(terminal.init(CAPP, 100))
    assert terminal.sw(command) == 0x6985
    assert terminal.balance(EP) == 2_000


# --- the card keeps nothing -----------------------------------------------------------------------


def test_state_survives_power_and_image() -> None:
    terminal = bench()
    made = terminal.do(ED_BUY, 100)
    card = new_card(deposit=DEPOSIT, purse=PURSE)
    first = Terminal(card.transmit, "3des")
    first.open()
    set_random(card, KnownRandom(made.random))
    first.do(ED_BUY, 100)
    proof = first.proof(ED_BUY, made.number)
    copy = Card(card.image())
    copy.power_on()
    second = Terminal(copy.transmit, "3des")
    second.open()
    assert second.proof(ED_BUY, made.number) == proof
    assert second.log() == first.log()
    assert second.balance(ED) == 9_900


def test_6c_asks_for_the_same_command_again() -> None:
    """A too small Le leaves an open transaction as it was."""
    terminal = bench()
    command = terminal.init_command(EP_BUY, 100)
    assert terminal.send(command + b"\x0e") == (b"", 0x6C0F)
    opened = terminal.init(EP_BUY, 100)
    debit, expected = terminal.completion(opened)
    assert terminal.send(debit + b"\x04") == (b"", 0x6C08)
    assert terminal.balance(EP) == 2_000
    with pytest.raises(RefusedError, match="6985"):  # GET BALANCE came between
        terminal.ok(debit)
    opened = terminal.init(EP_BUY, 100)
    debit, expected = terminal.completion(opened)
    assert terminal.send(debit + b"\x04") == (b"", 0x6C08)
    assert terminal.ok(debit + b"\x08") == expected


@pytest.mark.parametrize("kind", [ED_LOAD, EP_LOAD, ED_BUY, EP_BUY, CAPP, UNLOAD, CASH, OVERDRAFT])
def test_a_transaction_is_proven_by_the_number_of_init_plus_1(kind: int) -> None:
    """As gates ask for it: the stored number plus 1, or the number of a new INITIALIZE."""
    terminal = bench()
    number = terminal.do(kind, 1).number

    def asked(of: int, number: int) -> bytes:
        return GET_TRANSACTION_PROVE.apdu(p2=of, data=medical.PROOF.build({"number": number}))

    assert terminal.sw(asked(kind, number)) == 0x9406
    assert terminal.sw(asked(kind, number + 1)) == 0x9000
    for other in {1, 2, 3, 4, 5, 6, 7, 9} - {kind}:  # by its own type alone
        assert terminal.sw(asked(other, number + 1)) == 0x9406, other
    following = terminal.init(kind, 1).number
    assert following == number + 1
    assert terminal.sw(asked(kind, following)) == 0x9000
