# SPDX-License-Identifier: Apache-2.0
"""The suite judges the transport application: cards of ours pass, changed ones are caught."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.card import Card
from sscard_chip.reader.forwarding import ForwardingConnection
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.runner import run_suite
from sscard_chip.terminal.conformance.target import ConnectionTarget, ImageTarget
from sscard_chip.terminal.connection import Connection, connect_card
from tests.bench.purse_cards import secret
from tests.bench.transit_cards import MANAGEMENT, PUBLIC, new_memory

Change = Callable[[bytes, bytes], bytes]


class Changed(ForwardingConnection):
    """A card whose answers a function changes."""

    def __init__(self, connection: Connection, change: Change) -> None:
        super().__init__(connection)
        self._change = change

    def transmit(self, apdu: bytes) -> bytes:
        return self._change(apdu, super().transmit(apdu))


def judged(change: Change | None = None, **options: object) -> dict[str, str]:
    """The verdicts of all cases of this chapter that did not pass."""
    options.setdefault("purse", Purse(balance_fen=700))
    memory = new_memory(with_bank=True, **options)  # type: ignore[arg-type]
    connection = connect_card(Card(memory), contactless=True)
    card = Changed(connection, change) if change else connection
    run = run_suite(
        ConnectionTarget(card, "mine"),
        interface="contactless",
        generation=3,
        level=Level.SESSION,
        only=("SSC-978-TU",),
    )
    assert len(run.results) == 14
    return {one.case.identifier[-2:]: one.verdict for one in run.results if one.verdict != "pass"}


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_an_issued_card_passes(algorithm: str) -> None:
    assert judged(algorithm=algorithm) == {}


def only(command: str, answer: Callable[[bytes], bytes]) -> Change:
    """Change the answer to commands that begin so."""
    begin = bytes.fromhex(command)
    return lambda apdu, given: answer(given) if apdu.startswith(begin) else given


@pytest.mark.parametrize(
    ("change", "caught"),
    [
        (only("00B095", lambda given: b"\xee" + given[1:]), "01"),
        (only("805C0002", lambda _: bytes(4) + b"\x90\0"), "10"),
        (only("00B206F4", lambda _: b"\x6a\x83"), "07"),
        (only("00B209C4", lambda given: given[1:]), "06"),
        (only("00B201D4", lambda given: given[:14] + b"\x09" + given[15:]), "08"),
        (only("00A40000021001", lambda _: b"\x69\x85"), "11"),
        (only("80500302", lambda given: given[1:]), "12"),
        (only("00A404000E", lambda given: given.replace(b"MOT_T_EP", b"MOT_T_ED")), "04"),
        (only("B05C", lambda _: bytes(4) + b"\x90\0"), "13"),
    ],
)
def test_a_card_that_is_not_right_is_caught(change: Change, caught: str) -> None:
    assert judged(change)[caught] == "fail"


class _Transport:
    """The transport issuer's root keys of the test cards: every card has the roots themselves."""

    def diversify(self, algorithm: str, name: str, version: int, chains: object) -> list[bytes]:
        return [secret(name)]


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@pytest.mark.parametrize("lasting", [False, True])
def test_rides_loads_and_the_lock_pass(algorithm: str, lasting: bool) -> None:
    """With the issuer's keys: of a card in a reader too, which keeps what is done to it."""
    memory = new_memory(algorithm, purse=Purse(balance_fen=700))
    whole = connect_card(Card(memory.copy()), contactless=True)
    target = ConnectionTarget(whole, "mine") if lasting else ImageTarget(memory, contactless=True)
    run = run_suite(
        target, interface="contactless", generation=3, transport=_Transport(),  # type: ignore[arg-type]
        level=Level.DESTRUCTIVE, only=("SSC-978-RIDE",),
    )  # fmt: skip
    bad = [(one.case.identifier, one.reason) for one in run.results if one.verdict != "pass"]
    assert bad == []
    assert len(run.results) == 21


def test_rides_are_not_run_without_the_issuer_s_keys() -> None:
    memory = new_memory(purse=Purse(balance_fen=700))
    target = ImageTarget(memory, contactless=True)
    run = run_suite(target, interface="contactless", generation=3, level=Level.DESTRUCTIVE,
                    only=("SSC-978-RIDE",))  # fmt: skip
    assert {str(one.verdict) for one in run.results} == {"not run"}


def test_contents_that_are_not_right_are_caught() -> None:
    assert judged(public=PUBLIC[:10] + b"\x04" + PUBLIC[11:]) == {"02": "fail"}
    assert judged(management=MANAGEMENT[:8] + b"\0\2" + MANAGEMENT[10:]) == {"05": "fail"}
    assert judged(full_logs=False) == {"06": "fail", "07": "fail"}
