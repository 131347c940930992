# SPDX-License-Identifier: Apache-2.0
"""The transport application (交通联合) of a ``HOLDER.json``: the object ``transport``, the
transport issuer's root keys, and what comes onto the card.

::

    {"balance_fen": 5000, "overdraft_limit_fen": 0, "suite": "3des",
     "issuer": "01015510FFFFFFFF", "serial": "3104510000000012345", "version": 1,
     "start_date": "20250102", "expiry_date": "20350102",
     "province": "5500", "city": "5510", "interoperable": true, "card_type": 1,
     "journeys": ["2701"], "compound": {"AA": 41},
     "full_logs": true, "on_contacts": false, "aid_suffix": ""}

Nothing is required; :class:`TransportOptions` says what each field is. Keys come from a store of
the transport issuer, whose names are never those of the social security side or of a bank.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from issuance.bank.purse import (
    DEFAULT_COMPOUND,
    AreaCode,
    CardType,
    Compound,
    Day,
    Interoperable,
    IssuerId,
    LimitFen,
    Version,
    dates_rule,
    management,
)
from issuance.roots import Slot
from sscard_chip.applications.purse.accounts import Purse
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.purse import PUBLIC
from sscard_chip.profile.transit import (
    MAX_SUFFIX,
    TransitContents,
    add_transit,
    transit_root_names,
)
from sscard_chip.security.diversify import Chains
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.purse import card_factors
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.areas import Area, find_area
from sscard_chip.standard.documents import Broken, Model, rule
from sscard_chip.standard.errors import BAD_INPUT, IssuingError
from sscard_chip.standard.identifiers import AlgorithmName
from sscard_chip.standard.models import Fen
from sscard_chip.standard.status import StatusError
from sscard_chip.standard.transit import JOURNEY_ID

KEY_VERSION: Final = 1
MAX_JOURNEYS: Final = 8

_SERIAL_HEAD: Final = "31"
_SERIAL_DIGITS: Final = 19
_RANDOM_DIGITS: Final = _SERIAL_DIGITS - len(_SERIAL_HEAD)
_ISSUER_HEAD: Final = "0101"
_PURSE_ONLY: Final = 0x02  # 应用类型标识: electronic purse
_SUFFIX: Final = f"([0-9A-Fa-f]{{2}}){{0,{MAX_SUFFIX}}}"


class TransportIssueError(IssuingError, ValueError):
    """A transport application that cannot be made; one line without number or key."""

    exit_code = BAD_INPUT


def _journeys_rule(value: Sequence[str]) -> str | None:
    if not 1 <= len(value) <= MAX_JOURNEYS:
        return f"must be a list of 1 to {MAX_JOURNEYS} identifiers"
    if not all(re.fullmatch("[0-9A-F]{4}", one) for one in value):
        return "an identifier must be 4 capital hex digits"
    second = [one[2:] for one in value]
    if any(one.startswith("00") for one in value) or not {"00", "FF"}.isdisjoint(second):
        return "an identifier must not begin with 00 or end with 00 or FF"
    return "two identifiers end alike" if len(set(second)) < len(second) else None


class TransportOptions(Model, frozen=True):
    """The transport application of a card. None stands for what the card or chance gives."""

    balance_fen: Annotated[Fen, rule(title="The holder's own money in the purse")] = 0
    overdraft_limit_fen: Annotated[LimitFen, rule(title="Comes to it (透支限额)")] = 0
    suite: Annotated[
        AlgorithmName | None, rule(title="Algorithm of its keys; else that of the card")
    ] = None
    issuer: Annotated[
        IssuerId | None, rule(title="Issuer (发卡机构标识); else made of the city's area code")
    ] = None
    serial: Annotated[
        str | None,
        rule(
            f"must be {_SERIAL_DIGITS} digits that begin with {_SERIAL_HEAD}",
            pattern=f"{_SERIAL_HEAD}[0-9]{{{_RANDOM_DIGITS}}}",
            title=f"应用序列号: {_SERIAL_DIGITS} digits, {_SERIAL_HEAD} first; else random",
        ),
    ] = None
    version: Version = 1
    start_date: Annotated[Day | None, rule(title="YYYYMMDD; else the card's issue date")] = None
    expiry_date: Annotated[Day | None, rule(title="YYYYMMDD; else that of the card")] = None
    province: Annotated[
        AreaCode | None,
        rule(title="Where the card is from, area code (银联地区代码); else that of its city"),
    ] = None
    city: Annotated[AreaCode | None, rule(title="The same of the city (城市代码)")] = None
    interoperable: Interoperable = True
    card_type: CardType = 1
    journeys: Annotated[
        list[str],
        rule(
            f"must be a list of 1 to {MAX_JOURNEYS} identifiers",
            check=_journeys_rule,
            title="Identifiers of the journey records of 001A, 4 hex digits each",
        ),
    ] = msgspec.field(default_factory=lambda: [f"{JOURNEY_ID:04X}"])
    compound: Compound = msgspec.field(default_factory=dict(DEFAULT_COMPOUND).copy)
    full_logs: Annotated[
        bool, rule(title="Logs are full of zero records from the start, as readers want them")
    ] = True
    on_contacts: Annotated[bool, rule(title="Terminals with contacts find the application too")] = (
        False
    )
    aid_suffix: Annotated[
        str,
        rule(
            f"must be up to {MAX_SUFFIX} bytes, {2 * MAX_SUFFIX} hex digits",
            pattern=_SUFFIX,
            title="Bytes of a local card behind the AIDs, hex",
        ),
    ] = ""

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """What the balance file can hold, and the order of the dates."""
        limit = good.get("overdraft_limit_fen", 0)
        if good.get("balance_fen", 0) + limit > MAX_FEN:
            text = f"together with overdraft_limit_fen must be at most {MAX_FEN}"
            yield ("balance_fen",), text
        yield from dates_rule(good)

    def __repr__(self) -> str:
        return "<TransportOptions>"


@dataclass(frozen=True, slots=True)
class TransportIssuer:
    """What issuing needs of a transport issuer: its store of root keys."""

    store: KeyStore
    random: Callable[[int], bytes] = os.urandom


def transport_slots() -> list[Slot]:
    """Every root key of a transport issuer, both suites."""
    return [
        (suite, name, version)
        for suite in SUITES
        for name, versions in transit_root_names().items()
        for version in range(1, versions + 1)
    ]


def put_transport(
    memory: Memory,
    issuer: TransportIssuer,
    options: TransportOptions,
    *,
    start: str,
    expiry: str,
    algorithm: str,
) -> Memory:
    """A copy of a card's memory with the transport application. ``memory`` stays as it was.

    ``start`` and ``expiry`` (YYYYMMDD) are the card's dates, ``algorithm`` its suite: what the
    options leave out.

    :raises TransportIssueError:
    :raises KeyStoreError:
    """
    division = FileSystem(memory).historical_bytes[7:9].hex()
    contents = transport_contents(
        options, issuer, algorithm, division=division, start=start, expiry=expiry
    )
    card = memory.copy()
    fault = ""
    try:
        add_transit(card, contents)
    except StatusError:
        fault = "transport: the card has no room for it"
    except ValueError as error:
        fault = str(error)
    if fault:
        raise TransportIssueError(fault)
    return card


def transport_contents(
    options: TransportOptions,
    issuer: TransportIssuer,
    algorithm: str,
    *,
    division: str,
    start: str,
    expiry: str,
) -> TransitContents:
    """What :func:`sscard_chip.profile.transit.add_transit` puts onto a card.

    ``division`` (4 digits) is that of the card's city. The issuer that the options leave out is
    0101, the city's area code, FFFFFFFF [L]. 0016 stays blank: no personal data.

    :raises KeyStoreError:
    """
    suite = options.suite or algorithm
    number = options.serial or _SERIAL_HEAD + (
        f"{int.from_bytes(issuer.random(8)) % 10**_RANDOM_DIGITS:0{_RANDOM_DIGITS}d}"
    )
    serial = bytes.fromhex(f"0{number}")
    city = options.city or (find_area(division) or Area("0000", "0000")).city
    identifier = bytes.fromhex(options.issuer or f"{_ISSUER_HEAD}{city}FFFFFFFF")
    dates = (options.start_date or start) + (options.expiry_date or expiry)
    head = identifier + bytes((_PURSE_ONLY, options.version))
    chain = Chains([card_factors(identifier, serial)])
    limit = options.overdraft_limit_fen
    return TransitContents(
        algorithm=suite,
        public=(head + serial + bytes.fromhex(dates)).ljust(PUBLIC.size, b"\0"),
        secrets={
            root: issuer.store.diversify(suite, root, KEY_VERSION, chain)[0]
            for root in transit_root_names()
        },
        purse=Purse(options.balance_fen + limit, limit),
        management=management(
            division,
            province=options.province,
            city=options.city,
            interoperable=options.interoperable,
            card_type=options.card_type,
        ),
        compound=tuple((int(tag, 16), bytes(size)) for tag, size in options.compound.items()),
        journeys=tuple(int(one, 16) for one in options.journeys),
        full_logs=options.full_logs,
        on_contacts=options.on_contacts,
        suffix=bytes.fromhex(options.aid_suffix),
    )
