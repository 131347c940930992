# SPDX-License-Identifier: Apache-2.0
"""Dispatch by application, and the firewall between applications on one chip."""

from __future__ import annotations

import pytest

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.dispatch import Dispatcher, Instruction
from sscard_chip.apdu.instructions import BASE, BASE_SHORTCUTS
from sscard_chip.apdu.selection import select
from sscard_chip.apdu.session import Application, Session
from sscard_chip.card import Card
from sscard_chip.filesystem.layout import (
    ApplicationState,
    ApplicationType,
    DirectoryHeader,
    FileType,
    create_directory,
)
from sscard_chip.filesystem.tree import Directory, FileSystem
from sscard_chip.memory import CardImageError, Memory
from sscard_chip.standard.commands import SELECT, VERIFY, StandardCommand
from sscard_chip.standard.identifiers import MF
from sscard_chip.standard.status import StatusError, StatusWord
from tests.bench.issued import PIN, SELECT_SSSE, Bench

NAMES = (b"OTHER.ONE", b"OTHER.TWO")
FID = 0xDF01  # the same as one of the social security application: they do not see each other


def opens(session: Session, command: Command) -> bytes:
    session.transaction = command.data
    return b""


def state(session: Session, command: Command) -> bytes:
    return b"-" if session.transaction is None else bytes(repr(session.transaction), "ascii")


def refuses(session: Session, command: Command) -> bytes:
    raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED, body=b"why")


def breaks(session: Session, command: Command) -> bytes:
    raise RuntimeError


def enter(session: Session, directory: Directory) -> bytes:
    session.select_directory(directory)
    return b"other: " + directory.name


OTHER = (
    Instruction(SELECT, select),
    Instruction(StandardCommand("OPEN", "", 0x90, 0x10, ""), opens, in_transaction=True),
    Instruction(StandardCommand("STATE", "", 0x90, 0x12, ""), state, in_transaction=True),
    Instruction(StandardCommand("REFUSE", "", 0x90, 0x14, ""), refuses),
    Instruction(StandardCommand("BREAK", "", 0x90, 0x16, ""), breaks),
)
APPLICATIONS: dict[int, Application] = {
    ApplicationType.SOCIAL_SECURITY: Dispatcher(BASE, BASE_SHORTCUTS),
    ApplicationType.BANK: Dispatcher(OTHER, enter=enter),
    ApplicationType.PURSE: Dispatcher(OTHER, enter=enter, lasting=True),
}


def two_applications() -> Memory:
    memory = Bench(2).memory
    files = FileSystem(memory)
    assert files.mf
    for name, kind in zip(NAMES, (ApplicationType.BANK, ApplicationType.PURSE), strict=True):
        create_directory(memory, files.mf.offset, DirectoryHeader(
            FileType.ADF, FID, name, app_type=kind
        ))  # fmt: skip
        memory.commit()
    return memory


@pytest.fixture
def session() -> Session:
    memory = two_applications()
    files = FileSystem(memory)
    return Session(memory, files, files.root, APPLICATIONS)


def run(session: Session, command: str | bytes) -> bytes:
    apdu = command if isinstance(command, bytes) else bytes.fromhex(command)
    return session.execute(session, apdu)


def by_name(name: bytes, p2: int = 0) -> bytes:
    return b"\x00\xa4\x04" + bytes((p2, len(name))) + name


def test_each_application_has_its_own_commands(session: Session) -> None:
    assert run(session, "9012000000") == b"\x6e\x00"
    assert run(session, by_name(NAMES[0])) == b"other: OTHER.ONE\x90\x00"
    assert run(session, "9012000000") == b"-\x90\x00"
    assert run(session, "0084000008") == b"\x6d\x00"
    assert run(session, SELECT_SSSE)[-2:] == b"\x90\x00"
    assert run(session, "9012000000") == b"\x6e\x00"
    assert run(session, "0084000008")[-2:] == b"\x90\x00"


def test_the_shortcuts_never_cross_over(session: Session) -> None:
    for _ in range(3):
        assert run(session, by_name(NAMES[0])) == b"other: OTHER.ONE\x90\x00"
        assert run(session, SELECT_SSSE)[-2:] == b"\x90\x00"


