# SPDX-License-Identifier: Apache-2.0
"""The document of a transport operator: stations, fares, discounts, limits, whom its gates take.

``sscard-transit-region/1``, TOML or JSON; docs/transit.md explains every field.

>>> region = TransitRegion.load("examples/transit.toml")
>>> region.fares.by
'stations'
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Self

import msgspec

from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.documents import Broken, Document, Model, rule
from sscard_chip.terminal.transit.errors import TransitRegionError

REGION_FORMAT: Final = "sscard-transit-region/1"
MAX_STATIONS: Final = 1_000

_STATION: Final = "must be a line and a station of two bytes each, 8 capital hex digits"
_FareFen = Annotated[int, rule(ge=0, le=MAX_FEN, unit=" of fen")]
_Minutes = Annotated[int, rule(ge=0, le=10_000, unit=" of minutes")]
_Percent = Annotated[int, rule(ge=0, le=100, unit=" of percent")]
_StationCode = Annotated[str, rule(_STATION, pattern="[0-9A-F]{8}")]


def _codes(pattern: str, text: str, most: int) -> msgspec.Meta:
    def check(value: Mapping[str, Any]) -> str | None:
        if len(value) > most:
            return f"must be at most {most}"
        return None if all(re.fullmatch(pattern, one) for one in value) else text

    return rule(text, check=check)


class TransitStation(Model, frozen=True):
    """A station. ``metres`` from a common point, for fares by distance."""

    WHAT = "a station"
    name: Annotated[str, rule(max_length=40)] = ""
    metres: Annotated[int, rule(ge=0, le=10_000_000)] = 0


class PairFare(Model, frozen=True):
    """The fare between two stations, both ways."""

    WHAT = "a fare"
    between: _StationCode
    and_: _StationCode = msgspec.field(name="and")
    fen: _FareFen


class FareStep(Model, frozen=True):
    """The fare up to so many metres or minutes."""

    WHAT = "a step"
    to: Annotated[int, rule(ge=0, le=10_000_000)]
    fen: _FareFen


class Fares(Model, frozen=True):
    """Fares of journeys: ``by`` a table of stations, metres between them, or minutes inside.

    Beyond the last step, and for what ``table`` has not, it is ``highest_fen``; in the station
    where one has gone in, ``same_station_fen``.
    """

    WHAT = "fares"
    by: Literal["stations", "distance", "time"]
    highest_fen: _FareFen
    table: list[PairFare] = msgspec.field(default_factory=list)
    steps: list[FareStep] = msgspec.field(default_factory=list)
    same_station_fen: _FareFen = 0

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterable[Broken]:
        """What the way of reckoning needs."""
        by = good.get("by")
        if by == "stations" and good.get("steps"):
            yield ("steps",), "belong to fares by distance or time"
        if by in ("distance", "time"):
            if good.get("table"):
                yield ("table",), "belongs to fares by stations"
            if not good.get("steps", True):
                yield ("steps",), "are required for fares by distance or time"
        steps = [one for one in good.get("steps") or () if isinstance(one, dict)]
        ends: list[Any] = [one.get("to") for one in steps]
        if all(isinstance(one, int) for one in ends) and any(
            after <= before for before, after in pairwise(ends)
        ):
            yield ("steps",), "must rise"


class MonthStep(Model, frozen=True):
    """From so much paid in the month on, so many percent of a fare are left."""

    WHAT = "a step"
    from_fen: _FareFen
    percent: _Percent


class Transfer(Model, frozen=True):
    """A rebate for whoever goes on within so many minutes, once for each journey before."""

    WHAT = "a transfer"
    minutes: _Minutes
    rebate_fen: _FareFen


class CardTypeRule(Model, frozen=True):
    """Cards of one type (0017): whether they are taken, and what they pay: percent, or a fixed
    amount."""

    WHAT = "a card type"
    name: Annotated[str, rule(max_length=16)] = ""
    sale: bool = True
    load: bool = True
    percent: _Percent = 100
    fixed_fen: _FareFen | None = None


class Discounts(Model, frozen=True):
    """Discounts, in this order: card type, month, transfer. Fractions of a fen are the holder's."""

    WHAT = "discounts"
    month: list[MonthStep] = msgspec.field(default_factory=list)
    transfer: Transfer | None = None


