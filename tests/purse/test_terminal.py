# SPDX-License-Identifier: Apache-2.0
"""Terminal, PSAM and host against the card: whole transactions, over T=0 and without contacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.profile.purse import purse_root_names
from sscard_chip.security.diversify import diversify_chain
from sscard_chip.security.keystore import KeyStore, KeyStoreError
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.commands import (
    CREDIT_SAM_FOR_PURCHASE,
    INIT_SAM_FOR_MEDICAL_PURCHASE,
    INIT_SAM_FOR_PURSE_PURCHASE,
    READ_BINARY,
)
from sscard_chip.standard.messages.psam import INIT_PURSE_PURCHASE
from sscard_chip.standard.purse_transactions import PurseId, TransactionType
from sscard_chip.terminal.bank.errors import CardDataError, NotAcceptedError
from sscard_chip.terminal.bank.purse_exchange import PublicData, PurseInitialization, PurseMacError
from sscard_chip.terminal.bank.purse_host import PurseHost
from sscard_chip.terminal.bank.purse_sam import PurseSam
from sscard_chip.terminal.bank.purse_terminal import PurseTerminal
from sscard_chip.terminal.client import ApduClient, CardStatusError
from sscard_chip.terminal.connection import connect_card
from tests.bench import account_cards as medical
from tests.bench.purse_cards import ALGORITHMS, PUBLIC, new_card, secret

NUMBER = bytes.fromhex("112233445566")
TIME = bytes.fromhex("20240315101112")
PIN = bytes.fromhex("123456")
FACTORS = PublicData.decode(PUBLIC).factors
_TYPE = TransactionType


class Store:
    """Root keys made from the roots' names, as an issuer's store serves them."""

    def _key(self, algorithm: str, name: str, version: int, chain: Sequence[bytes]) -> bytes:
        if name not in purse_root_names() or version != 1:
            raise KeyStoreError(f"{algorithm}: {name}: {version}: the key is missing")
        return diversify_chain(SUITES[algorithm], secret(name), chain)

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        return [self._key(algorithm, name, version, chain) for chain in chains]

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        return SUITES[algorithm].encryptor(self._key(algorithm, name, version, factors))(data)

    def mac(
        self,
        algorithm: str,
        name: str,
        version: int,
        factors: Sequence[bytes],
        iv: bytes,
        message: bytes,
    ) -> bytes:
        key = self._key(algorithm, name, version, factors)
        return SUITES[algorithm].key_mac(key, iv, message)


STORE: KeyStore = Store()


def card_of(algorithm: str, *, deposit: Purse | None = None, purse: Purse | None = None) -> Card:
    """A card whose keys come from the store's roots."""
    keys = {root: STORE.diversify(algorithm, root, 1, [FACTORS])[0] for root in purse_root_names()}
    return new_card(algorithm, keys=keys, deposit=deposit, purse=purse)


class Bench:
    """A card in a reader, and all who speak to it."""

    def __init__(self, algorithm: str, *, contactless: bool = False, **options: Purse) -> None:
        self.card = card_of(algorithm, **options)
        connection = connect_card(self.card, contactless=contactless)
        connection.power_on()
        self.terminal = PurseTerminal(connection, NUMBER)
        self.host = PurseHost(STORE, algorithm)
        self.psam = PurseSam(algorithm, secret("PURSE_DPK"), NUMBER)
        self.terminal.select()
        self.terminal.verify(PIN)