@pytest.mark.parametrize("back", [SELECT_SSSE, by_name(b"sx1.s"), bytes.fromhex("00A40000")])
@pytest.mark.parametrize("name", NAMES)
def test_the_firewall(session: Session, name: bytes, back: bytes) -> None:
    run(session, SELECT_SSSE)
    assert run(session, VERIFY.apdu(data=bytes.fromhex(PIN))) == b"\x90\x00"
    run(session, "0084000008")
    session.status.global_levels = session.status.local_levels = 0xFFFF
    session.status.masters = {1, 2}
    session.fresh = {3}
    run(session, by_name(name))
    status = session.status
    assert (status.verified_pin, status.global_levels, status.local_levels) == (0, 0, 0)
    assert (status.challenge, status.masters, session.fresh) == (None, set(), set())
    run(session, "9010000002AABB")
    assert session.transaction == b"\xaa\xbb"
    status.verified_pin = 1
    run(session, back)
    assert run(session, "9012000000") == b"\x6e\x00"
    assert session.status.verified_pin == 0
    assert session.transaction is None


def test_a_refused_selection_drops_nothing_that_has_been_proven(session: Session) -> None:
    run(session, SELECT_SSSE)
    run(session, VERIFY.apdu(data=bytes.fromhex(PIN)))
    verified = session.status.verified_pin
    assert verified
    assert run(session, by_name(b"OTHER.SIX")) == b"\x6a\x82"
    assert session.status.verified_pin == verified


def test_other_applications_are_found_by_name_alone(session: Session) -> None:
    ssse = FileSystem(session.memory).find_name(SELECT_SSSE[5:])
    assert ssse
    for command in ("00A4000002DF01", "00A4010002DF01"):
        run(session, "00A40000023F00")
        assert run(session, command) == b"\x6a\x82"
    run(session, by_name(NAMES[0]))
    assert run(session, "00A40000023F00")[:1] == b"\x6f"
    assert session.df.fid == MF


def test_an_application_below_the_mf_is_an_environment_of_its_own(session: Session) -> None:
    for name in NAMES:
        directory = session.files.find_name(name)
        assert directory
        assert directory.environment is directory


def test_next_occurrence_and_dormant_applications(session: Session) -> None:
    run(session, by_name(b"OTHER"))
    assert run(session, by_name(b"OTHER", 2)) == b"other: OTHER.TWO\x90\x00"
    assert run(session, by_name(b"OTHER", 2)) == b"\x6a\x82"
    first = session.files.find_name(NAMES[0])
    assert first
    first.stage_state(ApplicationState.DORMANT)
    session.memory.commit()
    assert run(session, by_name(NAMES[0])) == b"\x6a\x82"
    assert run(session, by_name(b"OTHER")) == b"other: OTHER.TWO\x90\x00"


def test_a_permanently_blocked_directory_answers_9303_in_every_application(
    session: Session,
) -> None:
    run(session, by_name(NAMES[0]))
    session.df.stage_block()
    session.memory.commit()
    assert run(session, "9012000000") == b"\x93\x03"


def test_what_ends_a_transaction(session: Session) -> None:
    run(session, by_name(NAMES[0]))
    run(session, "9010000001AA")
    assert run(session, "9014000000") == b"why\x69\x85"
    assert run(session, "9012000000") == b"-\x90\x00"


def test_a_lasting_transaction_ends_with_a_fault_alone(session: Session) -> None:
    run(session, by_name(NAMES[1]))
    run(session, "9010000001AA")
    assert run(session, "9014000000") == b"why\x69\x85"
    assert run(session, "90FF000000") == b"\x6d\x00"
    assert run(session, "9012000000") == b"b'\\xaa'\x90\x00"
    assert run(session, "9012000001") == b"\x6c\x07"
    assert run(session, "9012000000") == b"b'\\xaa'\x90\x00"
    assert run(session, "9016000000") == b"\x6f\x00"
    assert run(session, "9012000000") == b"-\x90\x00"


def test_an_unknown_application_is_no_card_of_this_program() -> None:
    memory = Bench(2).memory
    files = FileSystem(memory)
    assert files.mf
    header = DirectoryHeader(FileType.ADF, FID, NAMES[0], app_type=0xF0)
    create_directory(memory, files.mf.offset, header)
    memory.commit()
    with pytest.raises(CardImageError, match="application"):
        Card(memory)
