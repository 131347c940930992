# SPDX-License-Identifier: Apache-2.0
"""What a sale does with the holder's card, command by command (LD/T 32.7; flows, 2.1 to 2.13).

Functions with a ``sam`` need the PSAM open in the environment of the card's algorithm.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from sscard_chip.dayfile.hotlist import Hotlist
from sscard_chip.profile.codec import join_name
from sscard_chip.standard.commands import READ_RECORD, UPDATE_RECORD, VERIFY
from sscard_chip.standard.dates import bcd, is_digits
from sscard_chip.standard.identifiers import (
    DF04,
    INSURED_FILE,
    OFFLINE_FILE,
    PURCHASE,
    SFI_MASK,
    SPECIAL_FILE,
)
from sscard_chip.standard.keys import IRK, KID_OF_ROOT, RKSSSE
from sscard_chip.standard.messages.medical import SPECIAL
from sscard_chip.standard.settlement_mode import OfflineUse
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import Answer, CardStatusError, PinEntry
from sscard_chip.terminal.medical import MOST_DETAILS, Detail, details
from sscard_chip.terminal.pos.errors import Refusal, SaleRefusedError
from sscard_chip.terminal.pos.psam import Psam
from sscard_chip.terminal.session import PIN_DIGITS, CardSession

_CARD_CLASSES: Final = (b"1", b"2", b"3", b"4")
_INITIALISER: Final = bytes.fromhex("9156000002")
_ISSUER_SFI, _HOLDER_SFI = 0x05, 0x06
_RKSSSE, _RK1DF04, _UK2DF04 = (KID_OF_ROOT[root] for root in (RKSSSE, "RK1DF04", "UK2DF04"))
_INSURED_SFI: Final = INSURED_FILE & SFI_MASK
_OFFLINE_SFI: Final = OFFLINE_FILE & SFI_MASK
_SPECIAL_SFI: Final = SPECIAL_FILE & SFI_MASK
_ALLOWED, _AMOUNT, _TIMES = 0x90, 0x92, 0x93
_MOST_AMOUNT, _MOST_TIMES = 99_999_999, 99


@dataclass(frozen=True, slots=True, repr=False)
class CardholderName:
    """Whose card it is: 姓名 and 社会保障号码, for the receipt and the centre."""

    name: str
    number: str


class HolderPin:
    """The PIN of one sale: asked for once, kept until the sale ends, and then forgotten.

    ``in_doubt`` is True while a VERIFY with digits has no answer: sending it again might count
    a wrong PIN twice.
    """

    __slots__ = ("_digits", "_entry", "in_doubt")

    def __init__(self, entry: PinEntry) -> None:
        self._entry = entry
        self._digits: str | None = None
        self.in_doubt = False

    def verify(self, session: CardSession) -> None:
        """Satisfy the PIN of a powered card, if one is set.

        :raises SaleRefusedError: PIN_LOCKED, PIN_WRONG with the tries left, PIN_MISSING.
        :raises CardStatusError: anything else that the card answers.
        """
        remaining = self._send(session, "")
        wrong = False
        while remaining:
            digits = self._digits or self._entry(remaining)
            if digits is None:
                if wrong:
                    raise _wrong(remaining)
                raise SaleRefusedError(Refusal.PIN_MISSING)
            if not is_digits(digits, *PIN_DIGITS):
                raise SaleRefusedError(Refusal.PIN_MISSING, "a PIN has 4 to 12 digits")
            self.in_doubt = True
            remaining = self._send(session, digits)
            self.in_doubt = False
            self._digits = digits if remaining is None else None
            wrong = True
        if remaining == 0:
            raise SaleRefusedError(Refusal.PIN_LOCKED)

    def forget(self) -> None:
        """Drop the digits."""
        self._digits = None

    def _send(self, session: CardSession, digits: str) -> int | None:
        """VERIFY: None when satisfied, else the tries left."""
        return session.client.send(VERIFY, data=bcd(digits)).pin_tries()


def _wrong(remaining: int) -> SaleRefusedError:
    tries = "1 try" if remaining == 1 else f"{remaining} tries"
    return SaleRefusedError(Refusal.PIN_WRONG, f"{tries} left", remaining_tries=remaining)


# --- may this card pay? --------------------------------------------------------------------------


def check_card(
    session: CardSession, time: str, hotlist: Hotlist | None, divisions: frozenset[str] | None
) -> None:
    """Step 5 of the beginning of a transaction: hotlist, issuer, class, expiry.

    The version was checked when the session was opened. ``time`` is the sale's, YYYYMMDDhhmmss;
    ``divisions`` are the issuing areas that the terminal serves (6 digits), None for all.

    :raises SaleRefusedError: HOTLISTED, NOT_SUPPORTED, NOT_READABLE, EXPIRED.
    """
    if hotlist and hotlist.holds(session.identification, session.card_number, time):
        raise SaleRefusedError(Refusal.HOTLISTED)
    issuer = session.record(0x04, sfi=_ISSUER_SFI, length=12)
    if not issuer.startswith(_INITIALISER):
        raise SaleRefusedError(Refusal.NOT_SUPPORTED, "初始化机构编号 is not an issuer's")
    if divisions is not None and issuer[5:8].hex() not in divisions:
        raise SaleRefusedError(Refusal.NOT_SUPPORTED, "cards of this area are not served here")
    if session.record(0x02, sfi=_ISSUER_SFI, length=1) not in _CARD_CLASSES:
        raise SaleRefusedError(Refusal.NOT_SUPPORTED, "卡类别 is none of 1 to 4")
    expiry = session.record(0x06, sfi=_ISSUER_SFI, length=4).hex()
    if not expiry.isdecimal():
        raise SaleRefusedError(Refusal.NOT_READABLE, "卡有效期 is not a date")
    if time[:8] > expiry:
        raise SaleRefusedError(Refusal.EXPIRED, f"on {expiry[:4]}-{expiry[4:6]}-{expiry[6:]}")


def check_genuine(session: CardSession, sam: Psam) -> None:
    """INTERNAL AUTHENTICATION against the PSAM's IRK.

    :raises SaleRefusedError: NOT_GENUINE; a PSAM of another city gives the same.
    """
    factor, original = os.urandom(8), os.urandom(8)
    with sam.asked() as client:
        version = client.key_version(IRK)
        expected = client.authentication_data(IRK, session.factors, factor, original)
    if not compare_digest(session.internal_authenticate(factor, original, version), expected):
        raise SaleRefusedError(Refusal.NOT_GENUINE, "internal authentication failed")


def authenticate_terminal(session: CardSession, sam: Psam, kid: int) -> None:
    """EXTERNAL AUTHENTICATION of a key of the current directory, or of SSSE."""
    key = session.key(kid)
    challenge, original = session.challenge(), os.urandom(8)
    with sam.asked() as client:
        version = min(client.key_version(key.root), key.versions)
        proof = client.authentication_data(key.root, session.factors, challenge, original)
    session.external_authenticate(kid, proof, original, version)


def read_holder(session: CardSession, sam: Psam) -> CardholderName:
    """姓名 and 社会保障号码 from SSSE EF06; generation 3 wants RKSSSE first."""
    file = session.file(session.directory, OFFLINE_FILE)
    if file is not None and file.read.kid is not None:
        authenticate_terminal(session, sam, _RKSSSE)
    number = session.record(0x08, sfi=_HOLDER_SFI, length=18)
    name = session.record(0x09, sfi=_HOLDER_SFI, length=30)
    rest = b""
    if file is not None and file.record_numbers(0x4E):
        rest = session.record(0x4E, sfi=_HOLDER_SFI, length=20)
    return CardholderName(join_name(name, rest), join_name(number))


def insured_division(session: CardSession) -> str:
    """参保地区划 of DF04 EF05; where it is blank or missing that of 卡识别码.

    In cards of generation 1 the tag 84 has another meaning and another length.
    """
    try:
        value = session.record(0x84, sfi=_INSURED_SFI, length=3)
    except CardStatusError as error:
        if error.sw not in (StatusWord.RECORD_NOT_FOUND, StatusWord.FILE_NOT_FOUND):
            raise
        return session.division
    return value.hex() if len(value) == 3 and value.hex().isdecimal() else session.division


# --- the debit -----------------------------------------------------------------------------------


def find_detail(session: CardSession, number: int) -> tuple[Detail | None, bool]:
    """Purchase ``number`` in EF08, newest first, and whether the file reaches back that far.

    Needs the PIN where one is set. Purchases count upwards, so the search ends at a smaller one;
    and where a later one is found and this one is not, it was made by somebody and overwritten.
    """
    later, read = False, 0
    for detail in details(session):
        read += 1
        if detail.type != PURCHASE or detail.number > number:
            later |= detail.type == PURCHASE
        elif detail.number == number:
            return detail, True
        else:
            return None, True
    return None, not later and read < MOST_DETAILS


# --- what a sale leaves on the card --------------------------------------------------------------


def read_offline_use(session: CardSession, sam: Psam) -> OfflineUse:
    """90, 92 and 93 of EF06; needs the PIN and RK1DF04."""
    authenticate_terminal(session, sam, _RK1DF04)
    return _offline_use(session)


def _offline_use(session: CardSession) -> OfflineUse:
    allowed = session.record(_ALLOWED, sfi=_OFFLINE_SFI, length=1)
    amount = session.record(_AMOUNT, sfi=_OFFLINE_SFI, length=4).hex()
    times = session.record(_TIMES, sfi=_OFFLINE_SFI, length=2)
    return OfflineUse(
        allowed == b"1",
        int(amount) if amount.isdecimal() else 0,
        int(times) if times.isdigit() else 0,
    )


def write_offline_use(
    session: CardSession, sam: Psam, before: OfflineUse, after: OfflineUse
) -> bool:
    """Bring EF06 from ``before`` to ``after``, item by item, as often as it takes.

    False when an item is neither: another terminal has written since, and nothing is changed.

    :raises SaleRefusedError: a value that its item cannot hold.
    """
    if not (0 <= after.amount_fen <= _MOST_AMOUNT and 0 <= after.times <= _MOST_TIMES):
        raise SaleRefusedError(Refusal.MODE, "EF06 cannot hold the off-line use")
    now = read_offline_use(session, sam)
    items = (
        (_ALLOWED, now.allowed, before.allowed, after.allowed, str(int(after.allowed)).encode()),
        (
            _AMOUNT,
            now.amount_fen,
            before.amount_fen,
            after.amount_fen,
            bytes.fromhex(f"{after.amount_fen:08d}"),
        ),
        (_TIMES, now.times, before.times, after.times, f"{after.times:02d}".encode()),
    )
    if any(is_ not in (was, will) for _, is_, was, will, _ in items):
        return False
    changed = [(tag, value) for tag, is_, _, will, value in items if is_ != will]
    if changed:
        authenticate_terminal(session, sam, _UK2DF04)
    for tag, value in changed:
        record = bytes((tag, len(value))) + value
        session.client.require(UPDATE_RECORD, tag, _OFFLINE_SFI << 3, record)
    return True


def append_special(session: CardSession, sam: Psam, number: int, category: str) -> bool:
    """EF15: 交易序号 and 结算类别, unless they stand there. False: the card has no EF15."""
    if session.file(DF04, SPECIAL_FILE) is None:
        return False
    record = SPECIAL.build({"number": number, "category": ord(category)})
    newest = _newest_special(session)
    if newest.sw == StatusWord.SECURITY_STATUS_NOT_SATISFIED:  # the PIN is not verified
        authenticate_terminal(session, sam, _RK1DF04)
        newest = _newest_special(session)
    if newest.ok and newest.data == record:
        return True
    if not newest.ok and newest.sw != StatusWord.RECORD_NOT_FOUND:
        raise newest.refusal
    authenticate_terminal(session, sam, _UK2DF04)
    session.client.require(UPDATE_RECORD, 0x00, _SPECIAL_SFI << 3 | 3, record)
    return True


def _newest_special(session: CardSession) -> Answer:
    return session.client.send(READ_RECORD, 0x01, _SPECIAL_SFI << 3 | 4, le=0)
