# SPDX-License-Identifier: Apache-2.0
"""Deposit and purse of a ``HOLDER.json``: the object ``purse`` of its ``bank``, and what it puts
onto the card.

::

    {"balance_fen": 5000, "deposit_fen": 20000, "overdraft_limit_fen": 0,
     "issuer": "9900000000000001", "serial": "1234", "version": 1,
     "start_date": "20250102", "expiry_date": "20350102",
     "province": "5500", "city": "5510", "interoperable": true, "card_type": 1,
     "free_log": false, "grey_locked": false, "compound": {"AA": 41}}

Nothing is required; :class:`PurseOptions` says what each field is. The PIN is that of the account.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.profile.purse import (
    CARD_TYPES,
    CARDHOLDER,
    COMPOUND_LENGTH,
    COMPOUND_TAG,
    MANAGEMENT,
    PUBLIC,
    PurseContents,
    purse_root_names,
)
from sscard_chip.security.diversify import Chains
from sscard_chip.security.purse import card_factors
from sscard_chip.standard.amounts import MAX_FEN, MAX_LIMIT_FEN
from sscard_chip.standard.areas import CHINA, INTEROPERABLE, Area, find_area
from sscard_chip.standard.dates import DATE_RULE, bcd, date_rule
from sscard_chip.standard.documents import Broken, Model, rule
from sscard_chip.standard.models import Fen

if TYPE_CHECKING:
    from sscard_chip.security.keystore import KeyStore

SERIAL_DIGITS: Final = 20
ISSUER_DIGITS: Final = 6
_RANDOM_DIGITS: Final = 16
MAX_COMPOUND: Final = 10
MAX_COMPOUND_LENGTH: Final = 250

_BOTH_PURSES: Final = 0x03  # 应用类型标识: deposit and purse [M]
_KEY_VERSION: Final = 1


def _compound_rule(value: Mapping[str, int]) -> str | None:
    if not 1 <= len(value) <= MAX_COMPOUND:
        return f"must be an object of 1 to {MAX_COMPOUND} identifiers with their lengths"
    for identifier, length in value.items():
        if not re.fullmatch("[0-9A-F]{2}", identifier) or identifier in ("00", "FF"):
            return "an identifier must be 2 capital hex digits, not 00 or FF"
        if not 1 <= length <= MAX_COMPOUND_LENGTH:
            return f"a length must be a whole number from 1 to {MAX_COMPOUND_LENGTH}"
    return None


DEFAULT_COMPOUND: Final = {f"{COMPOUND_TAG:02X}": COMPOUND_LENGTH}
AreaCode = Annotated[str, rule("must be an area code of 4 digits", pattern="[0-9]{4}")]
Day = Annotated[str, rule(DATE_RULE, check=date_rule)]
LimitFen = Annotated[int, rule(ge=0, le=MAX_LIMIT_FEN, unit=" of fen")]
IssuerId = Annotated[str, rule("must be 8 bytes, 16 hex digits", pattern="[0-9A-Fa-f]{16}")]
Version = Annotated[int, rule(ge=0, le=0xFF, title="应用版本")]
Interoperable = Annotated[bool, rule(title="Gates of other cities take the card (互联互通标识)")]
CardType = Annotated[
    int,
    rule(ge=1, le=len(CARD_TYPES), title="1 ordinary, 2 student, 3 senior, 4 test, 5 military"),
]
Compound = Annotated[
    dict[str, int],
    rule(
        f"must be an object of 1 to {MAX_COMPOUND} identifiers with their lengths",
        check=_compound_rule,
        title="Records of compound applications (复合应用): identifier and length of the value",
    ),
]


def dates_rule(good: Mapping[str, Any]) -> Iterator[Broken]:
    """The order of ``start_date`` and ``expiry_date``, of those that are right by themselves."""
    if (good.get("expiry_date") or "99991231") < (good.get("start_date") or "00000101"):
        yield ("expiry_date",), "is before start_date"


class PurseOptions(Model, frozen=True):
    """Deposit and purse of a bank account. None stands for what the account or chance gives."""

    balance_fen: Annotated[Fen, rule(title="In the purse (电子钱包)")] = 0
    deposit_fen: Annotated[Fen, rule(title="The holder's own money in the deposit (电子存折)")] = 0
    overdraft_limit_fen: Annotated[LimitFen, rule(title="Comes to the deposit (透支限额)")] = 0
    issuer: Annotated[
        IssuerId | None,
        rule(title="Issuer (发卡方标识); else the first 6 digits of the PAN and F"),
    ] = None
    serial: Annotated[
        str | None,
        rule(
            f"must be 1 to {SERIAL_DIGITS} digits",
            pattern=f"[0-9]{{1,{SERIAL_DIGITS}}}",
            title=f"应用序列号, up to {SERIAL_DIGITS} digits; else {_RANDOM_DIGITS} random ones",
        ),
    ] = None
    version: Version = 1
    start_date: Annotated[Day | None, rule(title="YYYYMMDD; else the card's issue date")] = None
    expiry_date: Annotated[Day | None, rule(title="YYYYMMDD; else that of the account")] = None
    province: Annotated[
        AreaCode | None,
        rule(title="Where the card is from, area code (银联地区代码); else that of its city"),
    ] = None
    city: Annotated[AreaCode | None, rule(title="The same of the city (城市代码)")] = None
    interoperable: Interoperable = True
    card_type: CardType = 1
    free_log: Annotated[bool, rule(title="The log is read without PIN")] = False
    grey_locked: Annotated[
        bool, rule(title="Left so by a terminal that locks purses while it sells (灰锁)")
    ] = False
    compound: Compound = msgspec.field(default_factory=dict(DEFAULT_COMPOUND).copy)

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """What the balance file of the deposit can hold, and the order of the dates."""
        limit = good.get("overdraft_limit_fen", 0)
        if good.get("deposit_fen", 0) + limit > MAX_FEN:
            text = f"together with overdraft_limit_fen must be at most {MAX_FEN}"
            yield ("deposit_fen",), text
        yield from dates_rule(good)

    def __repr__(self) -> str:
        return "<PurseOptions>"


# --- the card -------------------------------------------------------------------------------------


def purse_contents(
    options: PurseOptions,
    store: KeyStore,
    algorithm: str,
    *,
    pan: str,
    pin: str | None,
    division: str,
    start: str,
    expiry: str,
    dormant: bool = False,
    random: Callable[[int], bytes] = os.urandom,
) -> PurseContents:
    """What :func:`sscard_chip.profile.purse.add_purse` puts onto a card.

    ``store`` is the bank's, ``random`` gives as many bytes as it is asked for; ``pan`` and ``pin``
    are the account's, ``division`` (4 digits) is that of the card's city, ``start`` and ``expiry``
    (YYYYMMDD) the dates that the options leave out. 0016 stays empty: no personal data on the
    chip, as for the bank's records.

    :raises KeyStoreError:
    """
    number = options.serial or str(int.from_bytes(random(8)) % 10**_RANDOM_DIGITS)
    serial = bytes.fromhex(number.zfill(SERIAL_DIGITS))
    issuer = bytes.fromhex(options.issuer or f"{pan[:ISSUER_DIGITS]:F<16}")
    dates = (options.start_date or start) + (options.expiry_date or expiry)
    head = issuer + bytes((_BOTH_PURSES, options.version))
    chain = Chains([card_factors(issuer, serial)])
    keys = {
        root: store.diversify(algorithm, root, _KEY_VERSION, chain)[0]
        for root in purse_root_names()
    }
    limit = options.overdraft_limit_fen
    return PurseContents(
        algorithm=algorithm,
        public=(head + serial + bytes.fromhex(dates)).ljust(PUBLIC.size, b"\0"),
        cardholder=bytes(CARDHOLDER.size),
        secrets=keys,
        pin=bcd(pin or ""),
        management=management(
            division,
            province=options.province,
            city=options.city,
            interoperable=options.interoperable,
            card_type=options.card_type,
        ),
        deposit=Purse(options.deposit_fen + limit, limit, grey_locked=options.grey_locked),
        purse=Purse(options.balance_fen, grey_locked=options.grey_locked),
        compound=tuple((int(tag, 16), bytes(size)) for tag, size in options.compound.items()),
        free_log=options.free_log,
        dormant=dormant,
    )


def management(
    division: str,
    *,
    province: str | None,
    city: str | None,
    interoperable: bool,
    card_type: int,
) -> bytes:
    """0017: country, province, city, interoperation, type.

    ``division`` (4 digits) is that of the card's city, for the area codes that are None; 0000
    where the trade has no area for it.
    """
    area = find_area(division) or Area("0000", "0000")
    places = (province or area.province) + (city or area.city)
    head = bytes.fromhex(CHINA + places) + (INTEROPERABLE if interoperable else bytes(2))
    return (head + bytes((card_type,))).ljust(MANAGEMENT.size, b"\0")
