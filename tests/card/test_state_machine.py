# SPDX-License-Identifier: Apache-2.0
"""Random sequences of commands: the card answers what the model says, byte for byte."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from sscard_chip.card import Card
from sscard_chip.filesystem.files import RecordFile, TransparentFile
from sscard_chip.standard.commands import (
    CHANGE_PIN,
    EXTERNAL_AUTHENTICATE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
    VERIFY,
)
from tests.bench.issued import MF, ORIGINAL, PIN, SSSE, SSSE_NAME, Bench
from tests.card.model import Expected, Model
from tests.card.sweep import whole_profile

DIRECTORIES = [MF, SSSE, *range(0xDF01, 0xDF09)]
SFIS = [0, 5, 6, 7, 8, 9, 0x0A, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1F]
FIDS = [*DIRECTORIES, *(0xEF00 | sfi for sfi in SFIS)]
NAMES = [
    SSSE_NAME,
    SSSE_NAME[:5],
    *(bytes.fromhex(f"D156000005{n:02X}") for n in range(6)),
    bytes.fromhex("D156000005"),
    b"1PAY.SYS",
]
KIDS = [0x00, 0x02, *range(4, 7), 0x0A, 0x0F, *range(0x82, 0x90)]
PINS = [b"", bytes.fromhex(PIN), bytes.fromhex("654321"), bytes.fromhex("1234")]
small = st.sampled_from([0, 1, 1, 1, 2, 3, 4, 5])
files = st.integers(0, 31)
"""Which file: see ``CardMachine.sfi``."""


class CardMachine(RuleBasedStateMachine):
    """A card, its model, and a person who tries everything."""

    generation = 2
    algorithm = "3des"

    @initialize(number=st.integers(0, 30))
    def issue(self, number: int) -> None:
        profile = whole_profile(self.generation)
        self.bench = Bench(self.generation, algorithm=self.algorithm, profile=profile)
        fcis = {}
        for fid in (MF, *(d.fid for d in profile.directories)):
            self.bench.enter(SSSE)
            fcis[fid] = self.bench.ok(SELECT.apdu(data=fid.to_bytes(2)))
        self.bench.power_cycle()
        self.model = Model(self.bench, fcis)
        self.go_somewhere(number)

    def check(self, command: bytes, expected: Expected) -> None:
        answer = self.bench.send(command)
        shown = f"{command.hex()} -> {answer.sw:04X}, the model says {expected[1]:04X}"
        assert answer == expected, shown
        self.bench.at = self.model.at

    def sfi(self, number: int) -> int:
        """Every third time the current file, else one of this directory, rarely any other."""
        present = [file.plan.sfi for file in self.model.here.files.values()]
        if number % 3 == 0:
            return 0
        if number < 4 or not present:
            return SFIS[number % len(SFIS)]
        return present[number % len(present)]

    # --- selection --------------------------------------------------------------------------

    @rule(p1=st.integers(0, 2), fid=st.sampled_from(FIDS), le=st.sampled_from([None, 0]))
    def select(self, p1: int, fid: int, le: int | None) -> None:
        command = SELECT.apdu(p1, data=fid.to_bytes(2), le=le)
        self.check(command, self.model.select(p1, fid))

    @rule(name=st.sampled_from(NAMES), following=st.booleans())
    def select_name(self, name: bytes, following: bool) -> None:
        command = SELECT.apdu(4, 2 * following, name)
        self.check(command, self.model.select_name(name, following))

    @rule()
    def select_parent(self) -> None:
        self.check(b"\x00\xa4\x03\x00", self.model.select_parent())

    @rule(number=st.integers(0, 30))
    def go_somewhere(self, number: int) -> None:
        """Into a directory by way of SSSE: random selection alone stays near the MF."""
        places = self.model.order
        fid = places[number % len(places)]
        self.check(SELECT.apdu(0x04, data=SSSE_NAME), self.model.select_name(SSSE_NAME, False))
        self.check(SELECT.apdu(data=fid.to_bytes(2)), self.model.select(0, fid))

    # --- files ------------------------------------------------------------------------------

    @rule(
        p1=small | st.sampled_from([0x08, 0x20, 0x40, 0x4B, 0x53, 0xFF]),
        file=files,
        mode=st.sampled_from([0, 1, 2, 2, 3, 4, 4, 4, 5, 6, 7]),
        le=st.none() | st.sampled_from([0, 0, 0, 1, 3, 6, 0x40, 0xFF]),
    )
    def read_record(self, p1: int, file: int, mode: int, le: int | None) -> None:
        sfi = self.sfi(file)
        command = READ_RECORD.apdu(p1, sfi << 3 | mode)
        command += b"" if le is None else bytes((le,))
        self.check(command, self.model.read_record(p1, sfi, mode, le))

    @rule(
        p1=small,
        number=files,
        mode=st.sampled_from([0, 1, 2, 3, 3, 4, 4, 4, 5]),
        fill=st.integers(0, 255),
        tag=st.none() | st.integers(0x53, 0x55),
        by_tag=st.booleans(),
        change=st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, -1]),
        damage=st.sampled_from([0, 0, 0, 0, 0, 1]),
    )
    def update_record(
        self, p1: int, number: int, mode: int, fill: int, tag: int | None, by_tag: bool,
        change: int, damage: int,
    ) -> None:  # fmt: skip
        """Mostly a record that fits its place; ``change`` and ``damage`` spoil its lengths."""
        sfi = self.sfi(number)
        file = self.model.here.by_sfi(sfi) if sfi else self.model.file
        if file is not None and file.cyclic:
            data = bytes((fill,)) * (file.plan.record_length + change)
        else:
            records = file.records if file is not None else []
            old = records[(p1 or self.model.record or 1) - 1 :][:1] or [b"\x53\x02ab"]
            length = max(old[0][1] + change, 0)
            data = bytes((tag or old[0][0], (length + damage) & 0xFF)) + bytes((fill,)) * length
            if by_tag and mode < 4:
                p1 = data[0]
        command = UPDATE_RECORD.apdu(p1, sfi << 3 | mode, data)
        self.check(command, self.model.update_record(p1, sfi, mode, data))

    @rule(
        number=files,
        page=st.sampled_from([0, 0, 1, 2, 3, 0x10, 0x20]),
        p2=st.sampled_from([0, 1, 0x27, 0x28, 0xFE, 0xFF]),
        le=st.sampled_from([0, 1, 0x80, 0xFF]),
    )
    def read_binary(self, number: int, page: int, p2: int, le: int) -> None:
        p1 = self.sfi(number) | 0x80 | page & 0x20 if self.sfi(number) else page
        self.check(READ_BINARY.apdu(p1, p2, le=le), self.model.read_binary(p1, p2, le))

    @rule(
        number=files,
        page=st.sampled_from([0, 0, 1, 2, 3, 0x10, 0x20]),
        p2=st.sampled_from([0, 1, 0x27, 0x28, 0xFE, 0xFF]),
        data=st.binary(min_size=1, max_size=4),
    )
    def update_binary(self, number: int, page: int, p2: int, data: bytes) -> None:
        p1 = self.sfi(number) | 0x80 | page & 0x20 if self.sfi(number) else page
        command = UPDATE_BINARY.apdu(p1, p2, data)
        self.check(command, self.model.update_binary(p1, p2, data))

    # --- rights -----------------------------------------------------------------------------

    @rule(length=st.sampled_from([4, 8, 8, 16]))
    def get_challenge(self, length: int) -> None:
        self.model.challenge = self.bench.challenge(length)

    @rule(
        kid=st.sampled_from(KIDS),
        version=st.none() | st.integers(0, 4),
        right=st.sampled_from([True, True, True, False]),
        fresh=st.sampled_from([True, True, True, True, False]),
    )
    def authenticate(self, kid: int, version: int | None, right: bool, fresh: bool) -> None:
        if fresh:
            self.get_challenge(8)
        self._authenticate(kid, version, right)

    def _authenticate(self, kid: int, version: int | None, right: bool) -> None:
        model = self.model
        place = model.here if kid & 0x80 else model.places[SSSE]
        data = bytes(8) + ORIGINAL + (b"" if version is None else bytes((version,)))
        command = EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=data)
        number = 1 if version is None else version
        if (kid, number) in place.tries:
            challenge = model.challenge or bytes(8)
            command = self.bench.authentication(kid, challenge, version, wrong=not right)
        self.check(command, model.external_authenticate(kid, number, right))

    @rule(
        place=st.integers(0, 30),
        number=files,
        version=st.integers(1, 3),
        how=st.sampled_from(["r", "w", "rw"]),
        p1=small,
        mode=st.sampled_from([0, 1, 2, 3, 4, 5, 6]),
        fill=st.integers(0, 255),
    )
    def use_a_file(
        self, place: int, number: int, version: int, how: str, p1: int, mode: int, fill: int
    ) -> None:
        """Select a file, get its rights, write and read it; the rights stay for what follows."""
        if not self.model.here.files:
            self.go_somewhere(place)
        present = list(self.model.here.files.values())
        if not present:
            return
        file = present[number % len(present)]
        self.select(2, file.plan.fid, None)
        for right in [file.plan.read] * ("r" in how) + [file.plan.write] * ("w" in how):
            if right.pin:
                self.verify(self.model.pin)
            if right.kid is not None:
                self.get_challenge(8)
                self._authenticate(right.kid, version, True)
        if file.transparent:
            self.update_binary(0, 0, p1, bytes((fill,)))
            self.read_binary(0, 0, p1, 0)
        else:
            self.update_record(p1, 0, 3 if file.cyclic else mode, fill, None, False, 0, 0)
            self.read_record(p1, 0, mode, None)

    @rule(pin=st.sampled_from([*PINS, *PINS[:2]]))
    def verify(self, pin: bytes) -> None:
        command = VERIFY.apdu(data=pin)
        self.check(command, self.model.verify(pin))

    @rule(old=st.sampled_from([PINS[1], PINS[1], *PINS]), new=st.sampled_from([PINS[1], *PINS]))
    def change_pin(self, old: bytes, new: bytes) -> None:
        if old or new:
            data = old + b"\xff" + new
            command = CHANGE_PIN.apdu(data=data)
            self.check(command, self.model.change_pin(old, new))

    # --- power ------------------------------------------------------------------------------

    @rule(how=st.sampled_from(["reset", "power", "image"]), number=st.integers(0, 30))
    def power(self, how: str, number: int) -> None:
        if how == "image":
            bench = self.bench
            bench.card = Card(bench.card.image())
            bench.memory = bench.card.files.memory
            bench.card.power_on()
        else:
            (self.bench.reset if how == "reset" else self.bench.power_cycle)()
        self.bench.at = MF
        self.model.power()
        if number:
            self.go_somewhere(number)

    def teardown(self) -> None:
        """Everything the memory holds is what the model holds."""
        if not hasattr(self, "model"):
            return
        self.bench.card.power_on()
        for directory in self.bench.card.files.directories:
            place = self.model.places[directory.fid]
            for fid, file in place.files.items():
                view = directory.files[fid]
                if isinstance(view, TransparentFile):
                    assert bytes(view.read(0, view.size)) == bytes(file.content)
                else:
                    assert isinstance(view, RecordFile)
                    records = [view.record(n + 1) for n in range(view.count)]
                    assert records == file.records
            for (kid, version), left in place.tries.items():
                key = directory.key(0, kid, version)
                assert key is not None
                assert left is None or key.retry_counter == left
            if directory.pin is not None:
                assert directory.pin.value == self.model.pin
                assert directory.pin.retry_counter == self.model.pin_tries


class FirstGeneration(CardMachine):
    generation, algorithm = 1, "3des"


class SecondGeneration(CardMachine):
    generation, algorithm = 2, "3des"


class ThirdGeneration(CardMachine):
    generation, algorithm = 3, "sm4"


_SETTINGS = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TestFirstGeneration = FirstGeneration.TestCase
TestSecondGeneration = SecondGeneration.TestCase
TestThirdGeneration = ThirdGeneration.TestCase
TestFirstGeneration.settings = TestSecondGeneration.settings = _SETTINGS
TestThirdGeneration.settings = _SETTINGS
