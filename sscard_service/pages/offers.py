# SPDX-License-Identifier: Apache-2.0
"""What a person has to choose from in an item: levels, months, bills, filings, papers.

An item whose choices are the person's own has a function here, which asks the centre and fills
them in; it refuses where there is nothing to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sscard_chip.standard.amounts import grouped_yuan
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.operations.level import months_from
from sscard_service.pages.english import english
from sscard_service.pages.menu import Choices, FormField, MenuItem
from sscard_service.pages.views import PAPERS, View, day
from sscard_service.pages.words import PageText

AskFor = Callable[[str], dict[str, Any]]
Offer = tuple[list[FormField], View]
OfferFunction = Callable[[MenuItem, AskFor, str, datetime], Offer]

_CHOSEN: Final = PageText("已选档次", "Chosen")
_STOPPED: Final = PageText("停缴", "stopped")
_SPANS: Final = (1, 3, 6, 12)
"""Months of a bill."""
_YEARS: Final = 3


def _levels(item: MenuItem, ask: AskFor, language: str, _now: datetime) -> Offer:
    """Contribution levels."""
    data = _chooser(ask)
    label = PageText(f"{day(data['first'])} 起的档次", f"Level from {day(data['first'])} on")
    choices = tuple((f"{one['insurance']}-{one['level']}", _level(one)) for one in data["levels"])
    return [replace(item.fields[0], label=label, choices=choices)], _chosen(data, language)


def _stops(item: MenuItem, ask: AskFor, language: str, _now: datetime) -> Offer:
    """Insurances that are paid from the next month on."""
    data = _chooser(ask)
    choices = tuple(
        (code, text) for code, text in _insurances(data).items() if _holding(data, code)
    )
    if not choices:
        raise ServiceRefusedError(Code.NOT_FOUND)
    return [replace(item.fields[0], choices=choices)], _chosen(data, language)


def _bill(item: MenuItem, ask: AskFor, language: str, _now: datetime) -> Offer:
    """Months from the next one on, and insurances that have a level then."""
    data = _chooser(ask)
    held = {code: text for code, text in _insurances(data).items() if _holding(data, code)}
    if not held:
        raise ServiceRefusedError(Code.NOT_FOUND)
    choices = list(held.items())
    if len(held) > 1:
        both = PageText(
            "、".join(text.chinese for text in held.values()),
            ", ".join(text.english for text in held.values()),
        )
        choices.insert(0, ("+".join(held), both))
    months = months_from(data["first"], _SPANS[-1] - 1)
    periods = []
    for span in _SPANS:
        last = months[min(span, len(months)) - 1]
        said, count = f"{day(months[0])} — {day(last)}", min(span, len(months))
        text = PageText(f"{said}（{count}个月）", f"{said} ({count} month{'s' * (count > 1)})")
        periods.append((f"{months[0]}-{last}", text))
    filled: dict[str, Choices] = {"insurances": tuple(choices), "period": tuple(periods)}
    return _filled(item, filled), _chosen(data, language)


def _bills(item: MenuItem, ask: AskFor, _language: str, _now: datetime) -> Offer:
    """Bills that are not paid."""
    choices = tuple(
        (one["bill"], _said(f"{one['bill']}  {day(one['first'])} — {day(one['last'])}  "
                            f"¥{grouped_yuan(one['fen'])}"))
        for one in ask("bills")["bills"]
        if one["state"] == "open"
    )  # fmt: skip
    return _needed(item, "bill", choices)


def _filings(item: MenuItem, ask: AskFor, _language: str, _now: datetime) -> Offer:
    """Filings that hold, or will."""
    choices = tuple(
        (one["trt_dcla_detl_sn"], _filing(one))
        for one in ask("filings")["filings"]
        if one["state"] in ("holds", "to come")
    )  # fmt: skip
    return _needed(item, "trt_dcla_detl_sn", choices)


def _papers(item: MenuItem, ask: AskFor, _language: str, _now: datetime) -> Offer:
    """Papers that were made, the newest first."""
    found = ask("papers")["papers"][::-1][:8]
    choices = tuple(
        (one["code"], PageText(f"{PAPERS[one['kind']].chinese}  {day(one['time'])}",
                               f"{PAPERS[one['kind']].english}  {day(one['time'])}"))
        for one in found
    )  # fmt: skip
    return _needed(item, "code", choices)


def _years(item: MenuItem, _ask: AskFor, _language: str, now: datetime) -> Offer:
    """Years of a rights record, the last whole one first."""
    years = [str(now.year - back) for back in (*range(1, _YEARS + 1), 0)]
    return _needed(item, "year", tuple((one, _said(one)) for one in years))


OFFERS: Final[Mapping[str, OfferFunction]] = {
    "level": _levels,
    "level_stop": _stops,
    "bill": _bill,
    "bill_withdraw": _bills,
    "unfile": _filings,
    "reprint": _papers,
    "rights": _years,
}
"""Items whose choices are the person's own."""