@pytest.mark.parametrize("contactless", [False, True], ids=["contact", "contactless"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_whole_transactions(algorithm: str, contactless: bool) -> None:
    bench = Bench(algorithm, contactless=contactless)
    terminal, host, psam = bench.terminal, bench.host, bench.psam
    terminal.load(host, _TYPE.DEPOSIT_LOAD, 10_000, TIME)
    terminal.load(host, _TYPE.PURSE_LOAD, 5_000, TIME)
    terminal.update_limit(host, 3_000, TIME)
    spent = [
        terminal.purchase(psam, _TYPE.DEPOSIT_PURCHASE, 2_000, TIME),
        terminal.purchase(psam, _TYPE.CASH_WITHDRAWAL, 1_000, TIME),
        terminal.purchase(psam, _TYPE.PURSE_PURCHASE, 700, TIME),
        terminal.purchase(
            psam, _TYPE.COMPOUND_PURCHASE, 300, TIME, records=[(0x19, b"\x01\x08ABCDEFGH")]
        ),
    ]
    terminal.unload(host, 500, TIME)
    for debited in spent:
        host.settle(debited)
    assert terminal.balance(PurseId.DEPOSIT) == 10_000 + 3_000 - 2_000 - 1_000 - 500
    assert terminal.balance(PurseId.PURSE) == 5_000 - 700 - 300
    types = [record.type for record in terminal.log()]
    assert types == [3, 9, 6, 4, 5, 7, 2, 1]
    assert [int.from_bytes(debited.sequence) for debited in spent] == [1, 2, 3, 4]
    unload = terminal.log()[0]
    assert (unload.amount_fen, unload.limit_fen, unload.time, unload.terminal) == (
        500, 3_000, TIME, NUMBER,
    )  # fmt: skip
    proof = terminal.proof(_TYPE.UNLOAD, unload.number)
    assert proof is not None
    assert terminal.proof(_TYPE.UNLOAD, unload.number + 1) is None
    # 65535 is no number of a transaction: INITIALIZE answers 9402 there.
    assert terminal.proof(_TYPE.UNLOAD, 0xFFFE) is None
    assert terminal.proof(_TYPE.UNLOAD, 0xFFFF) is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_issuer_looks_after_a_card(algorithm: str) -> None:
    bench = Bench(algorithm)
    terminal, host, public = bench.terminal, bench.host, bench.terminal.public
    new = replace(public, expiry="20401231")
    header = bytes.fromhex("04D69500")
    terminal.transmit(host.command(public, terminal.challenge(), header, new.encode()))
    assert terminal.select() == new
    terminal.transmit(host.reload_pin(public, bytes.fromhex("2468")))
    terminal.verify(bytes.fromhex("2468"))
    terminal.transmit(host.unblock_pin(public, terminal.challenge(), bytes.fromhex("135790")))
    terminal.verify(bytes.fromhex("135790"))
    terminal.transmit(host.command(public, terminal.challenge(), bytes.fromhex("841E0000")))
    with pytest.raises(CardStatusError, match="6283"):
        terminal.select()
    terminal.transmit(host.command(public, terminal.challenge(), bytes.fromhex("84180000")))
    assert terminal.select() == new


def test_host_refuses_a_wrong_mac1() -> None:
    bench = Bench("3des")
    opened = bench.terminal.initialize(_TYPE.PURSE_LOAD, 100)
    with pytest.raises(PurseMacError, match="MAC1: "):
        bench.host.authorise(replace(opened, amount_fen=101), TIME)
    with pytest.raises(PurseMacError, match="MAC1: "):
        bench.host.authorise(replace(opened, mac1=bytes(4)), TIME)
    limit = bench.terminal.initialize(_TYPE.OVERDRAFT_UPDATE)
    with pytest.raises(PurseMacError, match="MAC1: "):
        bench.host.authorise(replace(limit, limit_fen=1), TIME)


def test_host_refuses_a_wrong_answer() -> None:
    bench = Bench("3des", deposit=Purse(balance_fen=500))
    made = bench.terminal.unload(bench.host, 100, TIME)
    with pytest.raises(PurseMacError, match="MAC3: "):
        bench.host.confirm(made, TIME, bytes(4))
    made = bench.terminal.load(bench.host, _TYPE.DEPOSIT_LOAD, 100, TIME)
    with pytest.raises(PurseMacError, match="TAC: "):
        bench.host.confirm(made, TIME, bytes(4))
    made = bench.terminal.update_limit(bench.host, 100, TIME)
    with pytest.raises(PurseMacError, match="TAC: "):
        bench.host.confirm(made, TIME, bytes(4), limit_fen=100)
    debited = bench.terminal.purchase(bench.psam, _TYPE.DEPOSIT_PURCHASE, 1, TIME)
    with pytest.raises(PurseMacError, match="TAC: "):
        bench.host.settle(replace(debited, tac=bytes(4)))


def test_host_makes_no_purchase() -> None:
    bench = Bench("3des", purse=Purse(balance_fen=500))
    opened = bench.terminal.initialize(_TYPE.PURSE_PURCHASE, 100)
    with pytest.raises(ValueError, match="PSAM"):
        bench.host.authorise(opened, TIME)


def test_terminal_without_an_application() -> None:
    card = Card(medical.new_memory())
    connection = connect_card(card)
    connection.power_on()
    with pytest.raises(NotAcceptedError):
        PurseTerminal(connection, NUMBER).select()


def test_terminal_tells_the_refusal() -> None:
    bench = Bench("3des")
    with pytest.raises(CardStatusError, match="9401"):
        bench.terminal.purchase(bench.psam, _TYPE.PURSE_PURCHASE, 1, TIME)
    bench.terminal.select()
    with pytest.raises(CardStatusError, match="9403"):
        bench.terminal.initialize(_TYPE.PURSE_LOAD, 1, key_index=2)


def test_answers_of_another_length_are_refused() -> None:
    bench = Bench("3des")
    opened = bench.terminal.initialize(_TYPE.PURSE_LOAD, 1)
    with pytest.raises(CardDataError):
        PurseInitialization.decode(opened.public, opened.kind, 1, 1, NUMBER, bytes(15))
    with pytest.raises(CardDataError):
        PublicData.decode(bytes(29))


# --- the PSAM ------------------------------------------------------------------------------------


def request(algorithm: int = 0, version: int = 1) -> bytes:
    asked = {
        "random": bytes(4),
        "number": 0,
        "amount_fen": 100,
        "transaction_type": 6,
        "time": TIME,
        "key_version": version,
        "algorithm": algorithm,
        "serial": FACTORS[1],
        "issuer": FACTORS[0],
    }
    return INIT_SAM_FOR_PURSE_PURCHASE.apdu(data=INIT_PURSE_PURCHASE.build(asked))


def test_psam_counts_and_forgets() -> None:
    psam = PurseSam("3des", secret("PURSE_DPK"), NUMBER, sequence=7)
    first = psam.transmit(request())
    assert (first[:4], first[8:]) == (bytes.fromhex("00000007"), b"\x90\x00")
    assert psam.transmit(CREDIT_SAM_FOR_PURCHASE.apdu(data=bytes(4))) == b"\x93\x02"
    assert psam.transmit(CREDIT_SAM_FOR_PURCHASE.apdu(data=bytes(4))) == b"\x69\x01"
    second = psam.transmit(request() + b"\x08")
    assert second[:4] == bytes.fromhex("00000008")
    assert second[4:8] != first[4:8]
    assert psam.reset() == psam.atr
    assert psam.transmit(CREDIT_SAM_FOR_PURCHASE.apdu(data=bytes(4))) == b"\x69\x01"


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        (request(version=2), "6A88"),
        (request(algorithm=4), "6A88"),
        (request()[:-1], "6700"),
        (request() + b"\x08\x00", "6700"),
        (CREDIT_SAM_FOR_PURCHASE.apdu(data=bytes(3)), "6700"),
        (INIT_SAM_FOR_MEDICAL_PURCHASE.apdu(data=bytes(36)), "6D00"),
        (b"", "6D00"),
    ],
)
def test_psam_refuses(command: bytes, sw: str) -> None:
    psam = PurseSam("3des", secret("PURSE_DPK"), NUMBER)
    assert psam.transmit(command).hex().upper() == sw


def test_psam_has_no_number_left() -> None:
    psam = PurseSam("3des", secret("PURSE_DPK"), NUMBER, sequence=0xFFFFFFFF)
    assert psam.transmit(request())[-2:] == b"\x90\x00"
    assert psam.transmit(request()) == b"\x94\x02"


def test_psam_of_another_bank_gives_a_mac1_that_the_card_refuses() -> None:
    bench = Bench("3des", purse=Purse(balance_fen=500))
    other = PurseSam("3des", bytes(16), NUMBER)
    other.power_on()
    with pytest.raises(CardStatusError, match="9302"):
        bench.terminal.purchase(other, _TYPE.PURSE_PURCHASE, 100, TIME)
    assert bench.terminal.balance(PurseId.PURSE) == 500
    other.power_off()
    assert ApduClient(other).require(READ_BINARY, 0x96, 0x00, le=6) == NUMBER
