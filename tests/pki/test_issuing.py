# SPDX-License-Identifier: Apache-2.0
"""The issuing sequence of a program of the field, byte for byte, on every kind of card."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.interface import ContactInterface, ContactlessInterface
from sscard_chip.security import sm2
from sscard_chip.security.random import RandomSource
from tests.bench.exchange import SUCCESS
from tests.bench.pki_cards import SELECT_CERT, PkiTerminal, new_memory, sm3, verifies

LINES = [
    line.split()
    for line in (Path(__file__).parent / "issuing.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
GIVEN = {line[0]: line[1:] for line in LINES if line[0].islower()}
STEPS = [line for line in LINES if not line[0].islower()]


class Given(RandomSource):
    """The random bytes of the file, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._left = [bytes.fromhex(line[1]) for line in LINES if line[0] == "random"]

    def take(self, length: int) -> bytes:
        value = self._left.pop(0)
        assert len(value) == length
        return value


def issue(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the card the key pair and the random bytes of the file."""
    private, public = map(bytes.fromhex, GIVEN["pair"])
    made = sm2.Sm2PrivateKey(private, public)
    monkeypatch.setattr(sm2.Sm2PrivateKey, "generate", lambda: made)
    session = card._session
    assert session is not None
    session.random = Given()


@pytest.mark.parametrize("with_all", [False, True])
def test_the_sequence_byte_for_byte(with_all: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(new_memory(with_all=with_all))
    card.power_on()
    issue(card, monkeypatch)
    assert len(STEPS) > 40
    for name, command, answer in STEPS:
        assert card.transmit(bytes.fromhex(command)).hex().upper() == answer, name
    monkeypatch.undo()
    check(card)


def check(card: Card) -> None:
    """What the sequence leaves: keys, certificates, PIN and master keys are the new ones."""
    card.power_on()
    terminal = PkiTerminal(card.transmit)
    terminal.enter()
    assert terminal.login() == SUCCESS
    public = terminal.public()
    assert public.hex().upper() == GIVEN["pair"][1]
    assert verifies(public, sm3(b"signed"), terminal.sign(sm3(b"signed")))
    assert terminal.login(bytes.fromhex(GIVEN["new-admin"][0]), admin=True) == SUCCESS
    written = {"0018": "", "0019": ""}
    fid = ""
    for _, command, _ in STEPS:
        fid = command[10:] if command.startswith("00A4000002") else fid
        if command.startswith("00D6"):
            written[fid] += command[10:]
    for fid, content in written.items():
        assert len(content) // 2 == 626
        terminal.ok(f"00A4000002{fid}")
        parts = [terminal.ok(f"00B00{page}0000") for page in range(3)]
        assert b"".join(parts).hex().upper().startswith(content)
    for select in (SELECT_CERT, "00A4030000"):
        terminal.ok(select)
        assert terminal.master(bytes.fromhex(GIVEN["new-master"][0])) == SUCCESS


@pytest.mark.parametrize("contacts", [False, True])
def test_the_same_through_a_reader(contacts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over T=0 answers wait for GET RESPONSE; without contacts they come at once."""
    card = Card(new_memory())
    interface = ContactInterface(card) if contacts else ContactlessInterface(card)
    interface.power_on()
    issue(card, monkeypatch)
    for name, command, answer in STEPS:
        apdu = bytes.fromhex(command)
        if contacts and len(apdu) == 6 + apdu[4]:
            apdu = apdu[:-1]  # over T=0 a command with data has no Le
        given = interface.transmit(apdu)
        if contacts and given[0] == 0x61:
            given = interface.transmit(b"\x00\xc0\x00\x00" + given[1:])
        assert given.hex().upper() == answer, name
    monkeypatch.undo()
    check(card)