def _chooser(ask: AskFor) -> dict[str, Any]:
    """The levels, of somebody who may choose.

    :raises ServiceRefusedError: CLASS.
    """
    data = ask("levels")
    if not data["may_choose"]:
        raise ServiceRefusedError(Code.CLASS)
    return data


def _chosen(data: Mapping[str, Any], language: str) -> View:
    """What was chosen last of each insurance."""
    names = _insurances(data)
    levels = {(one["insurance"], one["level"]): PageText(one["chinese"], one["english"])
              for one in data["levels"]}  # fmt: skip
    last = {one["insurance"]: one for one in data["chosen"]}
    return View(facts=[
        (_CHOSEN.of(language),
         f"{names.get(code, PageText(code, code)).of(language)} "
         f"{levels.get((code, one['level']), _STOPPED).of(language)} ({day(one['month'])})")
        for code, one in last.items()
    ])  # fmt: skip


def _insurances(data: Mapping[str, Any]) -> dict[str, PageText]:
    """Insurances that have levels."""
    return {
        one["insurance"]: PageText(one["insurance_text"], english(one["insurance_text"]))
        for one in data["levels"]
    }


def _holding(data: Mapping[str, Any], insurance: str) -> bool:
    """Whether an insurance has a level from the next month on."""
    own = [one for one in data["chosen"] if one["insurance"] == insurance]
    return bool(own) and bool(sorted(own, key=lambda one: str(one["month"]))[-1]["level"])


def _level(one: Mapping[str, Any]) -> PageText:
    """A level of contributions with its base a month."""
    insurance, base = one["insurance_text"], grouped_yuan(one["base_fen"])
    return PageText(
        f"{insurance} {one['chinese']}：{base}元/月",
        f"{english(insurance)} {one['english']}: {base} a month",
    )


def _filing(one: Mapping[str, Any]) -> PageText:
    """A filing: class, place, days."""
    place, begins, ends = one["mdtrtarea_admdvs"], day(one["begndate"]), day(one["enddate"])
    chinese_days = f"{begins} — {ends}" if ends else f"{begins} 起"
    english_days = f"{begins} — {ends}" if ends else f"from {begins}"
    return PageText(
        f"{one['kind_text']}  {place}  {chinese_days}",
        f"{english(one['kind_text'])}  {place}  {english_days}",
    )


def _said(text: str) -> PageText:
    return PageText(text, text)


def _needed(item: MenuItem, name: str, choices: Choices) -> Offer:
    """The fields with these choices.

    :raises ServiceRefusedError: NOT_FOUND: there are none.
    """
    if not choices:
        raise ServiceRefusedError(Code.NOT_FOUND)
    return _filled(item, {name: choices}), View()


def _filled(item: MenuItem, choices: Mapping[str, Choices]) -> list[FormField]:
    return [replace(one, choices=choices.get(one.name, one.choices)) for one in item.fields]
