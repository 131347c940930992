# SPDX-License-Identifier: Apache-2.0
"""The cases of the certificate application: issued cards pass, cards with one fault are caught."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from issuance.pki import PkiAuthority, PkiSubject
from sscard_chip.card import Card
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.memory import Memory
from sscard_chip.profile.pki import PkiContents, add_pki
from sscard_chip.security.sm2 import Sm2PrivateKey
from sscard_chip.terminal.conformance import (
    CaseVerdict,
    ConnectionTarget,
    ImageTarget,
    Level,
    catalogue,
    run_suite,
)
from sscard_chip.terminal.conformance.levels import level_of
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pki import PkiClient, request_key
from tests.bench.pki_cards import MASTER, PkiTerminal
from tests.terminal.conformance.judged import Heard, bad, issued, judge

OWN = ("SSC-6001.2-certificate", "SSC-6001.3-10")
CASES = [case for case in catalogue() if case.identifier.startswith(OWN)]


@cache
def _delivered() -> Memory:
    memory = issued(3, "sm4").copy()
    add_pki(memory, PkiContents(MASTER))
    return memory


@cache
def _with_certificates() -> Memory:
    memory = _delivered().copy()
    card = Card(memory)
    connection = connect_card(card)
    connection.power_on()
    client = PkiClient(connection)
    subject = PkiSubject("林知夏", "510100", "Z00000013", bytes(16))
    PkiAuthority.create().answer(subject, request_key(client)).write(client, MASTER)
    return memory


def test_there_are_cases() -> None:
    assert len(CASES) == 29
    assert sum(case.level is Level.READ for case in CASES) >= 20


@pytest.mark.parametrize("contactless", [False, True])
def test_an_issued_card_passes_all(contactless: bool) -> None:
    run = judge(
        3, Level.DESTRUCTIVE, only=OWN, memory=_with_certificates(), contactless=contactless
    )
    assert bad(run) == []
    assert run.counts[CaseVerdict.PASS] == 27
    assert run.counts[CaseVerdict.NOT_APPLICABLE] == 2  # files and rights of ACSE


@pytest.mark.parametrize("lasting", [False, True])
def test_pins_and_signatures_pass(lasting: bool) -> None:
    """With both PINs of delivery and a key pair, contacts or not; a card that stays one too."""
    memory = _delivered().copy()
    _another_key(memory)
    connection = connect_card(Card(memory.copy()))
    target = ConnectionTarget(connection, "mine") if lasting else ImageTarget(memory)
    run = run_suite(
        target, generation=3, user_pin="123456", admin_pin="12345678", level=Level.DESTRUCTIVE,
        only=("SSC-6001.2-signing",),
    )  # fmt: skip
    assert bad(run) == []
    assert run.counts[CaseVerdict.PASS] == 16


def test_a_wrong_user_pin_costs_one_try_and_ends_the_run() -> None:
    connection = connect_card(Card(_delivered().copy()))
    run = run_suite(
        ConnectionTarget(connection, "mine"), generation=3, user_pin="654321",
        level=Level.SESSION, only=("SSC-6001.2-signing",),
    )  # fmt: skip
    assert "cost a try" in run.stopped
    assert run.counts[CaseVerdict.FAIL] == 1


def test_a_delivered_card_passes_what_it_can() -> None:
    run = judge(3, Level.DESTRUCTIVE, only=OWN, memory=_delivered())
    assert bad(run) == []
    assert run.counts[CaseVerdict.NOT_APPLICABLE] == 8  # without keys and certificates


def test_a_card_without_the_application() -> None:
    run = judge(3, Level.DESTRUCTIVE, only=OWN)
    assert bad(run) == []
    assert run.counts[CaseVerdict.PASS] == 0


def test_no_pin_is_tried_and_nothing_changes_below_destructive() -> None:
    heard: list[bytes] = []

    def hear(connection: object) -> Heard:
        made = Heard(connection)  # type: ignore[arg-type]
        made.commands = heard
        return made

    judge(3, Level.DESTRUCTIVE, only=OWN, memory=_with_certificates(), wrap=hear)
    assert [one for one in heard if one[:4] in (b"\x00\x20\x01\x81", b"\x00\x20\x01\x00")
            and len(one) > 5 and any(one[5:])] == []  # fmt: skip
    assert {one[1] for one in heard if level_of(one) is Level.DESTRUCTIVE} == {0x40, 0xC2, 0xD4}


def test_levels() -> None:
    for apdu, level in {
        "8040000008C0020012C2020013": Level.DESTRUCTIVE,
        "80C2400046C0020014CA40": Level.DESTRUCTIVE,
        "804E0001780000": Level.SESSION,
        "804A0210120000": Level.SESSION,
        "845E010014": Level.WRITE,
        "002A9E9A20": Level.WRITE,
        "80C4010305C103123456": Level.READ,
        "80C9828042": Level.READ,
    }.items():
        assert level_of(bytes.fromhex(apdu)) is level, apdu


def _file(memory: Memory, fid: int) -> TransparentFile:
    directory = next(d for d in Card(memory).files.directories if d.name == b"SS.CERT.ADF1")
    file = directory.files[fid]
    assert isinstance(file, TransparentFile)
    return file


def _another_key(memory: Memory) -> None:
    """A key pair that is not the certificate's, as after GENERATE KEY PAIR."""
    card = Card(memory)
    card.power_on()
    terminal = PkiTerminal(card.transmit)
    terminal.enter()
    terminal.login()
    terminal.generate()


