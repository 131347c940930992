# SPDX-License-Identifier: Apache-2.0
"""A transaction under way: the values by tag, TVR and TSI, and the commands both kernels send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sscard_chip.standard.commands import GET_DATA, GET_PROCESSING_OPTIONS, READ_RECORD
from sscard_chip.terminal.bank.data import CRYPTOGRAM_TAGS, AuthorisationRequest
from sscard_chip.terminal.bank.errors import CardDataError
from sscard_chip.terminal.bank.results import Decision, PaymentOutcome, ScriptResult, Tsi, Tvr
from sscard_chip.terminal.bank.selection import Selected
from sscard_chip.terminal.bank.terminal import BankPurchase, TerminalProfile, terminal_data
from sscard_chip.terminal.bank.tlv import digits_of, dol_data, open_template, primitives, tlv, tlvs
from sscard_chip.terminal.client import ApduClient

FORMAT_1: Final = 0x80
FORMAT_2: Final = 0x77
_RECORD: Final = 0x70
_PUBLIC_SFIS: Final = range(1, 11)
"""SFIs whose records are one template 70 (EMV book 3, 5.3.1)."""


@dataclass(slots=True, eq=False, repr=False)
class TerminalTransaction:
    """State of one transaction. ``data`` holds the values of card and terminal by tag."""

    client: ApduClient
    terminal: TerminalProfile
    purchase: BankPurchase
    selected: Selected
    data: dict[int, bytes] = field(init=False)
    tvr: Tvr = field(init=False)
    tsi: Tsi = field(init=False)
    static: bytes = b""
    _read: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.data = terminal_data(self.terminal, self.purchase)
        self.tvr, self.tsi = Tvr(0), Tsi(0)

    def asked(self, dol: bytes, what: str) -> bytes:
        """The values that a list of the card's asks for. TVR and TSI stay in the data as they
        are reported now: a cryptogram covers them so, whatever is found later.
        """
        self.data |= {0x95: self.tvr.field, 0x9B: self.tsi.field}
        return dol_data(dol, self.data, what)

    def value(self, tag: int) -> bytes:
        """A value that must be there. :raises CardDataError: it is not."""
        found = self.data.get(tag)
        if found is None:
            raise CardDataError(f"the card gave no {tag:02X}")
        return found

    def get_processing_options(self) -> None:
        """GPO with the PDOL's data; AIP and AFL, or all that format 2 brings.

        :raises CardStatusError: the card refuses, e.g. 6985.
        """
        asked = self.asked(self.selected.pdol, "PDOL")
        answer = self.client.require(GET_PROCESSING_OPTIONS, data=tlv(0x83, asked), le=0)
        objects = list(tlvs(answer, "GPO"))
        if len(objects) != 1:
            raise CardDataError("GPO: is not one template")
        tag, body = objects[0]
        if tag == FORMAT_1:
            if len(body) < 6 or (len(body) - 2) % 4:
                raise CardDataError("GPO: AIP and AFL have another length")
            self.data |= {0x82: body[:2], 0x94: body[2:]}
        elif tag == FORMAT_2:
            self.data |= dict(primitives(body, "GPO"))
            self.value(0x82)
        else:
            raise CardDataError("GPO: is neither format 1 nor format 2")

    def read_records(self) -> None:
        """The records of the AFL; those that take part in offline data authentication are kept.

        :raises CardDataError: an AFL or a record that is none, or a tag that comes twice.
        """
        afl = self.data.get(0x94, b"")
        for at in range(0, len(afl), 4):
            sfi, first, last, signed = afl[at] >> 3, *afl[at + 1 : at + 4]
            if afl[at] & 0x07 or not 1 <= sfi <= 30 or not 1 <= first <= last:
                raise CardDataError("AFL: has an entry that is none")
            if signed > last - first + 1:
                raise CardDataError("AFL: signs more records than there are")
            for number in range(first, last + 1):
                record = self.client.require(READ_RECORD, number, sfi << 3 | 0x04, b"", 0)
                what = f"record {number} of SFI {sfi}"
                body = open_template(_RECORD, record, what)
                self._take(body, what)
                if number < first + signed:
                    self.static += body if sfi in _PUBLIC_SFIS else record

    def _take(self, body: bytes, what: str) -> None:
        for tag, value in primitives(body, what):
            if tag in self._read:
                raise CardDataError(f"{what}: {tag:02X} has come before")
            self._read.add(tag)
            self.data[tag] = value

    def check_account(self) -> None:
        """5A, 57 and 5F24 are there and agree. :raises CardDataError: they do not."""
        if 0x5A not in self.data and 0x57 in self.data:
            track = self.data[0x57].hex().upper()
            self.data[0x5A] = bytes.fromhex(_even(track.partition("D")[0]))
        pan = self.pan
        track = self.data.get(0x57, b"").hex().upper()
        if track and not track.startswith(pan + "D"):
            raise CardDataError("57: is of another account than 5A")

    @property
    def pan(self) -> str:
        """The digits of 5A."""
        return digits_of(self.value(0x5A))

    @property
    def sequence(self) -> str:
        """The two digits of 5F34; 00 when the card has none."""
        return self.data.get(0x5F34, b"\x00").hex()

    def get_data(self, tag: int) -> bytes | None:
        """GET DATA; None when the card does not give it."""
        answer = self.client.send(GET_DATA, tag >> 8, tag & 0xFF, b"", 0)
        return open_template(tag, answer.data, f"{tag:02X}") if answer.ok else None

    def request(self) -> AuthorisationRequest:
        """What the issuer is asked with the cryptogram at hand."""
        tags = (*CRYPTOGRAM_TAGS, 0x82, 0x9F36, 0x9F10, 0x9F26, 0x9F27)
        values = {tag: self.value(tag) for tag in tags}
        return AuthorisationRequest(self.pan, self.sequence, values)

    def outcome(
        self,
        decision: Decision,
        response_code: bytes | None = None,
        scripts: tuple[ScriptResult, ...] = (),
    ) -> PaymentOutcome:
        """The end."""
        return PaymentOutcome(
            decision,
            self.selected.aid,
            self.selected.label,
            self.tvr,
            self.tsi,
            int.from_bytes(self.value(0x9F36)),
            self.value(0x9F26),
            response_code,
            scripts,
            self.pan,
            dict(self.data),
        )


def _even(digits: str) -> str:
    return digits + "F" * (len(digits) % 2)
