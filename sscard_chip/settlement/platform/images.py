# SPDX-License-Identifier: Apache-2.0
"""A register of persons from card images: what the issuer wrote about the holder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sscard_chip.card import Card
from sscard_chip.profile.codec import join_name
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.settlement.platform.persons import InsuredPerson, PersonRegisterError
from sscard_chip.standard.identifiers import HOLDER_FILE, ISSUER_FILE, SSSE

_CODE, _NUMBER, _NAME, _NAME_REST = "01", "08", "09", "4E"
_SEX, _NATION, _BIRTH = "0A", "0B", "0D"


def persons_of(cards: Iterable[tuple[str, Card]]) -> list[InsuredPerson]:
    """The holders of some cards, each card with a name for errors; one with two cards once.

    :raises PersonRegisterError: a card has no holder: "name: rule".
    """
    found: dict[str, InsuredPerson] = {}
    for name, card in cards:
        person = _person(name, card)
        known = found.get(person.certno)
        if known is not None:
            codes = dict.fromkeys((*known.card_id_codes, *person.card_id_codes))
            person = replace(person, card_id_codes=tuple(codes))
        found[person.certno] = person
    return list(found.values())


def _person(name: str, card: Card) -> InsuredPerson:
    raw: dict[str, str] = {}
    text: dict[str, str] = {}
    files = (f"{ISSUER_FILE:04X}", f"{HOLDER_FILE:04X}")
    for directory in inspect_card(card).directories:
        if directory.fid != f"{SSSE:04X}":
            continue
        for file in directory.files:
            for record in file.records if file.fid in files else ():
                for item in record:
                    raw[item.tag], text[item.tag] = item.raw, item.text
    if not text.get(_NUMBER) or not text.get(_NAME) or not raw.get(_CODE):
        raise PersonRegisterError(f"{name}: has no holder")
    birth = text.get(_BIRTH, "")
    return InsuredPerson(
        certno=text[_NUMBER],
        psn_name=join_name(bytes.fromhex(raw[_NAME]), bytes.fromhex(raw.get(_NAME_REST, ""))),
        gend=text.get(_SEX, ""),
        naty=text.get(_NATION, ""),
        brdy=f"{birth[:4]}-{birth[4:6]}-{birth[6:]}" if len(birth) == 8 else "",
        card_id_codes=(raw[_CODE],),
    )
