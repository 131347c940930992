# SPDX-License-Identifier: Apache-2.0
"""Invented citizens for the cards of a register: nobody exists, and all fits together.

The register is one of ``sscard settle synthesize`` or ``settle card-list``. A card whose number
stands in a list of ``sscard batch synthesize``, or in a holder file, gets that holder, every other
one a holder by the same generator. Contributions are consistent with the money: what medical
insurance has put into the account of a person sums to the opening balance of his cards in the
register.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from issuance.batch.synthesize import COLUMNS, MAX_HOLDERS, synthesize_holders
from issuance.holder import Holder
from sscard_chip.settlement.ledger import CardColumns, read_cards, write_cards
from sscard_chip.standard.dates import parse_date
from sscard_chip.standard.errors import InputError
from sscard_chip.wholefile import private_folder, whole_file
from sscard_service.portrait import invented_photo
from sscard_service.records import FORMAT, Insurance
from sscard_service.region.model import PhotoRules
from sscard_service.tables import table_rows

PERSONS: Final = "persons.jsonl"
"""File of the persons."""
CARDS: Final = "cards.tsv"
"""File of the register, in which every card has its person."""
PHOTO: Final = "photo.jpg"
"""A photo for an application, of nobody."""

_UNITS: Final = ("虚构市第一机械厂", "虚构市百货公司", "虚构市自来水公司", "灵活就业人员窗口")
_SHARES: Final = {
    Insurance.PENSION: (80, 160),
    Insurance.MEDICAL: (20, 80),
    Insurance.UNEMPLOYMENT: (5, 5),
    Insurance.WORK_INJURY: (0, 4),
    Insurance.MATERNITY: (0, 8),
}
"""Of the base, per thousand: personal and unit part."""
_INTEREST: Final = 20
"""Of what a pension account carries over, per thousand and year."""


class PersonsSynthesizeError(InputError):
    """Files or numbers that no persons can be made of; one line."""


@dataclass(frozen=True, slots=True)
class PersonsMade:
    """How many persons, cards and records were made."""

    persons: int
    cards: int
    records: int


def synthesize_persons(
    register: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    holders: str | os.PathLike[str] | None = None,
    months: int = 24,
    seed: int = 0,
) -> PersonsMade:
    """Write :data:`PERSONS`, :data:`CARDS` and :data:`PHOTO` into a new folder; the same for the
    same values.

    ``months`` (1 to 240) of contributions end with the month before the day of the register.

    ``holders`` is a list of ``sscard batch synthesize``, or the file of one holder.

    :raises PersonsSynthesizeError: numbers that are not right, or a list of holders that is none.
    :raises HolderError: a holder file that breaks a rule.
    :raises CardRegisterError: no register.
    :raises OSError: a file cannot be read or written.
    """
    if not 1 <= months <= 240:
        raise PersonsSynthesizeError("months: must be from 1 to 240")
    found = read_cards(register)
    day = parse_date(found.date)
    if day is None or not 0 < len(found.cards) <= MAX_HOLDERS:
        raise PersonsSynthesizeError(f"a register of 1 to {MAX_HOLDERS} cards is needed")
    known = {} if holders is None else _holders(holders)
    target = Path(folder)
    private_folder(target)
    cards = _with_persons(found.cards)
    people, records = 0, 0
    invented = synthesize_holders(len(cards), seed=seed)
    drawn = random.Random(seed)
    owned: dict[str, list[int]] = {}
    for at, psn_no in enumerate(cards.psn_no.tolist()):
        owned.setdefault(psn_no.decode(), []).append(at)
    used = {holder[1] for holder in known.values()}
    with whole_file(target / PERSONS) as path, path.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps({"format": FORMAT}) + "\n")
        for psn_no, places in owned.items():
            numbers = [cards.card_number[at].decode() for at in places]
            holder = next((known[one] for one in numbers if one in known), None)
            while holder is None:
                one = next(invented)
                holder = None if one[1] in used else one
            opening = int(cards.opening_fen[places].sum())
            division = f"{int(cards.division[places[0]]):06d}"
            document = _person(psn_no, division, holder, opening, day, months, drawn)
            records += sum(
                len(document[kind]) for kind in ("participation", "contribution", "pension")
            )
            stream.write(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
            people += 1
    with whole_file(target / CARDS) as path:
        write_cards(path, cards, found.date)
    with whole_file(target / PHOTO) as path:
        path.write_bytes(invented_photo(PhotoRules(), seed=seed))
    return PersonsMade(people, len(cards), records)


def _with_persons(cards: CardColumns) -> CardColumns:
    """The register with a person for every card: whose has none gets a number of his own."""
    numbers = [
        psn_no or f"{int(division):06d}{at:010d}".encode()
        for at, (psn_no, division) in enumerate(
            zip(cards.psn_no.tolist(), cards.division.tolist(), strict=True), 1
        )
    ]
    return CardColumns(
        cards.card_number, cards.card_id_code, cards.division, np.array(numbers, "S30"),
        cards.factor, cards.valid_to, cards.opening_fen,
    )  # fmt: skip


def _holders(path: str | os.PathLike[str]) -> dict[str, tuple[str, ...]]:
    """Holders by card number, of a list of ``sscard batch synthesize`` or of a holder file."""
    if os.fspath(path).endswith((".json", ".toml")):
        one = Holder.load(path)
        return {one.card_number: tuple(getattr(one, name) for name in COLUMNS)}
    rows = table_rows(path, COLUMNS, PersonsSynthesizeError, "list of holders")
    return {row["card_number"]: tuple(row[one] for one in COLUMNS) for _, row in rows}


def _person(
    psn_no: str,
    division: str,
    holder: tuple[str, ...],
    opening: int,
    day: date,
    months: int,
    drawn: random.Random,
) -> dict[str, Any]:
    _, identity, name, sex, nation, birthplace, born, _ = holder
    unit = drawn.choice(_UNITS)
    first = _earlier(day, months)
    begun = f"{first // 100:04d}{first % 100:02d}01"
    base = drawn.randrange(4000, 12_000) * 100
    periods = [_later(first, step) for step in range(months)]
    contributions = _contributions(periods, unit, base, opening)
    return {
        "psn_no": psn_no,
        "division": division,
        "data": {
            "name": name, "identity": identity, "sex": sex, "nation": nation,
            "birth_date": born, "birthplace": birthplace,
            "phone": f"100{drawn.randrange(10**8):08d}",
            "address": f"虚构市虚构路{drawn.randrange(1, 999)}号",
            "unit": unit, "class_": "灵活就业" if unit == _UNITS[-1] else "在职", "insured": "参保",
            "first_work": begun,
            "bank": drawn.choice(("", "901", "902")),
        },
        "participation": [
            {"insurance": str(one), "status": "1", "begun": begun, "unit": unit} for one in _SHARES
        ],
        "contribution": contributions,
        "pension": list(_pension(contributions, base)),
    }  # fmt: skip


def _contributions(periods: list[int], unit: str, base: int, opening: int) -> list[dict[str, Any]]:
    """Of each month and insurance; into medical accounts goes what the opening balance is."""
    found = []
    for at, period in enumerate(periods):
        for insurance, (personal, own) in _SHARES.items():
            into = 0
            if insurance is Insurance.MEDICAL:
                into = opening * (at + 1) // len(periods) - opening * at // len(periods)
            elif insurance is Insurance.PENSION:
                into = base * personal // 1000
            found.append(
                {
                    "month": f"{period:06d}", "period": f"{period:06d}",
                    "insurance": str(insurance), "unit": unit, "base_fen": base,
                    "wage_fen": base, "personal_fen": base * personal // 1000,
                    "unit_fen": base * own // 1000, "account_fen": into,
                    "posted": f"{period:06d}25",
                }
            )  # fmt: skip
    return found


def _pension(contributions: list[dict[str, Any]], base: int) -> Iterator[dict[str, Any]]:
    """The pension account year by year: what it carries over is what the year before ended with."""
    years: dict[str, list[int]] = {}
    for one in contributions:
        if one["insurance"] == Insurance.PENSION:
            years.setdefault(one["period"][:4], []).append(one["account_fen"])
    carried = 0
    for year, amounts in sorted(years.items()):
        interest = carried * _INTEREST // 1000
        yield {
            "year": year, "base_fen": base, "months": len(amounts),
            "carried_personal_fen": carried, "carried_unit_fen": 0,
            "personal_fen": sum(amounts), "carried_interest_fen": interest,
        }  # fmt: skip
        carried += sum(amounts) + interest


def _earlier(day: date, months: int) -> int:
    """The month (YYYYMM) so many months before that of a day."""
    count = day.year * 12 + day.month - 1 - months
    return count // 12 * 100 + count % 12 + 1


def _later(month: int, steps: int) -> int:
    count = month // 100 * 12 + month % 100 - 1 + steps
    return count // 12 * 100 + count % 12 + 1
