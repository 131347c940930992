# SPDX-License-Identifier: Apache-2.0
"""What a region decides about its card services: a TOML file, ``sscard-service-region/1``.

Channels with their proofs and levels, time rules, working days, texts. The region that ships,
``sscard_service/region/default.toml``, is invented; ``sscard service region`` prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal

import msgspec

from sscard_chip.standard.dates import parse_date
from sscard_chip.standard.documents import Model, rule
from sscard_chip.standard.models import Broken
from sscard_service.levels import LEAST, PROOFS, ProofLevel

FORMAT: Final = "sscard-service-region/1"
_INSURANCES: Final = ("110", "170", "210", "310", "330", "410", "510")
"""AAE140; :class:`sscard_service.records.Insurance` stands in a room above."""
_SATURDAY: Final = 5
_Days = Annotated[int, rule(ge=0, le=3650, unit=" of days")]


def _operations_rule(value: dict[str, int]) -> str | None:
    for name, level in value.items():
        if name not in LEAST:
            meant = "".join(f" (is {one} meant?)" for one in get_close_matches(name, LEAST, 1))
            return f"{name[:30]}: is no operation{meant}"
        if level < LEAST[name]:
            return f"{name}: needs level {LEAST[name]} at least"
        if level > ProofLevel.IN_PERSON:
            return f"{name}: levels end with {int(ProofLevel.IN_PERSON)}"
    return None


def _reached(proofs: Sequence[str]) -> int:
    """The level that somebody can prove with all proofs of a channel."""
    known = not {"card_number", "query_password"}.isdisjoint(proofs)
    needs = {"phone_code": known, "identity_card": "query_password" in proofs}
    return max((int(PROOFS[one]) for one in proofs if needs.get(one, True)), default=0)


def _proofs_rule(value: list[str]) -> str | None:
    unknown = next((one for one in value if one not in PROOFS), None)
    return None if unknown is None else f"must be of {', '.join(PROOFS)}"


class ChannelRules(Model, frozen=True):
    """A channel: by what proofs it knows people, and what each operation needs there.

    An operation that ``levels`` does not name is not offered. ``code`` is what foreign systems
    call the channel (xtlb). ``back_dating`` lets two clerks date a report back.
    """

    chinese: Annotated[str, rule(max_length=40)]
    english: Annotated[str, rule(max_length=60)]
    proofs: Annotated[list[str], rule(check=_proofs_rule)]
    levels: Annotated[dict[str, int], rule(check=_operations_rule)]
    code: Annotated[str, rule("must be two characters", pattern="[0-9A-Z]{2}|")] = ""
    signed: Annotated[bool, rule(title="Whether requests over HTTP are signed (HMAC or SM2)")] = (
        False
    )
    back_dating: bool = False


class TimeRules(Model, frozen=True):
    """The time rules of a region (S3). Days are calendar days unless they say working days."""

    temporary_loss_days: Annotated[_Days, rule(title="临时挂失 lapses; 0 for never")] = 10
    temporary_reports: Annotated[
        int, rule(ge=1, le=100, title="Temporary reports at level 1 in the days below")
    ] = 2
    temporary_report_days: _Days = 30
    formal_term_days: Annotated[_Days, rule(title="正式挂失 ends in 注销; 0 for never")] = 0
    replacement_working_days: Annotated[int, rule(ge=0, le=365)] = 15
    voucher_days: Annotated[_Days, rule(title="The voucher holds after its due day")] = 30
    guardian_under: Annotated[int, rule(ge=0, le=18, unit=" of years")] = 16
    photo_from: Annotated[int, rule(ge=0, le=18, unit=" of years")] = 7
    filing_months: Annotated[int, rule(ge=1, le=60)] = 6


class ProofRules(Model, frozen=True):
    """How long proofs hold, and what wrong ones cost."""

    tries: Annotated[int, rule(ge=1, le=100, title="Wrong proofs before a wait")] = 5
    first_wait_seconds: Annotated[int, rule(ge=1, le=86_400)] = 60
    longest_wait_seconds: Annotated[int, rule(ge=1, le=864_000)] = 86_400
    source_hour: Annotated[int, rule(ge=1, le=1_000_000, title="Wrong proofs of a source")] = 60
    wrong_answer_ms: Annotated[int, rule(ge=0, le=5000, title="A wrong proof is answered then")] = (
        250
    )
    session_minutes: Annotated[int, rule(ge=1, le=1440)] = 15
    code_seconds: Annotated[int, rule(ge=10, le=3600)] = 300
    codes_hour: Annotated[int, rule(ge=1, le=1000, title="Codes by telephone to a person")] = 5
    attempt_days: Annotated[int, rule(ge=1, le=3650, title="Attempts are kept")] = 90
    request_hours: Annotated[int, rule(ge=24, le=8760, title="First answers are kept")] = 48


class PhotoRules(Model, frozen=True):
    """The photo of a card (S7)."""

    width: Annotated[int, rule(ge=1, le=4000)] = 358
    height: Annotated[int, rule(ge=1, le=4000)] = 441
    least_bytes: Annotated[int, rule(ge=1, le=10_000_000)] = 14 * 1024
    most_bytes: Annotated[int, rule(ge=1, le=10_000_000)] = 40 * 1024
    dpi: Annotated[int, rule(ge=0, le=2400, title="0 for any")] = 350
    white: Annotated[int, rule(ge=0, le=255, title="Least value of the corners; 0 for any")] = 230
    hair_from: Annotated[int, rule(ge=0, le=4000, title="Hair's top, pixels down, from")] = 7
    hair_to: Annotated[int, rule(ge=0, le=4000, title="Hair's top, to")] = 21
    head_width: Annotated[
        int, rule(ge=0, le=4000, title="Least width of the head; 0 looks for none")
    ] = 179
    middle_from: Annotated[int, rule(ge=0, le=4000, title="Middle of the head, from")] = 162
    middle_to: Annotated[int, rule(ge=0, le=4000, title="Middle of the head, to")] = 196
    eyes_above: Annotated[int, rule(ge=0, le=4000, title="Eye line above the lower edge")] = 207


class BankRules(Model, frozen=True):
    """What a bank hears of its linked cards."""

    notify: Annotated[
        Literal["never", "formal", "any"], rule(title="Which loss the bank is told of")
    ] = "formal"
    ask_first: Annotated[
        bool, rule(title="Whether a formal loss waits for the bank's reference")
    ] = False


class PaperRules(Model, frozen=True):
    """Papers: where the QR leads to, before the code, and how many a person gets a day."""

    verify: Annotated[
        str,
        rule("must be an http address", pattern="https?://[!-~]{1,150}/", title="Before the code"),
    ] = "http://127.0.0.1:8098/verify/"
    a_day: Annotated[int, rule(ge=1, le=1000)] = 20


class WorkingYear(Model, frozen=True):
    """The announced days of a year, MMDD: weekdays ``off``, Saturdays and Sundays ``on``."""

    off: list[Annotated[str, rule("must be MMDD", pattern="[0-9]{4}")]]
    on: list[Annotated[str, rule("must be MMDD", pattern="[0-9]{4}")]] = msgspec.field(
        default_factory=list
    )


class RegionText(Model, frozen=True):
    """A text in both languages."""

    chinese: Annotated[str, rule(max_length=4000)]
    english: Annotated[str, rule(max_length=4000)]


class ContributionLevel(Model, frozen=True):
    """A 缴费档次: its name, and the base of a month in fen.

    ``rate`` is what of the base is paid, ``account_rate`` what of it goes into the personal
    account, both in 1/10000.
    """

    chinese: Annotated[str, rule(max_length=40)]
    english: Annotated[str, rule(max_length=60)]
    base_fen: Annotated[int, rule(ge=0, le=10**9, unit=" of fen")]
    rate: Annotated[int, rule(ge=0, le=10_000, title="Paid of the base, in 1/10000")] = 0
    account_rate: Annotated[int, rule(ge=0, le=10_000)] = 0


def _levels_rule(value: dict[str, dict[str, Any]]) -> str | None:
    for insurance, levels in value.items():
        if insurance not in _INSURANCES:
            return f"is of an insurance: {', '.join(_INSURANCES)}"
        if any(not (one.isascii() and one.isalnum() and len(one) <= 10) for one in levels):
            return f"{insurance}: a level's code is 1 to 10 letters and digits"
    return None


def _years_rule(value: dict[str, dict[str, list[str]]]) -> str | None:
    for year, days in value.items():
        if not (len(year) == 4 and year.isascii() and year.isdecimal()):
            return "is of a year, YYYY"
        if any(
            parse_date(year + day) is None for day in (*days.get("off", ()), *days.get("on", ()))
        ):
            return f"{year}: has a day that the year has not"
        for day in days.get("on", ()):
            found = parse_date(year + day)
            if found is not None and found.weekday() < _SATURDAY:
                return f"{year}: on: {day} is no Saturday or Sunday"
            if day in days.get("off", ()):
                return f"{year}: {day} is off and on"
    return None


class ServiceRegion(Model, frozen=True):
    """A region's card services."""

    WHAT = "a region of card services"

    format: Annotated[Literal["sscard-service-region/1"], rule(f'must be "{FORMAT}"')]
    name: RegionText
    agency: Annotated[RegionText, rule(title="The invented agency on papers")]
    division: Annotated[str, rule("must be 6 digits", pattern="[0-9]{6}")]
    channels: dict[str, ChannelRules]
    issues_for: Annotated[
        list[Annotated[str, rule("must be 6 digits", pattern="[0-9]{6}")]],
        rule(title="Divisions whose cards are issued here; empty for all in the ledger"),
    ] = msgspec.field(default_factory=list)
    time: TimeRules = TimeRules()
    proof: ProofRules = ProofRules()
    photo: PhotoRules = PhotoRules()
    bank: BankRules = BankRules()
    papers: PaperRules = PaperRules()
    damaged_usable: Annotated[
        bool, rule(title="Whether a damaged card pays until its successor is collected")
    ] = True
    level_classes: Annotated[
        list[Annotated[str, rule(max_length=20)]], rule(title="Classes of persons who choose")
    ] = msgspec.field(default_factory=list)
    contribution_levels: Annotated[
        dict[str, dict[str, ContributionLevel]],
        rule(check=_levels_rule, title="缴费档次 by insurance (AAE140) and code"),
    ] = msgspec.field(default_factory=dict)
    working_days: Annotated[dict[str, WorkingYear], rule(check=_years_rule)] = msgspec.field(
        default_factory=dict
    )
    texts: dict[str, RegionText] = msgspec.field(default_factory=dict)

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterable[Broken]:
        """A face result is only as good as the channel's signature; the proofs of a channel reach
        its levels (one without proofs is a platform that signs); an eye line is on its photo."""
        photo = good.get("photo") or PhotoRules()
        if photo.head_width and photo.eyes_above >= photo.height:
            yield (("photo", "eyes_above"), "must be less than the height")
        for name, channel in (good.get("channels") or {}).items():
            proofs, levels = channel.get("proofs", ()), channel.get("levels", {})
            reached = _reached(proofs)
            for operation, level in levels.items() if proofs else ():
                if level > reached:
                    rule_ = f"{operation}: needs level {level}, its proofs reach {reached}"
                    yield (("channels", name, "levels"), rule_)
            if "face" in channel.get("proofs", ()) and not channel.get("signed"):
                yield (("channels", name), "takes face results, so it must be signed")
