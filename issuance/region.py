# SPDX-License-Identifier: Apache-2.0
"""A region profile (TOML): what a region decides about its cards. See docs/region-profile.md.

Cities, optional applications, own files (EF0C, EF0D...), key versions, settlement mode, PIN
rules, initial values. Every error is one line ``FILE: line N: FIELD: RULE``. The JSON Schema of
the document ships as :data:`SCHEMA`.

>>> region = parse_region(b'format = "sscard-region/1"\\ncities = ["4301"]\\n', "region.toml")
>>> region.profile(2).generation
2
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from issuance.holder import VALID_YEARS, Holder, HolderError, check_holder
from issuance.names import check_name
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.profile.local import LocalFile, LocalFileError, build_local
from sscard_chip.profile.localmodel import LocalTables
from sscard_chip.profile.model import DirectoryDeclaration, Key, Profile
from sscard_chip.standard.dates import parse_date, written_day, years_after
from sscard_chip.standard.divisions import PROVINCES
from sscard_chip.standard.documents import Broken, Document, DocumentError, Model, RuleFinding, rule
from sscard_chip.standard.text import four_byte_rule

FORMAT: Final = "sscard-region/1"
SCHEMA: Final = Path(__file__).with_name("schemas") / "region.schema.json"

_VALUE_PLACE: Final = r"(?:SSSE|DF[0-9A-F]{2})\.EF[0-9A-F]{2}(?:\.[0-9A-F]{2})?"
_MAX_PIN: Final = 16
_PIN_LIMIT: Final = 15


class RegionError(DocumentError):
    """A region profile that cannot be used: lines, fields and rules in one line."""

    @property
    def field(self) -> str:
        """The field of the first finding."""
        return self.item


def _city_rule(value: str) -> str | None:
    right = re.fullmatch("[0-9]{2}|[0-9]{4}|[0-9]{6}", value) and value[:2] in PROVINCES
    return None if right else "must be 2, 4 or 6 digits of a division (GB/T 2260)"


def _initial_rule(values: Mapping[str, object]) -> str | None:
    """A file has items or a whole content."""
    whole = {name for name in values if name.count(".") == 1}
    inside = {name.rpartition(".")[0] for name in values if name.count(".") == 2}
    return "the file has a whole content already" if whole & inside else None


class PinRules(Model, frozen=True):
    """PINs of the region; lengths count digits."""

    WHAT = "this table"
    NOT_OBJECT = "must be a table, [pin]"

    initial: Annotated[str, rule("must be 4 to 16 digits", pattern="[0-9]{4,16}")] | None = None
    tries: Annotated[int, rule(ge=1, le=_PIN_LIMIT, title="Retry counter")] | None = None
    shortest: Annotated[int, rule(ge=4, le=_MAX_PIN)] = 4
    longest: Annotated[int, rule(ge=4, le=_MAX_PIN)] = _MAX_PIN

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterator[Broken]:
        """The lengths are in order, and the first PIN has one of them."""
        shortest, longest = good.get("shortest", 4), good.get("longest", _MAX_PIN)
        if longest < shortest:
            yield ("longest",), f"must be a whole number from {shortest} to {_MAX_PIN}"
        elif not shortest <= len(good.get("initial") or "0" * shortest) <= longest:
            yield ("initial",), f"must be {shortest} to {longest} digits"


class RegionDocument(Model, frozen=True):
    """What a region decides about its cards: see docs/region-profile.md."""

    WHAT = "a region profile"

    format: Annotated[Literal["sscard-region/1"], rule(f'must be "{FORMAT}"')]
    name: Annotated[
        str,
        rule(
            "must be a text of one line",
            check=lambda name: None if name.isprintable() else "must be a text of one line",
            title="Name of the region, for people",
        ),
    ] = ""
    cities: Annotated[
        list[Annotated[str, rule(check=_city_rule)]],
        rule("must be a list of texts", title="Division codes of the cards, or their beginnings"),
    ] = []
    optional: Annotated[
        list[Annotated[Literal["DF05", "DF06"], rule("must be of DF05, DF06")]],
        rule("must be a list of texts", title="Optional applications that the cards have"),
    ] = []
    settlement_mode: Annotated[
        int, rule(ge=1, le=3, title="1 on-line, 2 temporary off-line, 3 off-line")
    ] = 1
    with_account: Annotated[
        bool, rule(title="Generation 1: a medical account in the on-line mode")
    ] = False
    account_only: Annotated[bool, rule(title="DF04 EF08 keeps the personal account alone")] = False
    registration_date_in: Annotated[
        Literal["DF02", "DF03"], rule("must be DF02 or DF03", title="Where tag 60 stands")
    ] = "DF02"
    proof_by_next_number: Annotated[
        bool, rule(title="The medical account's proof is asked for by the number plus 1")
    ] = False
    valid_years: Annotated[int, rule(ge=1, le=50, title="From issue to expiry")] = VALID_YEARS
    card_class: (
        Annotated[
            Literal["1", "2", "3", "4"],
            rule("must be 1, 2, 3 or 4", title="卡类别 of holders who bring none"),
        ]
        | None
    ) = None
    keys: Annotated[
        dict[
            Annotated[
                str,
                rule("must be the name of a root key, such as IRK", pattern="[A-Z][A-Z0-9]{1,31}"),
            ],
            Annotated[int, rule(ge=1, le=3)],
        ],
        rule("must be a table, [keys]", title="Versions of a key that are loaded, by its root"),
    ] = {}
    four_byte_names: Annotated[
        bool, rule(title="False refuses names with characters that GB 18030 codes in four bytes")
    ] = True
    pin: PinRules = PinRules()
    initial: Annotated[
        dict[
            Annotated[
                str,
                rule('must be a place such as "DF01.EF05.20"', pattern=_VALUE_PLACE),
            ],
            Annotated[str | int, rule("must be a text or a whole number")],
        ],
        rule(
            "must be a table, [initial]",
            check=_initial_rule,
            title="Values for holders who bring none, by DF.EF.TAG; whole contents by DF.EF",
        ),
    ] = {}
    local: LocalTables | None = None


class RegionProfile:
    """A checked region profile. ``source`` names its file, ``pin`` are its rules for PINs."""

    def __init__(self, document: Document, given: RegionDocument, local: LocalFile | None) -> None:
        self.source = document.source
        self.name = given.name
        self.pin = given.pin
        self._document = document
        self._given = given
        self._local = local
        self._initial: dict[str, dict[str, Any]] = {}
        for place, value in given.initial.items():
            directory, file, *tag = place.split(".")
            target = self._initial.setdefault(directory, {})
            if tag:
                target.setdefault(file, {})[tag[0]] = value
            else:
                target[file] = value

    @property
    def cities(self) -> tuple[str, ...]:
        """Beginnings of division codes, none for everywhere."""
        return tuple(self._given.cities)

    def profile(self, generation: int, *, with_account: bool = False) -> Profile:
        """The profile of a generation in this region.

        :raises RegionError:
        """
        try:
            plain = for_generation(
                generation,
                optional=[int(name, 16) for name in self._given.optional],
                settlement_mode=SettlementMode(self._given.settlement_mode),
                with_account=with_account or self._given.with_account,
                account_only=self._given.account_only,
                registration_date_in=int(self._given.registration_date_in, 16),
                proof_by_next_number=self._given.proof_by_next_number,
                local_files=[self._local] if self._local else [],
            )
        except LocalFileError as error:
            raise self._document.error("local", f"{error.item}: {error.rule}") from None
        except ValueError as error:
            name, _, text = str(error).partition(": ")
            raise self._document.error(name, text) from None
        for name in self._given.keys:
            if name not in plain.root_keys:
                text = f"a card of generation {generation} has no such key"
                raise self._document.error(f"keys.{name}", text)
        profile = self._with_versions(plain)
        return (
            profile if self.pin.tries is None else replace(profile, pin_retry_limit=self.pin.tries)
        )

    def _with_versions(self, profile: Profile) -> Profile:
        if not self._given.keys:
            return profile

        def changed(key: Key) -> Key:
            return replace(key, versions=self._given.keys.get(key.root, key.versions))

        def keys(directory: DirectoryDeclaration) -> DirectoryDeclaration:
            return replace(directory, keys=tuple(map(changed, directory.keys)))

        first, *others = map(keys, profile.directories)
        return replace(profile, environment=first, applications=tuple(others))

    def defaults(self, document: Mapping[str, Any], today: date) -> dict[str, Any]:
        """Fields of a holder that the region gives when the holder does not."""
        found: dict[str, Any] = {}
        if self.pin.initial is not None:
            found["pin"] = self.pin.initial
        if self._given.card_class is not None:
            found["card_class"] = self._given.card_class
        issued = document.get("issue_date", written_day(today))
        if isinstance(issued, str) and parse_date(issued):
            found["expiry_date"] = years_after(issued, self._given.valid_years)
        return found

    def with_initial_values(
        self, files: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """The ``files`` of a holder, filled up with the region's initial values."""
        merged: dict[str, dict[str, Any]] = {d: dict(f) for d, f in self._initial.items()}
        for directory, own in files.items():
            target = merged.setdefault(directory, {})
            for file, content in own.items():
                before = target.get(file)
                both = isinstance(before, Mapping) and isinstance(content, Mapping)
                target[file] = {**before, **content} if both and before else content
        return merged

    def check(self, document: Mapping[str, Any]) -> list[RuleFinding]:
        """What the region does not allow of a holder."""
        problems = []
        city, pin = document.get("city"), document.get("pin")
        if self.cities and isinstance(city, str) and not city.startswith(self.cities):
            problems.append(RuleFinding("city", "is not a city of the region"))
        name = document.get("name")
        if not self._given.four_byte_names and isinstance(name, str) and check_name(name) is None:
            broken = four_byte_rule(name)
            if broken:
                problems.append(RuleFinding("name", f"{broken} (in this region)"))
        if isinstance(pin, str) and not self.pin.shortest <= len(pin) <= self.pin.longest:
            text = f"must be {self.pin.shortest} to {self.pin.longest} digits in this region"
            problems.append(RuleFinding("pin", text))
        return problems

    def holder(self, path: Path, *, today: date | None = None) -> Holder:
        """The holder of a holder file in this region.

        :raises HolderError:
        """
        day = today or date.today()
        read = Document.load(path, HolderError)
        document, problems = read.value, []
        if isinstance(document, dict):
            problems = self.check(document)
            document = {**self.defaults(document, day), **document}
            files = document.get("files", {})
            if isinstance(files, dict) and all(isinstance(f, dict) for f in files.values()):
                document["files"] = self.with_initial_values(files)
        problems += check_holder(document, today=day)
        if problems:
            raise read.refused(problems)
        return Holder.of(document, today=day, folder=path.parent, source=read.source)


def load_region(path: Path) -> RegionProfile:
    """Read a region profile.

    :raises RegionError:
    :raises OSError:
    """
    return parse_region(path.read_bytes(), str(path))


@lru_cache(maxsize=4)
def parse_region(content: bytes, source: str) -> RegionProfile:
    """The region profile in the content of a file.

    :raises RegionError:
    """
    document = Document.toml(content, source, RegionError)
    given = document.to(RegionDocument, separator=".")
    local = None
    if given.local is not None:
        try:
            local = build_local(given.local, source)
        except LocalFileError as error:
            named = [f"local {one.item}".replace(" ", ".") for one in error.findings]
            raise document.refused(
                map(RuleFinding, named, (one.rule for one in error.findings))
            ) from None
    return RegionProfile(document, given, local)
