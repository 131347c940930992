# SPDX-License-Identifier: Apache-2.0
"""A card with a bank application on a test bench, a terminal's commands, and its issuer's half.

::

    bench = BankBench()
    bench.select()
    bench.initiate()
    assert bench.generate(ARQC).kind == ARQC
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

from sscard_chip.applications.bank.data import BALANCE, DATA_FID, BankData, TransactionData
from sscard_chip.card import Card
from sscard_chip.filesystem import tlv
from sscard_chip.filesystem.tree import Directory
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.profile.bank import BankContents, BankKeys, ElectronicCash, Variant, add_bank
from sscard_chip.profile.bank.model import CDOL1, CDOL2, PDOL
from sscard_chip.profile.compiler import compile_template
from sscard_chip.security.emv import BANK_SUITES
from sscard_chip.standard.commands import (
    EXTERNAL_AUTHENTICATE,
    GENERATE_AC,
    GET_PROCESSING_OPTIONS,
    READ_RECORD,
    SELECT,
    before_mac,
)
from tests.bench.exchange import CardBench
from tests.bench.reference.bank import IssuerSession

AAC, TC, ARQC = 0x00, 0x40, 0x80
PSE, PPSE = b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01"
DEBIT: Final = Variant.DEBIT.aid
PIN: Final = "48270"
PAN: Final = "6239900000000005"
KEYS: Final = BankKeys(
    bytes.fromhex("0D2E3CB0BC1F9E03AED58F663A2F9679"),
    bytes.fromhex("000102030405060708090A0B0C0D0E0F"),
    bytes.fromhex("F0E1D2C3B4A5968778695A4B3C2D1E0F"),
)
CONTENTS: Final = BankContents(
    pan=PAN, expiry="301231", keys=KEYS, pin=PIN, discretionary="00000123"
)
CASH: Final = ElectronicCash(
    balance_fen=50_000, limit_fen=100_000, single_limit_fen=20_000, reset_threshold_fen=1_000
)

TERMINAL: Final[dict[int, bytes]] = {
    0x9F02: bytes.fromhex("000000001234"),
    0x9F03: bytes(6),
    0x9F1A: bytes.fromhex("0156"),
    0x95: bytes(5),
    0x5F2A: bytes.fromhex("0156"),
    0x9A: bytes.fromhex("261128"),
    0x9C: b"\x00",
    0x9F37: bytes.fromhex("01020304"),
    0x9F21: bytes.fromhex("120102"),
    0x9F4E: b"CORNER SHOP".ljust(20),
    0x9F66: bytes.fromhex("26000000"),
    0x8A: b"00",
}
_SIGNED: Final = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)


class Generated(NamedTuple):
    """The answer of GENERATE AC. ``cvr`` are 4 bytes, ``balance`` 5."""

    kind: int
    atc: bytes
    cryptogram: bytes
    issuer_data: bytes

    @property
    def cvr(self) -> bytes:
        return self.issuer_data[3:7]

    @property
    def balance(self) -> bytes:
        return self.issuer_data[10:15]


@cache
def _template(generation: int, algorithm: str | None) -> Memory:
    return compile_template(for_generation(generation), algorithm)


def new_memory(generation: int = 3, *applications: BankContents) -> Memory:
    """A card of a generation with these applications, by default :data:`CONTENTS`."""
    memory = _template(generation, None).copy()
    for contents in applications or (CONTENTS,):
        add_bank(memory, contents)
    return memory


def select_command(name: bytes, p2: int = 0) -> bytes:
    return SELECT.apdu(0x04, p2, name, le=0)


def amount(fen: int) -> bytes:
    return bytes.fromhex(f"{fen:012d}")


class BankBench(CardBench):
    """A powered card at its MF, the terminal in front of it and the issuer behind.

    ``transmit`` stands between, by default the card itself.
    """

    def __init__(
        self,
        contents: BankContents = CONTENTS,
        *,
        generation: int = 3,
        memory: Memory | None = None,
        **changes: object,
    ) -> None:
        self.contents = replace(contents, **changes)  # type: ignore[arg-type]
        self.memory = new_memory(generation, self.contents) if memory is None else memory
        super().__init__(Card(self.memory))
        self.suite = BANK_SUITES[self.contents.suite]
        self.aid = self.contents.variant.aid
        files = Card(self.memory).files
        self.directory: Directory = next(d for d in files.directories if d.name == self.aid)
        self.data = BankData(self.directory.internal[DATA_FID])
        self.chain = b""
        self.arqc = b""

    # --- commands ---------------------------------------------------------------------------

    def select(self, name: bytes | None = None) -> bytes:
        self.chain = b""
        return self.ok(select_command(name or self.aid))  # with Le, as EMV wants it

    def initiate(self) -> bytes:
        """GET PROCESSING OPTIONS for a contact application without PDOL."""
        return self.ok("80A8000002830000")

    def contactless(self, **changes: bytes) -> dict[int, bytes]:
        """PPSE, the application, GPO; what it answers by tag."""
        self.select(PPSE)
        self.select()
        return dict(tlv.flatten(self.ok(self.contactless_command(**changes))))

    def contactless_command(self, **changes: bytes) -> bytes:
        data = tlv.fill_dol(tlv.parse_dol(PDOL), self.values(changes))
        body = tlv.tlv(0x83, data)
        return GET_PROCESSING_OPTIONS.apdu(data=body, le=0)

    @staticmethod
    def values(changes: dict[str, bytes]) -> dict[int, bytes]:
        """The terminal's data, changed: ``values({"t9F02": ...})``."""
        return TERMINAL | {int(tag[1:], 16): value for tag, value in changes.items()}

    def generate_command(self, kind: int, *, dol: bytes = CDOL1, **changes: bytes) -> bytes:
        data = tlv.fill_dol(tlv.parse_dol(dol), self.values(changes))
        return GENERATE_AC.apdu(kind, data=data, le=0)

    def generate(self, kind: int, *, dol: bytes = CDOL1, **changes: bytes) -> Generated:
        """GENERATE AC, its cryptogram and MAC checked against the keys."""
        body = self.ok(self.generate_command(kind, dol=dol, **changes))
        assert body[:2] == b"\x80\x1e"
        found = Generated(body[2], body[3:5], body[5:13], body[13:])
        self.check(found, self.values(changes))
        if dol == CDOL1:
            self.arqc = found.cryptogram
        return found

    def check(self, found: Generated, values: dict[int, bytes]) -> None:
        """A cryptogram of version 01 and the issuer data against the keys."""
        data, session = found.issuer_data, self.issuer(found.atc)
        terminal = b"".join(values[tag] for tag in _SIGNED)
        message = terminal + self.data.value(0x82) + found.atc + found.cvr
        assert found.cryptogram == session.cryptogram(message)
        assert data[:3] == bytes((7, self.contents.keys.derivation_key_index, 1))
        assert data[7:10] == bytes((self.suite.algorithm_code, 0x0A, 0x01))
        assert data[15:] == self.data_mac(found.atc, data[10:15])
        assert data[10:15] == self.data.value(BALANCE)[1:]

    def data_mac(self, atc: bytes, balance: bytes) -> bytes:
        """The MAC that ends 9F10, by an oracle of its own."""
        session = self.issuer(atc, self.contents.keys.script_mac)
        return session.mac(atc + balance + b"\0")

    def verify(self, pin: str = PIN) -> int:
        return self.sw("0020008008" + f"2{len(pin):X}{pin:F<14}")

    # --- the issuer -------------------------------------------------------------------------

    def issuer(self, atc: bytes, key: bytes | None = None) -> IssuerSession:
        """The session of a card key, by default that of cryptograms."""
        return IssuerSession.of(self.contents.suite, key or self.contents.keys.cryptogram, atc)

    @property
    def atc(self) -> bytes:
        return self.data.value(0x9F36)

    def answer_command(self, code: bytes = b"00", *, wrong: bool = False) -> bytes:
        """EXTERNAL AUTHENTICATE with the issuer's ARPC."""
        arpc = self.issuer(self.atc).arpc(self.arqc or bytes(8), code)
        if wrong:
            arpc = bytes((arpc[0] ^ 1,)) + arpc[1:]
        return EXTERNAL_AUTHENTICATE.apdu(data=arpc + code)

    def script_command(self, header: str, data: bytes = b"", *, wrong: bool = False) -> bytes:
        """A command of the issuer's script: the next of the chain."""
        head = before_mac(bytes.fromhex(header), data)[:5]
        session = self.issuer(self.atc, self.contents.keys.script_mac)
        block = session.mac_block(head + self.atc + self.arqc + data, self.chain)
        mac = block[:4]
        if wrong:
            mac = bytes((mac[0] ^ 1,)) + mac[1:]
        else:
            self.chain = block
        return head + data + mac

    def script(self, header: str, data: bytes = b"", *, wrong: bool = False) -> int:
        return self.sw(self.script_command(header, data, wrong=wrong))

    # --- whole steps ------------------------------------------------------------------------

    def to_online(self, **changes: bytes) -> Generated:
        """A transaction up to its ARQC."""
        self.select()
        self.initiate()
        return self.generate(ARQC, **changes)

    def complete(self, **changes: bytes) -> Generated:
        """An online transaction that the issuer approves."""
        self.to_online(**changes)
        assert self.sw(self.answer_command()) == 0x9000
        return self.generate(TC, dol=CDOL2, **changes)

    # --- what is on the card ----------------------------------------------------------------

    @property
    def counters(self) -> TransactionData:
        return self.data.read()

    def set_counters(self, **fields: object) -> None:
        """Put counters where a test wants them."""
        self.data.stage(self.counters._replace(**fields))  # type: ignore[arg-type]
        self.memory.commit()

    def set_value(self, tag: int, value: bytes) -> None:
        self.data.stage_value(tag, value)
        self.memory.commit()

    def log(self) -> list[bytes]:
        """The records of the log, newest first."""
        found: list[bytes] = []
        while (answer := self.send(READ_RECORD.apdu(len(found) + 1, 0x5C, le=0))).sw == 0x9000:
            found.append(answer.body)
        assert answer.sw == 0x6A83
        return found