class Limits(Model, frozen=True):
    """What a gate asks of a card: the least balance to go in with, and the greatest overdraft."""

    WHAT = "limits"
    minimum_balance_fen: _FareFen = 0
    maximum_overdraft_fen: _FareFen = 0


class OverTime(Model, frozen=True):
    """A journey of more ``minutes`` costs ``fen`` at the desk."""

    WHAT = "over time"
    minutes: Annotated[int, rule(ge=1, le=10_000, unit=" of minutes")] = 240
    fen: _FareFen = 0


class DoubleEntry(Model, frozen=True):
    """A second entry is mended free within ``minutes`` of the first, then for ``fen``."""

    WHAT = "a double entry"
    minutes: _Minutes = 20
    fen: _FareFen = 0


class WhiteListEntry(Model, frozen=True):
    """An issuer, and how its cards' numbers begin."""

    WHAT = "an entry of the white list"
    issuer: Annotated[str, rule("must be 1 to 11 digits", pattern="[0-9]{1,11}")]
    bin: Annotated[str, rule("must be up to 10 digits", pattern="[0-9]{0,10}")] = ""


class BusLine(Model, frozen=True):
    """A line of buses with one fare."""

    WHAT = "a line of buses"
    fen: _FareFen
    name: Annotated[str, rule(max_length=40)] = ""


class TransitRegion(Model, frozen=True):
    """Stations, fares and rules of one transport operator"""

    WHAT = "a region's document"
    format: Annotated[
        Literal["sscard-transit-region/1"], rule(f"must be {REGION_FORMAT!r}", title="The format")
    ]
    city: Annotated[str, rule("must be an area code of 4 digits", pattern="[0-9]{4}")]
    organisation: Annotated[
        str, rule("must be 8 bytes, 16 capital hex digits", pattern="[0-9A-F]{16}")
    ]
    operator: Annotated[str, rule("must be 2 bytes, 4 hex digits", pattern="[0-9A-F]{4}")]
    merchant: Annotated[str, rule("must be 8 digits", pattern="[0-9]{8}")]
    fares: Fares
    name: Annotated[str, rule(max_length=60)] = ""
    journey: Annotated[str, rule("must be 4 capital hex digits", pattern="[0-9A-F]{4}")] = "2701"
    stations: Annotated[
        dict[str, TransitStation], _codes("[0-9A-F]{8}", f"a station {_STATION}", MAX_STATIONS)
    ] = msgspec.field(default_factory=dict)
    buses: Annotated[
        dict[str, BusLine], _codes("[0-9A-F]{4}", "a line must be 4 capital hex digits", 10_000)
    ] = msgspec.field(default_factory=dict)
    card_types: Annotated[
        dict[str, CardTypeRule], _codes("[0-9]{2}", "a card type must be 2 digits", 100)
    ] = msgspec.field(default_factory=dict)
    discounts: Discounts = msgspec.field(default_factory=Discounts)
    limits: Limits = msgspec.field(default_factory=Limits)
    over_time: OverTime = msgspec.field(default_factory=OverTime)
    double_entry: DoubleEntry = msgspec.field(default_factory=DoubleEntry)
    added_entry_fen: _FareFen = 0
    auto_load_fen: _FareFen = 0
    white_list: list[WhiteListEntry] = msgspec.field(default_factory=list)

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterable[Broken]:
        """Fares are between stations that there are."""
        stations, fares = good.get("stations"), good.get("fares")
        if not isinstance(stations, Mapping) or not isinstance(fares, Mapping):
            return
        pairs = [one for one in fares.get("table") or () if isinstance(one, Mapping)]
        for at, pair in enumerate(pairs):
            if any(pair.get(end) not in stations for end in ("between", "and")):
                yield ("fares", "table", str(at + 1)), "names a station that there is not"

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a document, TOML or JSON.

        :raises TransitRegionError: all that is wrong with it.
        """
        return Document.load(path, TransitRegionError).to(cls, separator=".")