def _foreign_public_key(memory: Memory) -> None:
    """0012 is not the key with which the card signs."""
    file = _file(memory, 0x12)
    memory.write(file.body + 2, Sm2PrivateKey.generate().public.value)
    memory.commit()


def _off_the_curve(memory: Memory) -> None:
    memory.write(_file(memory, 0x12).body + 2, bytes(63) + b"\x01")
    memory.commit()


def _swapped(memory: Memory) -> None:
    """Each certificate in the other's file."""
    files = [_file(memory, fid) for fid in (0x18, 0x19)]
    contents = [file.read(0, file.size) for file in files]
    for file, content in zip(files, reversed(contents), strict=True):
        memory.write(file.body, content)
        memory.commit()


def _no_certificate(memory: Memory) -> None:
    memory.write(_file(memory, 0x18).body + 30, bytes(40))
    memory.commit()


@pytest.mark.parametrize(
    ("make", "caught"),
    [
        (_another_key, {"10-04"}),
        (_foreign_public_key, {"10-04", "10-08"}),
        (_off_the_curve, {"certificate-13", "10-04", "10-08"}),
        (_swapped, {"10-04", "10-05", "10-06", "10-07"}),
        (_no_certificate, {"10-04", "10-05"}),
    ],
)
def test_a_fault_of_its_making_is_caught(make: Callable[[Memory], None], caught: set[str]) -> None:
    memory = _with_certificates().copy()
    make(memory)
    found = {name.partition("-6001.")[2].partition("-")[2] for name, _ in bad(
        judge(3, Level.DESTRUCTIVE, only=OWN, memory=memory)
    )}  # fmt: skip
    assert found == caught


_EXPORT = bytes.fromhex("80C9828042")
_LIES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "certificate-01": lambda c, a: a.replace(b"\x92\x0230", b"\x92\x0220"),
    "certificate-02": lambda c, a: a.replace(b"\x6f\x0e", b"\x6f\x0f"),
    "certificate-08": lambda c, a: b"\x6b\x00" if c[:3] == b"\x00\xb0\x03" else a,
    "certificate-09": lambda c, a: bytes(32) + b"\x90\x00" if c[:3] == b"\x00\xb0\x93" else a,
    "certificate-11": lambda c, a: bytes(len(a) - 2) + a[-2:] if c[:2] == b"\x80\xc4" else a,
    "certificate-12": lambda c, a: bytes(len(a) - 2) + a[-2:] if c[:2] == b"\x00\x84" else a,
    "certificate-13": lambda c, a: a[:-3] + b"\0\x90\0" if c == _EXPORT and len(a) == 68 else a,
    "certificate-14": lambda c, a: b"\x90\x00" if c[:2] == b"\x80\x40" else a,
    "certificate-15": lambda c, a: b"\x90\x00" if c[:2] == b"\x80\xc2" else a,
    "certificate-16": lambda c, a: b"\x90\x00" if c[:2] == b"\x00\xd6" else a,
    "certificate-17": lambda c, a: b"\x90\x00" if c[:2] == b"\x84\xd4" else a,
    "certificate-18": lambda c, a: b"\x90\x00" if c[:3] == b"\x00\x20\x01" else a,
    "certificate-19": lambda c, a: b"\x6a\x86" if c[:3] == b"\x00\x20\x01" else a,
    "certificate-20": lambda c, a: b"\x6a\x80" if a == b"\x69\x84" else a,
    "certificate-21": lambda c, a: b"\x90\x00" if a == b"\x6d\x00" else a,
}


@pytest.mark.parametrize("name", _LIES)
def test_a_lie_of_the_card_is_caught(name: str) -> None:
    whole = f"SSC-6001.2-{name}"
    run = judge(
        3,
        Level.DESTRUCTIVE,
        only=[whole],
        memory=_with_certificates(),
        wrap=lambda connection: Heard(connection, _LIES[name]),
        contactless=True,
    )
    assert [found for found, _ in bad(run)] == [whole]
