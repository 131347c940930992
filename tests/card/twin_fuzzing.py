# SPDX-License-Identifier: Apache-2.0
"""The fuzzer of the card with a twin beside it, and more forms near those of the shortcuts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sscard_chip.apdu.dispatch import Shortcut
from sscard_chip.apdu.instructions import BASE_SHORTCUTS
from sscard_chip.applications.medical import MEDICAL_SHORTCUTS
from sscard_chip.card import Card
from sscard_chip.filesystem.files import TransparentFile
from sscard_chip.profile.bank import add_bank
from sscard_chip.profile.model import Profile, Rule, Structure
from sscard_chip.profile.purse import add_purse
from sscard_chip.standard.commands import SELECT, VERIFY
from tests.bench import bank, purse_cards
from tests.bench.exchange import RefusedError
from tests.bench.issued import PIN, SELECT_SSSE, SSSE, SSSE_NAME, Bench
from tests.card.fuzzing import Fuzzer
from tests.card.sweep import whole_profile
from tests.card.twins import Twins

SHORTCUTS: Final = BASE_SHORTCUTS | MEDICAL_SHORTCUTS
ACCOUNT: Final = {"balance_fen": 5_000_000, "year": "2025"}
NAMES: Final = (
    SSSE_NAME, SSSE_NAME[:5], *(bytes.fromhex(f"D156000005{n:02X}") for n in range(6)),
    bytes.fromhex("D156000005"), b"1PAY.SYS.DDF01", bank.DEBIT, bytes.fromhex("A00000000386980701"),
)  # fmt: skip
TERMINAL: Final = bytes.fromhex("330400815985")
OPEN: Final = b"\xb0\x28\x01\x01\x13\x01" + bytes(11) + b"\x01" + TERMINAL
COMMANDS: Final = 20_000


def with_free_files(generation: int) -> Profile:
    """Everything that a generation may have, and in DF04, where a purchase can be open, a record
    file and a transparent one that anybody may read."""
    profile = whole_profile(generation)
    df04 = profile.directory(0xDF04)
    free = replace(df04.file(0xEF05), read=Rule())
    source = next(f for d in profile.directories for f in d.files
                  if f.structure is Structure.TRANSPARENT)  # fmt: skip
    plain = replace(source, fid=0xEF1D, read=Rule())
    changed = df04.with_files(free, plain)
    return replace(
        profile,
        applications=tuple(changed if d is df04 else d for d in profile.applications),
    )


class TwinFuzzer(Fuzzer):
    """Every command of the fuzzer goes to a twin without shortcuts, and more of near forms.

    ``met`` counts, for each shortcut that was asked or would have been, the state of the card.
    """

    twins: Twins | None = None
    planted: dict[bytes, Shortcut] | None = None

    def __init__(
        self,
        generation: int,
        algorithm: str,
        seed: int,
        planted: dict[bytes, Shortcut] | None = None,
    ) -> None:
        self.planted = planted
        self.met: Counter[tuple[str, bool, bool, int, int]] = Counter()
        super().__init__(generation, algorithm, seed)
        self.selections += [SELECT.apdu(0x04, data=n) for n in NAMES]

    def _power(self) -> None:
        if self.twins is None:
            self.twins = Twins(self.memory, self.seed, self.planted)
            self.card = self.bench.card = self.twins.fast
        self.twins.slow._memory.cells[:] = self.memory.cells
        self.twins.power_on()

    def _send(self, command: bytes) -> bytes:
        assert self.twins is not None
        session = self.session
        state, pin = session.memory.cells, session.df.environment.pin
        if command[:2] in SHORTCUTS:
            verified = bool(session.status.verified_pin)
            opened = session.transaction is not None
            assert pin is None or pin.retry_limit
            self.met[command[:2].hex(), verified, opened, session.df.state, state[0]] += 1
        answer = super()._send(command)
        self.twins.follow(command, answer)
        return answer

    # --- forms near those of the shortcuts ------------------------------------------------------

    def make_bench(self, generation: int, algorithm: str) -> Bench:
        profile = with_free_files(generation)
        bench = Bench(generation, algorithm=algorithm, profile=profile, account=ACCOUNT)
        bench.transmit = self._send
        return bench

    def makers(self) -> list[Callable[[], bytes]]:
        makers = [self._authentication, self._secured, self._purchase] * 8
        return [*makers, self._issuing, *[self._block_application, self._block_card] * 3]

    def _block_application(self) -> bytes:
        """APPLICATION BLOCK for good, with the right that it wants."""
        with suppress(RefusedError):
            block = self._blocking(self.random.choice((0xDF03, 0xDF04)), 0x83, "841E0001")
            self.bench.ok(block)
        return self._near()

    def _block_card(self) -> bytes:
        """CARD BLOCK, with the right that it wants."""
        with suppress(RefusedError):
            return self._blocking(SSSE, 0x05, "84160000")
        return SELECT_SSSE

    def _blocking(self, fid: int, kid: int, header: str) -> bytes:
        bench = self.bench
        bench.enter(fid)
        bench.ok(bench.authentication(kid, bench.challenge()))
        root = "STKSSSE" if fid == SSSE else f"STK{fid:04X}"
        return bench.secured(header, b"", bench.key(root), bench.challenge())

    def next_command(self, makers: list[Callable[[], bytes]]) -> bytes:
        r, kind = self.random, self.random.randrange(32)
        if kind < 3:
            return r.choice(makers)()
        if kind < 7:
            return self._mutated(self.plain()) if kind < 5 else self.plain()
        if kind < 9:
            return self._random_header()
        if kind < 11:
            return SELECT_SSSE if kind == 9 else self._open_application()
        command = self._near()
        if kind == 11:
            command = bytes((r.choice(b"\x00\x01\x04\x80\x84\xb0\xff"),)) + command[1:]
        return self._mutated(command) if kind < 15 else command

    def _near(self) -> bytes:
        return self.random.choice(
            (self._record, self._record, self._record, self._binary, self._binary, self._challenge,
             self._select, self._name, self._initialize, self._debit, self._in_a_purchase)
        )()  # fmt: skip

    def _in_a_purchase(self) -> bytes:
        """Any of these, behind an INITIALIZE that has opened a purchase."""
        with suppress(RefusedError):
            self.bench.enter(0xDF04)
            self.bench.verify()
            self.bench.ok(OPEN)
        return self._near()

    def _open_application(self) -> bytes:
        """An application anew, some with the PIN."""
        self._send(SELECT_SSSE)
        if self.random.getrandbits(1):
            self._send(VERIFY.apdu(data=bytes.fromhex(PIN)))
        return b"\x00\xa4\x04\x00\x06\xd1\x56\x00\x00\x05" + bytes((self.random.randrange(6),))

    def _tail(self, *lengths: int) -> bytes:
        """No Le, Le 00, one of ``lengths`` or near it, or something that is no Le."""
        r = self.random
        near = r.choice((*lengths, r.getrandbits(8))) + r.choice((-1, 0, 0, 0, 1))
        given = bytes((near & 0xFF,))
        strange = r.choice((b"", b"\0\0", b"\x01\xaa", b"\x01\xaa\x00"))
        return r.choice((b"\0", b"\0", b"\0", given, given, given, strange))

    def _sfi(self) -> int:
        r = self.random
        files = self.session.df.files_by_sfi
        free = [sfi for sfi, file in files.items() if file.read_rule.free]
        return r.choice((0, r.getrandbits(5), *files, *free * 4))

    def _record(self) -> bytes:
        r = self.random
        mode = r.choice((4, 4, 4, 4, r.randrange(8)))
        number = r.choice((0, 1, 1, 2, 3, r.getrandbits(8)))
        return bytes((0x00, 0xB2, number, self._sfi() << 3 | mode)) + self._tail(0x20, 6)

    def _binary(self) -> bytes:
        r, ef = self.random, self.session.ef
        files = self.session.df.files.values()
        plain = [(f.sfi, f.size) for f in files if isinstance(f, TransparentFile)]
        sfi, size = r.choice((*plain, *plain, (self._sfi(), 10)))
        offset = max(0, r.choice((0, 0, 1, size - 1, size, size + 1, r.getrandbits(15))))
        p1 = r.choice((0x80, 0x80, 0x80, 0x80, 0xA0, 0xC0)) | sfi
        if ef is not None and r.getrandbits(1):
            p1 = offset >> 8 & 0x7F
        return bytes((0x00, 0xB0, p1, offset & 0xFF)) + self._tail(size & 0xFF, 1)

    def _challenge(self) -> bytes:
        r = self.random
        p1, p2 = r.choice(((0, 0), (0, 0), (0, 0), (1, 0), (0, 1)))
        return bytes((0x00, 0x84, p1, p2)) + self._tail(4, 8, 16)

    def _select(self) -> bytes:
        r = self.random
        own = [*self.session.df.files, *(d.fid for d in self.session.df.directories), 0x3F00, SSSE]
        fid = r.choice((*own, r.getrandbits(16))).to_bytes(2)
        p1, p2 = r.choice((2, 2, 2, 0, 1, 3, 5)), r.choice((0, 0, 0, 1, 2))
        return bytes((0x00, 0xA4, p1, p2, r.choice((2, 2, 2, 1, 3)))) + fid + self._tail(2)[:1]

    def _name(self) -> bytes:
        r, name = self.random, self.random.choice(NAMES)
        name = name[: r.choice((len(name), len(name), 5, 4, 6))]
        length = len(name) + r.choice((0, 0, 0, 0, 1, -1))
        return bytes((0x00, 0xA4, 4, r.choice((0, 0, 0, 2, 1)), length)) + name + self._tail(5)[:1]

    def _initialize(self) -> bytes:
        r = self.random
        money = (0, 1, 999, 5_000_000, 0xFFFFFFFF)
        data = bytes((r.choice((1, 1, 2, 3, 0, 9)),))
        data += b"".join(r.choice(money).to_bytes(4) for _ in range(3)) + TERMINAL
        p1, p2 = r.choice(((1, 1), (1, 1), (1, 1), (0, 1), (1, 0)))
        return bytes((0xB0, 0x28, p1, p2, len(data))) + data + self._tail(22)[:1]

    def _debit(self) -> bytes:
        r = self.random
        data = r.randbytes(4) + bytes.fromhex("20250301120000") + r.randbytes(4)
        data = data[: r.choice((15, 15, 14))]
        p1, p2 = r.choice(((1, 0), (1, 0), (1, 1), (0, 0)))
        return bytes((0xB0, 0x2C, p1, p2, len(data))) + data + self._tail(8)[:1]


class WithOthers(TwinFuzzer):
    """A card that carries a bank application and a purse beside the social security part."""

    def make_bench(self, generation: int, algorithm: str) -> Bench:
        bench = super().make_bench(generation, algorithm)
        add_bank(bench.memory, bank.CONTENTS)
        add_purse(bench.memory, purse_cards.contents("3des"))
        bench.card = Card(bench.memory)
        bench.card.power_on()
        return bench
