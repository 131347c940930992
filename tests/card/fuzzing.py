# SPDX-License-Identifier: Apache-2.0
"""Random and mutated commands against a card, with everything watched that must never happen.

One :class:`CardFuzzer` is one run that its seed repeats: the card's challenges come from the same
generator. :meth:`CardFuzzer.run` raises AssertionError with seed, step and command.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from sscard_chip.apdu.authentication import direct_authentication
from sscard_chip.apdu.session import Session
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.memory.store import Write
from sscard_chip.profile.model import DirectoryDeclaration, KeyUse, Structure
from sscard_chip.security.random import RandomSource
from sscard_chip.standard.commands import (
    CREATE_FILE,
    DEBIT_FOR_PURCHASE,
    EXTERNAL_AUTHENTICATE,
    GET_CHALLENGE,
    INITIALIZE_FOR_PURCHASE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
)
from sscard_chip.standard.status import StatusWord
from tests.bench.issued import MF, SELECT_SSSE, SSSE, Bench
from tests.card.sweep import whole_profile

COMMANDS_PER_CARD: Final = 400
_INSTRUCTIONS: Final = bytes.fromhex("A4B2DCB0D6848882205E241E16282C2A262E56C070CAD4E0CEFEC8E2")
_CLASSES: Final = bytes.fromhex("00000004808484B0B0BF0110FF")
_WRITERS: Final = frozenset(bytes.fromhex("DCD682205E241E162C2A56E0D4CEFEE2"))
"""Instructions that may change the memory, by their INS."""
_KNOWN: Final = frozenset(int(word) for word in StatusWord) - {0x63C0, 0x6C00, 0x6F00}
_GET_RESPONSE: Final = 0xC0  # 6F00 says that nothing waits; from all others, a fault of our own
_ACCOUNT: Final = {"balance_fen": 5_000_000, "year": "2025"}


class Recorder:
    """The log of a memory: what is committed, in order."""

    failed = False

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def append(self, writes: Sequence[Write]) -> None:
        self.writes += writes

    def close(self) -> None:
        """There is nothing to release."""


class SeededRandom(RandomSource):
    """Challenges that a seed repeats."""

    def __init__(self, source: random.Random) -> None:
        super().__init__()
        self._source = source

    def take(self, length: int) -> bytes:
        return self._source.randbytes(length)


class CardFuzzer(ABC):
    """A card under fire. ``words`` counts the status words that it answered.

    What is sent to it besides anything at all is its subclass's to say.
    """

    writers: frozenset[int]
    """Instructions that may change the memory, by their INS."""
    classes: bytes
    instructions: bytes

    def __init__(self, seed: str, card: Card, memory: Memory) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.card = card
        self.memory = memory
        self.recorder = Recorder()
        memory.log = self.recorder
        self.pristine = bytes(memory.cells)
        self.shadow = bytearray(self.pristine)
        self.words: Counter[int] = Counter()
        self.step = 0

    @abstractmethod
    def makers(self) -> list[Callable[[], bytes]]:
        """What makes commands that need keys or a transaction."""

    @abstractmethod
    def plain(self) -> bytes:
        """A command that fits where the card stands, or selects, or needs no file."""

    @property
    def session(self) -> Session:
        """That of the powered card."""
        session = self.card._session
        assert session is not None
        return session

    # --- the card ---------------------------------------------------------------------------

    def _counter_offsets(self) -> set[int]:
        """Where tries are kept: the only bytes that a refused command may change."""
        return {
            record.offset + record.RETRY_COUNTER_AT
            for directory in self.session.files.directories
            for record in (*directory.keys.values(), directory.pin, directory.master_key)
            if record is not None
        }

    def _renew(self) -> None:
        """The card as it was issued, powered, somewhere."""
        self.memory.cells[:] = self.shadow[:] = self.pristine
        self._power()

    def _power(self) -> None:
        self.card.power_off()
        self.card.power_on()
        self.session.random = SeededRandom(self.random)

    # --- commands ---------------------------------------------------------------------------

    def _random_header(self) -> bytes:
        """A known class and instruction with anything behind."""
        r = self.random
        data = r.randbytes(r.choice((0, 0, 1, 2, 3, 4, 5, 8, 16, 17, 19, 250)))
        p1, p2 = r.choice((0, 1, r.getrandbits(8))), r.choice((0, 4, r.getrandbits(8)))
        head = bytes((r.choice(self.classes), r.choice(self.instructions), p1, p2))
        lc = bytes((len(data),)) if data else b""
        return head + lc + data + (b"" if r.getrandbits(1) else bytes((r.getrandbits(8),)))

    def _mutated(self, command: bytes) -> bytes:
        """``command`` with one thing wrong, or a few."""
        r, changed = self.random, bytearray(command)
        for _ in range(r.choice((1, 1, 1, 2, 4))):
            kind = r.randrange(8)
            if kind == 0:
                del changed[r.randrange(len(changed) + 1) :]
            elif kind == 1:
                changed += r.randbytes(r.choice((1, 1, 2, 3, 9)))
            elif kind == 2 and len(changed) > 4:
                changed[4] = r.choice((0, 1, len(changed) - 5 & 0xFF, 0xFF, r.getrandbits(8)))
            elif kind == 3 and changed:
                changed[-1] = r.choice((0, 1, 0xFF, r.getrandbits(8)))
            elif kind == 4 and len(changed) > 3:
                changed[2] = r.choice((0, 1, 2, 4, 0x80, 0xFF, r.getrandbits(8)))
            elif kind == 5 and len(changed) > 3:
                changed[3] = r.choice((0, 1, 4, 0x80, 0xFF, r.getrandbits(8)))
            elif kind == 6 and changed:
                changed[r.randrange(len(changed))] = r.getrandbits(8)
            elif changed:
                changed[r.randrange(len(changed))] ^= 1 << r.randrange(8)
        return bytes(changed)

    # --- the run ----------------------------------------------------------------------------

    def run(self, commands: int) -> None:
        """Send so many commands and check each answer."""
        r = self.random
        makers = self.makers()
        renewal = COMMANDS_PER_CARD
        while self.step < commands:
            if self.step >= renewal:
                renewal = self.step + COMMANDS_PER_CARD
                self._renew() if r.getrandbits(1) else self._power()
            self._send(self.next_command(makers))

    def next_command(self, makers: list[Callable[[], bytes]]) -> bytes:
        """Anything at all, what ``makers`` make, or what fits; much of it mutated."""
        r = self.random
        kind = r.randrange(32)
        if kind == 0:
            return r.randbytes(r.choice((0, 1, 2, 3, 4, 5, 6, 21, 261, 262, 300)))
        if kind < 4:
            command = r.choice(makers)()
            return self._mutated(command) if r.randrange(4) == 0 else command
        if kind < 9:
            return self._random_header()
        command = self.plain()
        return self._mutated(command) if kind & 1 else command

    def _send(self, command: bytes) -> bytes:
        """Send one command; whatever must never happen is an AssertionError."""
        self.step += 1
        try:
            answer = self.card.transmit(command)
        except Exception as error:
            raise AssertionError(self._tell(command, b"")) from error
        writes, sw = self.recorder.writes, int.from_bytes(answer[-2:])
        self.words[sw] += 1
        if len(answer) < 2 or not (
            sw in _KNOWN
            or (sw == 0x6F00 and command[1] == _GET_RESPONSE)
            or sw & 0xFFF0 == 0x63C0
            or (sw >> 8 == 0x6C and len(answer) == 2)
        ):
            raise AssertionError(self._tell(command, answer))
        if sw not in (0x9000, 0x6283) and len(answer) != 2:
            raise AssertionError(self._tell(command, answer))
        if writes:
            self._check_writes(command, answer, sw)
            for offset, data in writes:
                self.shadow[offset : offset + len(data)] = data
            writes.clear()
        if self.memory.staged or self.memory.cells != self.shadow:
            raise AssertionError(self._tell(command, answer))
        return answer

    def _check_writes(self, command: bytes, answer: bytes, sw: int) -> None:
        """Only a success writes; what a refusal may write, :meth:`may_write` says."""
        writes = self.recorder.writes
        right = command[1] in self.writers if sw == 0x9000 else self.may_write(sw, writes)
        if not right:
            raise AssertionError(self._tell(command, answer))

    def one_try_less(self, writes: Sequence[Write]) -> int | None:
        """The count that was written, if that was one try less of a key or PIN and no more."""
        if len(writes) != 1 or writes[0][0] not in self._counter_offsets():
            return None
        at, data = writes[0]
        return data[0] if len(data) == 1 and self.shadow[at] == data[0] + 1 else None

    def may_write(self, sw: int, writes: Sequence[Write]) -> bool:
        """Whether a command that was refused with ``sw`` may have written so."""
        return sw & 0xFFF0 == 0x63C0 and self.one_try_less(writes) == sw & 0x0F

    def _tell(self, command: bytes, answer: bytes) -> str:
        return f"seed {self.seed}, step {self.step}: {command.hex()} -> {answer.hex() or 'raised'}"


class Fuzzer(CardFuzzer):
    """The social security part under fire."""

    writers = _WRITERS
    classes = _CLASSES
    instructions = _INSTRUCTIONS

    def __init__(self, generation: int, algorithm: str, seed: int) -> None:
        self.bench = self.make_bench(generation, algorithm)
        profile = self.bench.profile
        super().__init__(f"{generation}-{algorithm}-{seed}", self.bench.card, self.bench.memory)
        self.valid = {d.fid: self._valid(d) for d in profile.directories}
        self.valid[MF] = [SELECT_SSSE, b"\x00\xa4\x00\x00\x02\x3f\x00", b"\x00\xa4\x03\x00"]
        self.selections = [c for found in self.valid.values() for c in found if c[1] == 0xA4]
        self._renew()

    def make_bench(self, generation: int, algorithm: str) -> Bench:
        """The card, with everything on it."""
        profile = whole_profile(generation)
        return Bench(generation, algorithm=algorithm, profile=profile, account=_ACCOUNT)

    def makers(self) -> list[Callable[[], bytes]]:
        return [
            self._authentication, self._authentication, self._secured, self._purchase,
            self._issuing,
        ]  # fmt: skip

    @staticmethod
    def _valid(directory: DirectoryDeclaration) -> list[bytes]:
        """Well-formed commands that this directory and its files answer."""
        name = directory.df_name
        commands = [
            SELECT.apdu(data=directory.fid.to_bytes(2)),
            SELECT.apdu(0x04, data=name),
            b"\x00\xa4\x04\x02\x05\xd1\x56\x00\x00\x05",
        ]
        for file in directory.files:
            commands.append(SELECT.apdu(0x02, data=file.fid.to_bytes(2), le=0))
            if file.structure is Structure.TRANSPARENT:
                commands.append(READ_BINARY.apdu(0x80 | file.sfi, le=0))
                commands.append(UPDATE_BINARY.apdu(0x80 | file.sfi, data=b"\xa5" * 4))
                continue
            for mode in range(7):
                number = 1 if mode > 3 or not file.items else file.items[-1].tag
                commands.append(READ_RECORD.apdu(number, file.sfi << 3 | mode, le=0))
            if file.structure is Structure.CYCLIC:
                length = file.record_length
                commands.append(UPDATE_RECORD.apdu(p2=file.sfi << 3 | 3, data=b"\x12" * length))
            for number, item in enumerate(file.items[:3], 1):
                length = min(item.length, 250)
                record = bytes((item.tag, length)) + b"\x31" * length
                commands.append(UPDATE_RECORD.apdu(number, file.sfi << 3 | 4, record))
        return commands

    # --- commands ---------------------------------------------------------------------------

    def plain(self) -> bytes:
        kind = self.random.randrange(16)
        if kind == 0:
            return self.random.choice(self.selections)
        here = self.valid.get(self.session.df.fid, self.selections)
        return self.random.choice(here) if kind < 12 else self._common()

    def _common(self) -> bytes:
        """A command that needs no file."""
        texts = (
            "0084000008", "0084000004", "0084000010", "0020000003123456", "0020000000",
            "0020000003999999", "805E010007123456FF123456", "805E010007123456FF111111",
            "805E010004123456FF", "0088000010" + "11" * 16, "008800001111" + "22" * 15 + "02",
            "B026000104", "B026000206", "B02E0032020000", "B02E0031020000", "B056010002",
            "B0560000020401", "841E000104AABBCCDD", "8416000004AABBCCDD", "8424000004AABBCCDD",
            "842400010C" + "AA" * 12, "8424000114" + "AA" * 20, "00A4040006D15600000503",
            "B02801011301000000640000006400000064330400815985",
            "B02800010B0100000064330400815985", "B02C01000F0000000120250301120000AABBCCDD",
            "B02A00000B20250301120000AABBCCDD",
        )  # fmt: skip
        return bytes.fromhex(self.random.choice(texts))

    def _authentication(self) -> bytes:
        """EXTERNAL AUTHENTICATE with a key of the card and what was the last challenge."""
        bench, choice = self.bench, self.random.choice
        session = self.session
        fid = session.df.fid
        bench.at = fid if fid in self.valid and fid != MF else SSSE
        kids = [
            (key.kid, self.random.randint(1, key.versions))
            for directory in (bench.profile.environment, bench.profile.directory(bench.at))
            for key in directory.keys
            if key.use is KeyUse.EXTERNAL
        ]
        kid, version = choice(kids)
        self._send(GET_CHALLENGE.apdu(le=choice((4, 8, 8, 8, 16))))
        challenge = session.status.challenge or bytes(8)
        return bench.authentication(kid, challenge, version, wrong=self.random.random() < 0.1)

    def _secured(self) -> bytes:
        """A command with a right MAC under STK of where the card stands."""
        bench, choice = self.bench, self.random.choice
        session = self.session
        fid = session.df.fid
        root = f"STK{fid:04X}" if fid in self.valid and fid not in (MF, SSSE) else "STKSSSE"
        self._send(b"\x00\x84\x00\x00\x08")
        challenge = session.status.challenge or bytes(8)
        header, data = choice(
            [("84240000", b""), ("841E0001", b""), ("84160000", b""), ("84240001", bytes(8)),
             ("84240001", bytes(16)), ("04DC012C", b"\x01\x02ab"), ("04DC003B", b"\x01" * 0x55),
             ("04D68700", b"\x55" * 9), ("04D69600", b"\x55")]
        )  # fmt: skip
        return bench.secured(header, data, bench.key(root), challenge)

    def _purchase(self) -> bytes:
        """DEBIT FOR PURCHASE with a right MAC1, behind its INITIALIZE."""
        for command in ("00A4040006D15600000503", "0020000003123456"):
            self._send(bytes.fromhex(command))
        amounts = b"".join(self.random.randrange(2000).to_bytes(4) for _ in range(3))
        index = self.random.choice((1, 2, 3))
        terminal = bytes.fromhex("330400815985")
        data = bytes((index,)) + amounts + terminal
        answer = self._send(INITIALIZE_FOR_PURCHASE.apdu(data=data))
        if len(answer) != 24:
            return self._common()
        sequence, time = self.random.randbytes(4), bytes.fromhex("20250301120000")
        key = self.bench.key("DPK", index)
        session = self.bench.session(key, answer[18:22] + answer[14:16] + sequence[2:])
        mac1 = session.mac(amounts + b"\x32" + terminal + time)
        return DEBIT_FOR_PURCHASE.apdu(data=sequence + time + mac1)

    def _issuing(self) -> bytes:
        """A command of the blank phase, with the master key of where the card stands."""
        bench, r = self.bench, self.random
        session = self.session
        master = bench.data.master_keys.get(session.df.fid, bytes(16))
        self._send(b"\x00\x84\x00\x00\x08")
        challenge = session.status.challenge or bytes(8)
        self._send(
            EXTERNAL_AUTHENTICATE.apdu(data=direct_authentication(bench.suite, master, challenge))
        )
        fid = bytes((0xEF, r.randrange(0x20)))
        return r.choice(
            [
                CREATE_FILE.apdu(p2=0x03, data=fid + bytes.fromhex("0010000000000000000000")),
                CREATE_FILE.apdu(p2=0x07, data=fid + bytes.fromhex("040300000000000000000000")),
                CREATE_FILE.apdu(p2=0x05, data=fid + bytes.fromhex("002000010000000000000000")),
                bytes.fromhex("80E000020DDF200400000000000038000003"),
                bytes.fromhex("BFCE000000"),
                bytes.fromhex("BFFE000000"),
                bytes.fromhex("BFC8000000"),
                bytes.fromhex("80D4000018") + r.randbytes(24),
            ]
        )
