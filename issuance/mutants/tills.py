# SPDX-License-Identifier: Apache-2.0
"""Faulty terminals: our till with one fault in what it sends, hears, or is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from issuance.mutants.model import Fault, FaultyCard, Mutant
from issuance.mutants.workshop import OurTill
from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.identifiers import SSSE_NAME
from sscard_chip.terminal.conformance.tills import (
    JudgedTerminal,
    SaleAnswer,
    SaleOrder,
    TerminalMaker,
    Workplace,
)

_OK: Final = b"\x90\x00"
_SELECT_SSSE: Final = b"\x00\xa4\x04\x00\x0f" + SSSE_NAME
_VERIFY, _INTERNAL, _INIT, _DEBIT, _PROOF = 0x20, 0x88, 0x28, 0x2C, 0x2E
_INIT_SAM, _CREDIT_SAM, _CIPHER = 0x70, 0x72, 0xFA
_T: Final = "SSC-32.8-"


def at_place(card: Fault | None = None, psam: Fault | None = None) -> TerminalMaker:
    """Our till, whose connections change what passes."""

    def factory(place: Workplace) -> JudgedTerminal:
        if card:
            place = replace(place, card=FaultyCard(place.card, card))
        if psam:
            place = replace(place, psam=FaultyCard(place.psam, psam))
        return OurTill(place)

    return factory


def placed(change: Callable[[Workplace], Workplace]) -> TerminalMaker:
    """Our till at a workplace that is another one."""
    return lambda place: OurTill(change(place))


def _answer(ins: int, answer: bytes) -> Fault:
    """A command is not sent; the terminal takes this for its answer."""
    return lambda card, apdu: answer if apdu[1] == ins else card.right(apdu)


def word_taken_for(before: bytes, after: bytes, ins: int | None = None) -> Fault:
    """A status word is taken for another one."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        answer = card.right(apdu)
        return after if answer == before and ins in (None, apdu[1]) else answer

    return fault


def in_command(ins: int, change: Callable[[bytes], bytes]) -> Fault:
    """The data field of a command is another one."""

    def fault(card: FaultyCard, apdu: bytes) -> bytes:
        if apdu[1] == ins and len(apdu) > 5:
            end = 5 + apdu[4]
            apdu = apdu[:5] + change(apdu[5:end]) + apdu[end:]
        return card.right(apdu)

    return fault


def _pin_in_mf(card: FaultyCard, apdu: bytes) -> bytes:
    if apdu[1] != _VERIFY or len(apdu) <= 5:
        return card.right(apdu)
    card.right(bytes.fromhex("00A4000000"))
    answer = card.right(apdu)
    card.right(_SELECT_SSSE)
    return answer


