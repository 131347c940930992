# SPDX-License-Identifier: Apache-2.0
"""How a terminal begins: reset, SSSE, who the card is, whether it may pay (LD/T 32.7,
beginning of a transaction)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sscard_chip.dayfile.hotlist import HotCard, Hotlist, HotRange
from sscard_chip.profile.model import Confidence
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4, SSSE_NAME
from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.tills.build import TillChapter
from sscard_chip.terminal.conformance.tills.trial import (
    EXTERNAL,
    INIT,
    INTERNAL,
    SELECT,
    VERIFY,
    TillTrial,
)
from sscard_chip.terminal.conformance.tills.watching import CARD
from sscard_chip.terminal.conformance.tills.workplace import CardWish
from sscard_chip.terminal.conformance.verdict import UndecidedError

_ORDER: Final = TillChapter(
    "BEGIN", "LD/T 32.7, beginning of a transaction", "6001.2-terminal-begin"
)
_MAY: Final = TillChapter("CARD", "LD/T 32.7, validity of the card", "6001.2-terminal-begin")
_M: Final = {"confidence": Confidence.MEDIUM}
_ISSUER_SFI: Final = 0x05
_CARDS: Final = (
    (1, ALGORITHM_3DES),
    (2, ALGORITHM_3DES),
    (3, ALGORITHM_SM4),
    (3, ALGORITHM_3DES),
)


def cases() -> Iterator[Case]:
    """All of this module."""
    yield from (*_ORDER(), *_MAY())


def _refuses(trial: TillTrial, *, without_pin: bool = True) -> None:
    """The sale is refused before anything begins on the account, and no PIN leaves the holder."""
    answer = trial.sell()
    trial.untouched(answer)
    trial.equal(len(trial.to_card(INIT)), 0, "INITIALIZE commands")
    trial.equal(answer.outcome, "refused", "outcome of the sale")
    if without_pin:
        trial.equal(len(trial.pins()), 0, "PINs sent")


# --- order ---------------------------------------------------------------------------------------


@_ORDER.case(1, "The card is reset, then SSSE is selected by its name")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    own = [one for one in trial.transcript if one.who == CARD]
    trial.check(own[0].command == b"", "a reset first", "a command")
    first = trial.to_card()[0]
    trial.equal(first.ins, SELECT, "INS of the first command")
    trial.equal(first.command[2], 0x04, "P1 of the first command")
    trial.equal(first.body, SSSE_NAME, "name of the first SELECT")


def _reads_issuer(trial: TillTrial) -> int:
    """Where the first record of SSSE EF05 is read."""
    for place, one in enumerate(trial.transcript):
        reads = one.who == CARD and one.ins == 0xB2 and one.sw == 0x9000
        if reads and trial.directory_at(place) == "SSSE":
            return place
    raise UndecidedError("nothing is read in SSSE")


@_ORDER.case(2, "Who the card is stands before the internal authentication", **_M)
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    trial.check(
        _reads_issuer(trial) < trial.place_of(INTERNAL), "reading of EF05 first", "authentication"
    )


@_ORDER.case(3, "The card proves itself, with a random of its own each time")
def _(trial: TillTrial) -> None:
    found = []
    for _ in range(3):
        trial.place()
        trial.paid(trial.sell())
        authentications = trial.to_card(INTERNAL)
        trial.check(bool(authentications), "INTERNAL AUTHENTICATE", "none")
        found.append(authentications[0].body[:16])
    trial.equal(len({one[:8] for one in found}), 3, "different randoms for the session key")
    trial.equal(len({one[8:] for one in found}), 3, "different randoms to be enciphered")


@_ORDER.case(4, "The card is genuine before the PIN is sent and the account is touched")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    proven = trial.place_of(INTERNAL)
    trial.check(proven < trial.place_of(INIT), "INTERNAL AUTHENTICATE before INITIALIZE", "after")
    for place, one in enumerate(trial.transcript):
        if one.who == CARD and one.ins == VERIFY and one.body:
            trial.check(proven < place, "INTERNAL AUTHENTICATE before the PIN", "after it")


@_ORDER.case(5, "The PIN's state is asked before the PIN")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    verifies = trial.to_card(VERIFY)
    trial.check(bool(verifies) and not verifies[0].body, "VERIFY without digits first", "another")


@_ORDER.case(6, "DF04 is current when the account is touched")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    for place, one in enumerate(trial.transcript):
        if one.who == CARD and one.command[:1] == b"\xb0":
            trial.equal(trial.directory_at(place), "DF04", "directory of a command of the account:")


@_ORDER.case(7, "The card is without power when the sale is over")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    trial.check(not trial.slot.powered, "a card without power", "one with power")


@_ORDER.case(8, "Also after a refusal the card is without power")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(broken="expired"))
    trial.untouched(trial.sell())
    trial.check(not trial.slot.powered, "a card without power", "one with power")


@_ORDER.case(9, "Cards of generations 1, 2 and 3 are served, in both algorithms")
def _(trial: TillTrial) -> None:
    for generation, algorithm in _CARDS:
        trial.place(CardWish(generation=generation, algorithm=algorithm))
        trial.paid(trial.sell())


@_ORDER.case(10, "PSAMs of a city, a province and the ministry serve")
def _(trial: TillTrial) -> None:
    for level in (3, 2, 1):
        trial.place(level=level)
        trial.paid(trial.sell())


@_ORDER.case(11, "Two cards one after the other are two sales")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.paid(trial.sell())
    first = trial.card
    wish = CardWish(serial="07A1B2C4")
    trial.insert(wish)
    answer = trial.sell()
    trial.equal(answer.outcome, "paid", "outcome of the second sale")
    trial.equal(trial.account(trial.other).balance_fen, 99_000, "balance of the second card")
    trial.equal(trial.account(first).balance_fen, 99_000, "balance of the first card")


# --- may this card pay? --------------------------------------------------------------------------


def _broken(number: int, broken: str, title: str, *, without_pin: bool = True) -> None:
    @_MAY.case(number, title)
    def _(trial: TillTrial) -> None:
        trial.place(CardWish(broken=broken))
        _refuses(trial, without_pin=without_pin)


_broken(1, "expired", "An expired card is refused")
_broken(2, "counterfeit", "A card that cannot prove itself is refused, and gets no PIN")
_broken(3, "version-unknown", "A card of an unknown 规范版本 is refused")
_broken(4, "class-unknown", "A card of an unknown 卡类别 is refused")
_broken(5, "card-blocked", "A blocked card (6A81) is refused")
_broken(6, "environment-blocked", "A card whose SSSE is blocked is refused")
_broken(7, "medical-blocked", "A card whose medical application is blocked (9303) is refused",
        without_pin=False)  # fmt: skip
_broken(8, "initialiser-blank", "A card of no issuer (初始化机构编号) is refused")


def _hotlisted(number: int, title: str, listed: str) -> None:
    @_MAY.case(number, title)
    def _(trial: TillTrial) -> None:
        trial.place()
        code, digits = _identity(trial)
        entries = {
            "code": Hotlist("20260301000000", [HotCard(code, None)]),
            "number": Hotlist("20260301000000", [HotCard(None, digits)]),
            "both": Hotlist("20260301000000", [HotCard(code, digits)]),
            "range": Hotlist("20260301000000", (), [HotRange(digits, digits)]),
        }
        trial.place(hotlist=entries[listed])
        _refuses(trial)


_hotlisted(11, "A card on the hotlist by 卡识别码 is refused", "code")
_hotlisted(12, "A card on the hotlist by 卡号 is refused", "number")
_hotlisted(13, "A card on the hotlist by both is refused", "both")
_hotlisted(14, "A card in a range of the hotlist is refused", "range")


@_MAY.case(15, "A hotlist with other cards hinders no sale")
def _(trial: TillTrial) -> None:
    trial.place()
    code, digits = _identity(trial)
    other = bytes((code[0] ^ 1,)) + code[1:]
    last = "0" if digits[-1] != "0" else "1"
    listed = Hotlist("20260301000000", [HotCard(other, None), HotCard(None, digits[:-1] + last)])
    trial.place(hotlist=listed)
    trial.paid(trial.sell())


def _identity(trial: TillTrial) -> tuple[bytes, str]:
    """卡识别码 and 卡号 of the card at the workplace."""
    card = type(trial.card)(trial.card.image())
    card.power_on()
    card.transmit(bytes.fromhex("00A404000F") + SSSE_NAME)
    code = card.transmit(bytes.fromhex("00B2012800"))[2:-2]
    raw = card.transmit(bytes.fromhex("00B2070000"))
    if raw[-2:] != b"\x90\x00":
        raw = card.transmit(bytes((0x00, 0xB2, 0x07, _ISSUER_SFI << 3, 0x00)))
    text = raw[2:-2].rstrip(b"\0").decode("ascii", "replace")
    return code, text


@_MAY.case(21, "No card in the reader: refused")
def _(trial: TillTrial) -> None:
    trial.place()
    trial.slot.remove()
    trial.untouched(trial.sell())


@_MAY.case(22, "A card that is no social security card (6A82) is refused")
def _(trial: TillTrial) -> None:
    def other(command: bytes, answer: bytes) -> bytes:
        return b"\x6a\x82" if command[:4] == b"\x00\xa4\x04\x00" else answer

    trial.place(change=other)
    _refuses(trial)


@_MAY.case(23, "SSSE that answers 6283 is no card to sell to")
def _(trial: TillTrial) -> None:
    def invalid(command: bytes, answer: bytes) -> bytes:
        ours = command[:4] == b"\x00\xa4\x04\x00" and command[5:] == SSSE_NAME
        return b"\x62\x83" if ours else answer

    trial.place(change=invalid)
    _refuses(trial)


@_MAY.case(24, "DF04 that answers 6283 ends the sale")
def _(trial: TillTrial) -> None:
    def invalid(command: bytes, answer: bytes) -> bytes:
        return b"\x62\x83" if command[1:2] == b"\xa4" and command[-1:] == b"\x04" else answer

    trial.place(change=invalid)
    _refuses(trial, without_pin=False)


@_MAY.case(25, "A terminal's proof that is wrong (63Cx) is not tried again")
def _(trial: TillTrial) -> None:
    trial.place(CardWish(generation=3, algorithm=ALGORITHM_SM4, broken="wrong-update-keys"))
    answer = trial.sell()
    trial.untouched(answer)
    failed = [one for one in trial.to_card(EXTERNAL) if one.sw & 0xFFF0 == 0x63C0]
    kids = [one.command[3] for one in failed]
    trial.equal(len(kids), len(set(kids)), "wrong proofs, one a key at most:")
