# SPDX-License-Identifier: Apache-2.0
"""A recorded card made nobody's: the holder's data become invented ones of the same form.

Names become other names of as many bytes, numbers other numbers of as many digits with the check
digits that they had right, the birth date another one, which the citizen number repeats; the same
value becomes the same everywhere on the card. What no profile declares is blanked: of the bank's,
purse and transport records only lengths and tags stay. Dates, codes and amounts stay. The serial
number changes too, in the ATR as in the files, and 卡识别码 has no right MAC any more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from issuance.validity import (
    card_check_character,
    check_card_number,
    citizen_check_character,
    is_citizen_number,
)
from sscard_chip.filesystem.tlv import is_constructed, parse_objects, tlv
from sscard_chip.profile.generations import find_generation, generations, whole_profile
from sscard_chip.profile.model import (
    DirectoryDeclaration,
    FileDeclaration,
    Format,
    Item,
    Profile,
    Structure,
)
from sscard_chip.standard.dates import parse_date, written_day
from sscard_chip.standard.errors import IssuingError
from sscard_chip.standard.identifiers import ISSUER_FILE, SFI_MASK, SSSE, VERSION_TAG
from sscard_chip.terminal.recorded import RecordedCardFile, RecordedDirectory, RecordedFile

_IDENTIFICATION, _CARD_NUMBER = 0x01, 0x07
_SOCIAL_SECURITY_NUMBER, _NAME, _BIRTHPLACE, _BIRTH_DATE = 0x08, 0x09, 0x0C, 0x0D
_KEPT_TAGS: Final = frozenset(
    {0x4F, 0x50, 0x73, 0x84, 0x86, 0x87, 0x88, 0x9F0C, 0x9F11, 0x9F12, 0x9F38, 0x5F2D, 0xBF0C}
)
"""Data objects that tell what a card is, not whose."""
_CHARACTERS: Final = "安白春丹恩芳光和佳凯岚明宁平清荣山松天文夏新雪阳英雨云真之子"
_DATE_WORDS: Final = ("日期", "年月", "时间", "年度", "有效期")
_SHORT: Final = 4
"""Digits of a number that tells nobody apart: counts, kinds, rates."""
_SERIAL_LENGTH: Final = 4
_DAYS: Final = 4000


class DisguiseError(IssuingError):
    """A recording that still has something of its holder."""


class Disguise:
    """Invented values, the same for the same one."""

    def __init__(self, seed: int | None = None) -> None:
        """``seed`` for values that can be told before; by default nobody can."""
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()
        self._dates: dict[str, str] = {}
        self.replaced: dict[bytes, bytes] = {}
        """What has been replaced, and by what, as bytes."""

    def value(self, item: Item, raw: bytes) -> bytes:
        """Another value for an item, as long."""
        if not raw.strip(b"\0\xff ") or (item.codes and not item.open_codes):
            return raw
        if item.format is Format.AN:
            return self._text(item, raw)
        if item.format is Format.CN:
            return self._digits(item, raw)
        return raw if len(raw) <= _SHORT else bytes(len(raw))

    def serial(self, raw: bytes) -> bytes:
        """Another serial number."""
        return self._keep(raw, self._random.randbytes(len(raw)))

    def _keep(self, old: bytes, new: bytes) -> bytes:
        return self.replaced.setdefault(old, new)

    def _text(self, item: Item, raw: bytes) -> bytes:
        value = raw.rstrip(b"\0 ")
        if value not in self.replaced:
            self._keep(value, self._new_text(item, value))
        return self.replaced[value] + raw[len(value) :]

    def _new_text(self, item: Item, value: bytes) -> bytes:
        plain = value.decode("ascii") if value.isascii() else ""
        if is_citizen_number(plain):
            return self._citizen(plain).encode()
        if check_card_number(plain) is None:
            body = plain[0] + self._number(7)
            return (body + card_check_character(body)).encode()
        new = b""
        for character in value.decode("gb18030", "replace"):
            new += self._character(character)
        return new[: len(value)].ljust(len(value), b"0")

    def _character(self, character: str) -> bytes:
        if character.isdecimal() and character.isascii():
            return self._number(1).encode()
        if character.isascii():
            letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
            chosen = self._random.choice(letters)
            return (chosen if character.isupper() else chosen.lower() if character.isalpha()
                    else character).encode()  # fmt: skip
        coded = character.encode("gb18030")
        if not character.isalpha() or len(coded) != 2:
            return coded if not character.isalpha() else "夏".encode("gb18030") * (len(coded) // 2)
        return self._random.choice(_CHARACTERS).encode("gb18030")

    def _citizen(self, number: str) -> str:
        born = self._date(number[6:14])
        order = self._number(2) + str((int(number[16]) % 2) + 2 * self._random.randrange(5))
        first = f"99{self._number(4)}{born}{order}"
        return first + citizen_check_character(first)

    def _date(self, text: str) -> str:
        if text not in self._dates:
            known = parse_date(text)
            new = (known or date(1980, 1, 1)) - timedelta(self._random.randrange(1, _DAYS))
            self._dates[text] = written_day(new)
        return self._dates[text]

    def _digits(self, item: Item, raw: bytes) -> bytes:
        text = raw.hex().upper().rstrip("F")
        if not text.isdecimal() or len(text) <= _SHORT:
            return raw
        if item.tag == _BIRTH_DATE and parse_date(text):
            return bytes.fromhex(self._date(text))
        if any(word in item.name for word in _DATE_WORDS) and parse_date(text):
            return raw
        if item.tag == _BIRTHPLACE and len(text) == 6:
            return bytes.fromhex(f"{text[:2]}0100")
        key = bytes.fromhex(text if len(text) % 2 == 0 else f"{text}F")
        if key not in self.replaced:
            new = self._number(len(text))
            self._keep(key, bytes.fromhex(new if len(new) % 2 == 0 else f"{new}F"))
        return self.replaced[key] + raw[len(key) :]

    def _number(self, length: int) -> str:
        return "".join(str(self._random.randrange(10)) for _ in range(length))


def disguise_card(recorded: RecordedCardFile, seed: int | None = None) -> RecordedCardFile:
    """A recording with an invented holder.

    :param seed: for tests, the same holder each time.
    :raises DisguiseError: something of the holder is left; nothing is given out then.
    """
    disguise = Disguise(seed)
    atr = bytes.fromhex(recorded.atr)
    end = len(atr) - (len(atr) > 1 and atr[1] >> 7)
    serial = atr[end - _SERIAL_LENGTH : end]
    disguise.serial(serial)
    profile = _profile(recorded)
    directories = [_directory(one, profile, disguise) for one in recorded.directories]
    known = {old: new for old, new in disguise.replaced.items() if len(old) >= _SHORT}
    text = RecordedCardFile(
        atr=recorded.atr, contactless=recorded.contactless, directories=directories
    )
    return _checked(_substituted(text, known), known)


def _profile(recorded: RecordedCardFile) -> Profile | None:
    """That of the generation which 规范版本 in SSSE names; the newest without one."""
    for place in recorded.directories:
        for file in place.files:
            for text in file.records or ():
                record = bytes.fromhex(text)
                if file.sfi == ISSUER_FILE & SFI_MASK and record[:1] == bytes((VERSION_TAG,)):
                    found = find_generation(record[2:])
                    if found:
                        return whole_profile(found.number)
    return whole_profile(max(one.number for one in generations()))


def _declared(place: RecordedDirectory, profile: Profile | None) -> DirectoryDeclaration | None:
    names = {bytes.fromhex(command)[5:] for command in place.select}
    for directory in profile.directories if profile else ():
        if directory.fid.to_bytes(2) in names or directory.df_name in names:
            return directory
    return None


def _directory(
    place: RecordedDirectory, profile: Profile | None, disguise: Disguise
) -> RecordedDirectory:
    declared = _declared(place, profile)
    files = {file.fid & SFI_MASK: file for file in declared.files} if declared else {}
    own = declared.fid if declared else 0
    answer = bytes.fromhex(place.answer)
    shown = answer if declared else _blanked(answer[:-2]) + answer[-2:]
    return RecordedDirectory(
        select=place.select,
        answer=shown.hex().upper(),
        files=[_file(file, files.get(file.sfi), own, disguise) for file in place.files],
        exchanges=place.exchanges,
    )


def _file(
    file: RecordedFile, declared: FileDeclaration | None, directory: int, disguise: Disguise
) -> RecordedFile:
    records, content = file.records, file.content
    if records is not None:
        raw = [bytes.fromhex(text) for text in records]
        records = [one.hex().upper() for one in _records(raw, declared, directory, disguise)]
    if content is not None:
        body = bytes.fromhex(content)
        items = declared.items if declared else ()
        whole = sum(item.length for item in items) == len(body)
        content = (_fields(body, items, disguise) if whole else bytes(len(body))).hex().upper()
    return RecordedFile(
        sfi=file.sfi,
        selected=file.selected,
        records=records,
        content=content,
        refused=file.refused,
    )


def _records(
    raw: list[bytes], declared: FileDeclaration | None, directory: int, disguise: Disguise
) -> Iterator[bytes]:
    waiting = list(declared.items) if declared else []
    for record in raw:
        if declared and declared.structure is Structure.CYCLIC:
            whole = sum(item.length for item in waiting) == len(record)
            yield _fields(record, waiting, disguise) if whole else bytes(len(record))
            continue
        item = next((item for item in waiting if item.tag == record[0]), None) if record else None
        if item is None or len(record) < 2:
            yield _blanked(record)
            continue
        waiting.remove(item)
        value = record[2:]
        if directory == SSSE and declared and declared.fid == ISSUER_FILE:
            yield record[:2] + _of_card(item, value, disguise)
        elif item.format is Format.BTLV:
            yield record[:2] + _template(value, item, disguise)
        else:
            yield record[:2] + disguise.value(item, value)


def _of_card(item: Item, value: bytes, disguise: Disguise) -> bytes:
    """Items of EF05 say what card it is; its number and its serial number say whose."""
    if item.tag == _IDENTIFICATION and len(value) >= _SERIAL_LENGTH:
        return value[:-_SERIAL_LENGTH] + bytes(_SERIAL_LENGTH)
    return disguise.value(item, value) if item.tag == _CARD_NUMBER else value


def _fields(record: bytes, items: tuple[Item, ...] | list[Item], disguise: Disguise) -> bytes:
    new, start = b"", 0
    for item in items:
        new += disguise.value(item, record[start : start + item.length])
        start += item.length
    return new


def _template(value: bytes, item: Item, disguise: Disguise) -> bytes:
    new, start = b"", 0
    declared = {sub.tag: sub for sub in item.items}
    while start + 2 <= len(value):
        tag, length = value[start], value[start + 1]
        raw = value[start + 2 : start + 2 + length]
        sub = declared.get(tag)
        new += bytes((tag, length)) + (disguise.value(sub, raw) if sub else bytes(len(raw)))
        start += 2 + length
    return (new + bytes(len(value)))[: len(value)]


def _blanked(data: bytes) -> bytes:
    """Data objects without what is in them, but what tells the kind of card."""
    try:
        objects = parse_objects(data)
        blank = b"".join(
            tlv(
                tag,
                value
                if tag in _KEPT_TAGS and not is_constructed(tag)
                else _blanked(value)
                if is_constructed(tag)
                else bytes(len(value)),
            )
            for tag, value in objects
        )
    except ValueError:
        return bytes(len(data))
    return blank if len(blank) == len(data) else bytes(len(data))


def _substituted(recorded: RecordedCardFile, known: dict[bytes, bytes]) -> RecordedCardFile:
    """The same values wherever else they stand."""

    def clean(text: str) -> str:
        data = bytes.fromhex(text)
        for old, new in known.items():
            data = data.replace(old, new)
        return data.hex().upper()

    return RecordedCardFile(
        atr=_with_check_byte(clean(recorded.atr), recorded.contactless),
        contactless=recorded.contactless,
        directories=[
            RecordedDirectory(
                select=place.select,
                answer=clean(place.answer),
                files=[
                    RecordedFile(
                        sfi=file.sfi,
                        selected=None if file.selected is None else clean(file.selected),
                        records=None if file.records is None else list(map(clean, file.records)),
                        content=None if file.content is None else clean(file.content),
                        refused=file.refused,
                    )
                    for file in place.files
                ],
                exchanges=place.exchanges,
            )
            for place in recorded.directories
        ],
    )


def _with_check_byte(atr: str, contactless: bool) -> str:
    data = bytearray.fromhex(atr)
    if contactless:
        check = 0
        for byte in data[1:-1]:
            check ^= byte
        data[-1] = check
    return data.hex().upper()


def _checked(recorded: RecordedCardFile, known: dict[bytes, bytes]) -> RecordedCardFile:
    texts = [recorded.atr]
    for place in recorded.directories:
        texts.append(place.answer)
        for file in place.files:
            texts += [*(file.records or ()), file.content or "", file.selected or ""]
    data = [bytes.fromhex(text) for text in texts]
    if any(old in one for old in known if old not in known.values() for one in data):
        raise DisguiseError("something of the holder is left: the recording is not written")
    return recorded
