# SPDX-License-Identifier: Apache-2.0
"""A shortcut decides nothing that the long way would decide otherwise.

Twins (``twins.py``) get the same commands: forms near those of the shortcuts, in every state that
a card can be in. Planted differences show that the comparison sees what it must see.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sscard_chip.apdu.dispatch import Shortcut
from sscard_chip.apdu.session import Session
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.filesystem.layout import ApplicationState, LifeCycle
from tests.bench.exchange import RefusedError
from tests.bench.issued import MF, PIN, SSSE, SSSE_NAME, SUITES_OF_CARDS, Bench
from tests.card.twin_fuzzing import (
    ACCOUNT,
    COMMANDS,
    NAMES,
    OPEN,
    SHORTCUTS,
    TERMINAL,
    TwinFuzzer,
    WithOthers,
    with_free_files,
)
from tests.card.twins import Twins, session_of, state_of

# --- random commands --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("generation", "algorithm"), SUITES_OF_CARDS)
def test_random_commands_near_the_shortcuts(generation: int, algorithm: str, seed: int) -> None:
    fuzzer = TwinFuzzer(generation, algorithm, seed)
    fuzzer.run(COMMANDS)
    assert fuzzer.twins is not None
    assert {name for name in SHORTCUTS if fuzzer.twins.taken[name] < 25} == set()
    asked = {name.hex() for name in SHORTCUTS}
    states = {(key[0], key[1], key[2]) for key in fuzzer.met}
    known = ((False, False), (True, False), (True, True))  # PIN, transaction: which wants the PIN
    assert states >= {(name, *state) for name in asked for state in known}
    assert {key[3] for key in fuzzer.met} == {ApplicationState.WORKING, ApplicationState.BLOCKED}
    assert {key[4] for key in fuzzer.met} == {LifeCycle.WORKING, LifeCycle.BLOCKED}


@pytest.mark.parametrize(("generation", "algorithm"), [(3, "sm4"), (2, "3des")])
def test_beside_a_bank_application_and_a_purse(generation: int, algorithm: str) -> None:
    fuzzer = WithOthers(generation, algorithm, 7)
    fuzzer.run(COMMANDS)
    types = {d.application_type for d in fuzzer.session.files.directories}
    assert len(types) == 3


# --- every header and length, in every state ----------------------------------------------------


class Stand(Twins):
    """Twins on a stand: whoever knows their keys brings them into a state."""

    def __init__(self, generation: int, algorithm: str) -> None:
        profile = with_free_files(generation)
        self.bench = Bench(generation, algorithm=algorithm, profile=profile, account=ACCOUNT)
        super().__init__(self.bench.memory, f"{generation}-{algorithm}")
        self.bench.transmit = self.transmit
        self._issued = bytes(self.bench.memory.cells)

    def renew(self) -> None:
        """Both as they were issued."""
        for card in (self.fast, self.slow):
            card._memory.cells[:] = self._issued
        self.power_on()
        self.bench.at = MF


def _right(stand: Stand) -> None:
    stand.bench.enter(SSSE)
    stand.bench.ok(stand.bench.authentication(0x04, stand.bench.challenge()))


def _verified(stand: Stand) -> None:
    stand.bench.enter(0xDF04)
    stand.bench.ok("0020000003" + PIN)


def _purchase(stand: Stand) -> None:
    _verified(stand)
    stand.bench.ok(OPEN)


def _load(stand: Stand) -> None:
    _verified(stand)
    stand.bench.ok(b"\xb0\x28\x00\x01\x0b\x01\x00\x00\x00\x01" + TERMINAL)


def _secured(stand: Stand, header: str, fid: int, kid: int) -> None:
    bench = stand.bench
    bench.enter(fid)
    bench.ok(bench.authentication(kid, bench.challenge()))
    root = "STKSSSE" if fid == SSSE else f"STK{fid:04X}"
    bench.ok(bench.secured(header, b"", bench.key(root), bench.challenge()))


def _read(stand: Stand) -> None:
    """A record of a free file has been located, and is the current one."""
    stand.bench.enter(SSSE)
    stand.bench.ok("00B2012C00")
    stand.bench.challenge()


STATES: Final[dict[str, Callable[[Stand], None]]] = {
    "at the MF": lambda stand: None,
    "in SSSE": lambda stand: stand.bench.enter(SSSE),
    "a record is current": _read,
    "a right": _right,
    "in DF04": lambda stand: stand.bench.enter(0xDF04),
    "PIN verified": _verified,
    "purchase open": _purchase,
    "load open": _load,
    "PIN unblocked by a secure message": lambda stand: _secured(stand, "84240000", SSSE, 0x06),
    "DF04 blocked": lambda stand: _secured(stand, "841E0001", 0xDF04, 0x83),
    "card blocked": lambda stand: _secured(stand, "84160000", SSSE, 0x05),
}


@pytest.fixture(scope="module")
def stand() -> Stand:
    return Stand(2, "3des")


@pytest.mark.parametrize("state", STATES)
def test_every_header_and_length_near_a_shortcut(stand: Stand, state: str) -> None:
    """All P1 with a usual P2, all P2 with a usual P1, all lengths, each class; and what follows."""
    usual = {
        0xB2: ("0100", "012C", "0044"), 0xB0: ("8000", "9600", "0000"), 0x84: ("0000",),
        0xA4: ("0200", "0400", "0000"), 0x28: ("0101", "0001"), 0x2C: ("0100",),
    }  # fmt: skip
    stand.renew()
    STATES[state](stand)
    for name in SHORTCUTS:
        for parameters in usual[name[1]]:
            p1, p2 = bytes.fromhex(parameters)
            headers = {(p1, any_p2) for any_p2 in range(256)} | {
                (any_p1, p2) for any_p1 in range(256)
            }
            for header in sorted(headers):
                stand.transmit(name + bytes(header) + b"\0")
            for length in (*range(24), 100, 250, 255):
                body = SSSE_NAME.ljust(255, b"\x01")[:length]
                for tail in (b"", b"\0", b"\x01", b"\x16"):
                    stand.transmit(name + bytes((p1, p2, length)) + body + tail)
            for cla in range(256):
                stand.transmit(bytes((cla, name[1], p1, p2, 0)))
            stand.renew()
            STATES[state](stand)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_sequence_near_the_shortcuts(stand: Stand, data: st.DataObject) -> None:
    stand.renew()
    for state in data.draw(st.lists(st.sampled_from(sorted(STATES)), max_size=2), label="states"):
        with suppress(RefusedError):
            STATES[state](stand)
    usual = st.sampled_from((0, 1, 2, 3, 4, 8, 0x0F, 0x13, 0x2C, 0x80, 0x96, 0xFF))
    small = usual | st.integers(0, 255)
    body = st.binary(max_size=24) | st.sampled_from(NAMES) | st.just(bytes(19))
    for _ in range(data.draw(st.integers(1, 12))):
        cla = data.draw(st.sampled_from(b"\x00\x00\x00\xb0\xb0\x04\x80"))
        ins = data.draw(st.sampled_from(sorted(name[1] for name in SHORTCUTS)))
        given_body = data.draw(st.just(b"") | body)
        command = bytes((cla, ins, data.draw(small), data.draw(small)))
        if given_body:
            command += bytes((len(given_body),)) + given_body
        stand.transmit(command + data.draw(st.just(b"") | st.binary(min_size=1, max_size=1)))


# --- the comparison sees what it must see -------------------------------------------------------


def _after(name: bytes, change: Callable[[Session], None]) -> Shortcut:
    """The shortcut of ``name`` with something done besides, when it has answered."""

    def planted(session: Session, apdu: bytes) -> bytes | None:
        body = SHORTCUTS[name](session, apdu)
        if body is not None:
            change(session)
        return body

    return planted


def _set(**fields: object) -> Callable[[Session], None]:
    def change(session: Session) -> None:
        for name, value in fields.items():
            setattr(session, name, value)

    return change


def _keeps_transaction(session: Session, apdu: bytes) -> bytes | None:
    kept = session.transaction
    body = SHORTCUTS[b"\x00\xb2"](session, apdu)
    session.transaction = kept
    return body


def _too_short_le(session: Session, apdu: bytes) -> bytes | None:
    whole = SHORTCUTS[b"\x00\xb2"](session, apdu[:4] + b"\0") if len(apdu) == 5 else None
    return whole and whole[: apdu[4] or None]


def _without_rights(session: Session, apdu: bytes) -> bytes | None:
    """READ BINARY that asks nobody."""
    file = session.df.files_by_sfi.get(apdu[2] - 0x80) if len(apdu) == 5 else None
    if not isinstance(file, TransparentFile) or apdu[3]:
        return SHORTCUTS[b"\x00\xb0"](session, apdu)
    session.transaction = None
    session.select_file(file)
    return file.read(0, apdu[4] or 256)


def _takes_random(session: Session) -> None:
    session.random.take(1)


def _keeps_pin_offset(session: Session) -> None:
    session.status.verified_pin ^= 1


PLANTED: Final[dict[str, dict[bytes, Shortcut]]] = {
    "record number": {b"\x00\xb2": _after(b"\x00\xb2", _set(record=9))},
    "current file": {b"\x00\xb2": _after(b"\x00\xb2", _set(ef=None))},
    "transaction stays": {b"\x00\xb2": _keeps_transaction},
    "Le too short": {b"\x00\xb2": _too_short_le},
    "no rights asked": {b"\x00\xb0": _without_rights},
    "challenge not kept": {
        b"\x00\x84": _after(b"\x00\x84", lambda s: setattr(s.status, "challenge", None))
    },
    "a byte of random more": {b"\x00\x84": _after(b"\x00\x84", _takes_random)},
    "rights stay": {b"\x00\xa4": _after(b"\x00\xa4", lambda s: s.status.masters.add(5))},
    "PIN forgotten": {b"\x00\xa4": _after(b"\x00\xa4", _keeps_pin_offset)},
    "contactless": {b"\x00\xa4": _after(b"\x00\xa4", _set(contactless=True))},
    "purchase not opened": {b"\xb0\x28": _after(b"\xb0\x28", _set(transaction=None))},
    "one cell": {
        b"\xb0\x2c": _after(b"\xb0\x2c", lambda s: s.memory.write(len(s.memory.cells) - 1, b"\x5a"))
    },
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_difference_is_caught(fault: str) -> None:
    fuzzer = TwinFuzzer(2, "3des", 0, PLANTED[fault])
    with pytest.raises(AssertionError, match="seed 2-3des-0"):
        fuzzer.run(COMMANDS)


def test_a_cell_of_the_other_card_is_compared() -> None:
    stand = Stand(2, "3des")
    stand.slow._memory.cells[-1] ^= 1
    with pytest.raises(AssertionError, match="the cell at"):
        stand.transmit(b"\x00\xa4\x03\x00")


def test_every_field_of_a_session_is_compared() -> None:
    """A field that is added to the session, and that nothing says how to compare, is an error."""
    card = Stand(2, "3des").fast
    session_of(card).transaction = object()
    with pytest.raises(TypeError, match="how to compare a object"):
        state_of(card)