def _pin_again(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    if apdu[1] == _VERIFY and len(apdu) > 5 and answer[0] == 0x63:
        return card.right(apdu)
    return answer


def _pin_elsewhere(card: FaultyCard, apdu: bytes) -> bytes:
    if apdu[1] == _VERIFY and len(apdu) > 5:
        card.right(b"\x00\x88\x00\x00\x10" + apdu[5:].ljust(16, b"\0"))
    return card.right(apdu)


def _challenge_between(card: FaultyCard, apdu: bytes) -> bytes:
    if apdu[1] == _DEBIT:
        card.right(bytes.fromhex("0084000008"))
    return card.right(apdu)


def _stubborn(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    for _ in range(4):
        if answer == b"\x6a\x81":
            answer = card.right(apdu)
    return answer


def _never_expired(card: FaultyCard, apdu: bytes) -> bytes:
    answer = card.right(apdu)
    if apdu[1] == 0xB2 and answer[:2] == b"\x06\x04" and len(answer) == 8:
        return b"\x06\x04\x20\x99\x12\x31" + _OK
    return answer


def _always_genuine() -> TerminalMaker:
    """What the PSAM expects is taken for what the card has answered."""
    expected: dict[str, bytes] = {}

    def psam(card: FaultyCard, apdu: bytes) -> bytes:
        answer = card.right(apdu)
        if apdu[1] == _CIPHER:
            expected["waits"] = b"1"
        ended = apdu[1] in (_CIPHER, 0xC0) and answer[-2:] == _OK and len(answer) in (10, 18)
        if ended and expected.pop("waits", b""):
            value = answer[:-2]
            if len(value) == 16:
                value = (int.from_bytes(value[:8]) ^ int.from_bytes(value[8:])).to_bytes(8)
            expected["value"] = value
        return answer

    def card(card: FaultyCard, apdu: bytes) -> bytes:
        if apdu[1] == _INTERNAL:
            card.kept["asked"] = b"1"
            return b"\x61\x08"
        if apdu[1] == 0xC0 and card.kept.pop("asked", b""):
            return expected.get("value", bytes(8)) + _OK
        return card.right(apdu)

    return at_place(card, psam)


class _Powered(FaultyCard):
    """A card that is left with power."""

    def power_off(self) -> None:
        """Nothing is done."""


class _Forgetful:
    """A terminal that begins with empty files for each sale."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._sales = 0

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """Sell."""
        self._sales += 1
        folder = self._place.folder / f"sale{self._sales}"
        folder.mkdir()
        return OurTill(replace(self._place, folder=folder)).sell(order)


class _Twice(_Forgetful):
    """A terminal that debits twice."""

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """Sell twice."""
        super().sell(order)
        return super().sell(order)


class _Early(OurTill):
    """A terminal that sends the PIN before it knows what card it has."""

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """Verify, then sell."""
        card = self._place.card
        card.power_on()
        card.transmit(_SELECT_SSSE)
        digits = self._place.ask_pin(6)
        if digits:
            pin = bcd(digits)
            card.transmit(b"\x00\x20\x00\x00" + bytes((len(pin),)) + pin)
        return super().sell(order)


class _Hopeful(OurTill):
    """A terminal that takes every open sale for paid."""

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """Sell."""
        answer = super().sell(order)
        return SaleAnswer("paid", bytes(4)) if answer.outcome == "open" else answer


class _WrongTac(OurTill):
    """A terminal that keeps another TAC than the card's."""

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """Sell."""
        answer = super().sell(order)
        return replace(answer, tac=answer.tac[::-1])


class _Writing(OurTill):
    """A terminal that writes a file of the card after a sale."""

    def sell(self, order: SaleOrder) -> SaleAnswer:
        """Sell, then write."""
        answer = super().sell(order)
        card = self._place.card
        card.power_on()
        card.transmit(_SELECT_SSSE)
        card.transmit(bytes.fromhex("00DC062C06060420991231"))
        card.power_off()
        return answer


def _one_pin(place: Workplace) -> Workplace:
    """The PIN is asked for once and kept."""
    kept: list[str | None] = []

    def ask(tries: int) -> str | None:
        if not kept:
            kept.append(place.ask_pin(tries))
        return kept[0]

    return replace(place, ask_pin=ask)


def _more(amounts: bytes) -> bytes:
    return (int.from_bytes(amounts[:4]) + 1).to_bytes(4) + amounts[4:]


def _turned(amounts: bytes) -> bytes:
    return amounts[:4] + amounts[8:] + amounts[4:8]


def _amounts(change: Callable[[bytes], bytes]) -> TerminalMaker:
    """Card and PSAM are told the same wrong amounts."""
    return at_place(
        in_command(_INIT, lambda body: body[:1] + change(body[1:13]) + body[13:]),
        in_command(_INIT_SAM, lambda body: body[:6] + change(body[6:18]) + body[18:]),
    )


def till_mutant(name: str, wrong: str, caught_by: str, terminal: TerminalMaker) -> Mutant:
    """A faulty terminal."""
    return Mutant(
        name=f"till-{name}", wrong=wrong, caught_by=_T + caught_by, judged="terminal",
        terminal=terminal,
    )  # fmt: skip


TILLS: Final = (
    till_mutant("skips-pin", "No PIN is verified", "PIN-01", at_place(_answer(_VERIFY, _OK))),
    till_mutant("ignores-hotlist", "The hotlist is ignored", "CARD-12",
          placed(lambda place: replace(place, hotlist=Hotlist("20260301000000")))),
    till_mutant("no-recovery", "An open sale is forgotten", "PULLED-01", _Forgetful),
    till_mutant("challenge-between", "A command stands between INITIALIZE and DEBIT", "SALE-05",
          at_place(_challenge_between)),
    till_mutant("debits-twice", "A sale is debited twice", "SALE-01", _Twice),
    till_mutant("no-mac2", "MAC2 is not given to the PSAM", "SALE-09",
          at_place(psam=_answer(_CREDIT_SAM, _OK))),
    till_mutant("ignores-mac2", "A wrong MAC2 is not told", "SALE-10",
          at_place(psam=word_taken_for(b"\x93\x02", _OK, _CREDIT_SAM))),
    till_mutant("wrong-amount", "One fen more is debited", "SALE-02", _amounts(_more)),
    till_mutant("amounts-turned", "Self-paid and pooled part change places", "SALE-02",
          _amounts(_turned)),
    till_mutant("pin-in-mf", "The PIN is sent in the MF", "PIN-02", at_place(_pin_in_mf)),
    till_mutant("pin-twice", "A wrong PIN is sent twice", "PIN-05", at_place(_pin_again)),
    till_mutant("pin-kept", "The PIN is kept for the next sale", "PIN-11", placed(_one_pin)),
    till_mutant("pin-elsewhere", "The PIN stands in INTERNAL AUTHENTICATE", "PIN-10",
          at_place(_pin_elsewhere)),
    till_mutant("pin-early", "The PIN is sent before the card is known to be genuine", "CARD-02",
                _Early),
    till_mutant("takes-6283", "SSSE that answers 6283 is sold to", "CARD-23",
          at_place(word_taken_for(b"\x62\x83", b"\x61\x18"))),
    till_mutant("stubborn", "6A81 is answered by trying again", "FAULT-21", at_place(_stubborn)),
    till_mutant("never-expired", "Expired cards are served", "CARD-01", at_place(_never_expired)),
    till_mutant("always-genuine", "The card's proof is not looked at", "CARD-02",
                _always_genuine()),
    till_mutant("leaves-power", "The card keeps its power", "BEGIN-07",
          placed(lambda place: replace(place, card=_Powered(place.card, FaultyCard.right)))),
    till_mutant("hopeful", "An open sale is taken for paid", "PULLED-02", _Hopeful),
    till_mutant("wrong-tac", "The TAC that is kept is not the card's", "SALE-01", _WrongTac),
    till_mutant("writes", "A record of the card is written", "SALE-12", _Writing),
    till_mutant("other-terminal", "The card is told another terminal's number", "SALE-03",
          at_place(in_command(_INIT, lambda body: body[:13] + bytes(6)))),
    till_mutant("proof-number", "The proof is asked for with the next number", "PULLED-06",
          at_place(in_command(_PROOF, lambda body: (int.from_bytes(body) + 1).to_bytes(2)))),
)  # fmt: skip
