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
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from issuance import validity
from issuance.holder import VALID_YEARS, Holder, HolderError, Problem, years_after
from issuance.jsonfile import JsonFileError, read_json
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.profile.generations import OPTIONAL
from sscard_chip.profile.local import FORMAT as LOCAL_FORMAT
from sscard_chip.profile.local import LocalFile, LocalFileError, parse_local_file
from sscard_chip.profile.model import Directory, Key, Profile
from sscard_chip.standard.dates import parse_date
from sscard_chip.standard.divisions import PROVINCES
from sscard_chip.standard.errors import InputError

FORMAT: Final = "sscard-region/1"
SCHEMA: Final = Path(__file__).with_name("schemas") / "region.schema.json"

_CITY: Final = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}")
_VALUE_PLACE: Final = re.compile(r"(SSSE|DF[0-9A-F]{2})\.(EF[0-9A-F]{2})(?:\.([0-9A-F]{2}))?")
_ROOT: Final = re.compile(r"[A-Z][A-Z0-9]{1,31}")
_MAX_PIN: Final = 16
_PIN_LIMIT: Final = 15


class RegionError(InputError):
    """A region profile that cannot be used: one line with file, line, field and rule."""

    def __init__(self, source: str, line: int, field: str, rule: str) -> None:
        super().__init__(source, line, field, rule)
        self.line = line
        self.field = field
        self.rule = rule

    def __str__(self) -> str:
        source, line, place, rule = self.args
        where = f"line {line}" if line else ""
        return ": ".join(part for part in (source, where, place, rule) if part)


@dataclass(frozen=True, slots=True)
class PinRules:
    """``initial`` is the PIN of a holder who brings none; lengths count digits."""

    initial: str | None = None
    tries: int | None = None
    shortest: int = 4
    longest: int = _MAX_PIN


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A checked region profile.

    ``cities`` are beginnings of division codes, none for everywhere; ``key_versions`` how many
    versions of a key are loaded, by the name of its root; ``initial`` values of items by
    directory, file and tag, for holders who bring none.
    """

    source: str
    name: str = ""
    cities: tuple[str, ...] = ()
    optional: frozenset[int] = frozenset()
    settlement_mode: SettlementMode = SettlementMode.ONLINE
    options: Mapping[str, Any] = field(default_factory=dict)
    local: LocalFile | None = None
    key_versions: Mapping[str, int] = field(default_factory=dict)
    pin: PinRules = PinRules()
    valid_years: int = VALID_YEARS
    card_class: str | None = None
    initial: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    content: bytes = b""

    def profile(self, generation: int, *, with_account: bool = False) -> Profile:
        """The profile of a generation in this region. Raises :class:`RegionError`."""
        try:
            plain = for_generation(
                generation,
                optional=self.optional,
                settlement_mode=self.settlement_mode,
                with_account=with_account or bool(self.options.get("with_account")),
                local_files=[self.local] if self.local else [],
                **{k: v for k, v in self.options.items() if k != "with_account"},
            )
        except LocalFileError as error:
            raise self._error("local", f"{error.field}: {error.rule}") from None
        except ValueError as error:
            name, _, rule = str(error).partition(": ")
            raise self._error(name, rule) from None
        missing = [name for name in self.key_versions if name not in plain.root_keys]
        if missing:
            rule = f"a card of generation {generation} has no such key"
            raise self._error(f"keys.{missing[0]}", rule)
        profile = self._with_versions(plain)
        return profile if self.pin.tries is None else replace(profile, pin_tries=self.pin.tries)

    def _with_versions(self, profile: Profile) -> Profile:
        if not self.key_versions:
            return profile

        def changed(key: Key) -> Key:
            return replace(key, versions=self.key_versions.get(key.root, key.versions))

        def keys(directory: Directory) -> Directory:
            return replace(directory, keys=tuple(map(changed, directory.keys)))

        first, *others = map(keys, profile.directories)
        return replace(profile, environment=first, applications=tuple(others))

    def defaults(self, document: Mapping[str, Any], today: date) -> dict[str, Any]:
        """Fields of a holder that the region gives when the holder does not."""
        found: dict[str, Any] = {}
        if self.pin.initial is not None:
            found["pin"] = self.pin.initial
        if self.card_class is not None:
            found["card_class"] = self.card_class
        issued = document.get("issue_date", f"{today:%Y%m%d}")
        if isinstance(issued, str) and parse_date(issued):
            found["expiry_date"] = years_after(issued, self.valid_years)
        return found

    def with_initial_values(
        self, files: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """The ``files`` of a holder, filled up with the region's initial values."""
        merged: dict[str, dict[str, Any]] = {d: dict(f) for d, f in self.initial.items()}
        for directory, own in files.items():
            target = merged.setdefault(directory, {})
            for file, content in own.items():
                before = target.get(file)
                both = isinstance(before, Mapping) and isinstance(content, Mapping)
                target[file] = {**before, **content} if both and before else content
        return merged

    def check(self, document: Mapping[str, Any]) -> list[Problem]:
        """What the region does not allow of a holder."""
        problems = []
        city, pin = document.get("city"), document.get("pin")
        if self.cities and isinstance(city, str) and not city.startswith(self.cities):
            problems.append(Problem("city", "is not a city of the region"))
        if isinstance(pin, str) and not self.pin.shortest <= len(pin) <= self.pin.longest:
            rule = f"must be {self.pin.shortest} to {self.pin.longest} digits in this region"
            problems.append(Problem("pin", rule))
        return problems

    def holder(self, path: Path, *, today: date | None = None) -> Holder:
        """The holder of a ``HOLDER.json`` file in this region. Raises HolderError."""
        day, source = today or date.today(), str(path)
        try:
            document = read_json(path)
        except JsonFileError as error:
            raise HolderError(source, "", str(error)) from None
        if isinstance(document, dict):
            for problem in self.check(document):
                raise HolderError(source, problem.item, problem.rule)
            document = {**self.defaults(document, day), **document}
            files = document.get("files", {})
            if isinstance(files, dict) and all(isinstance(f, dict) for f in files.values()):
                document["files"] = self.with_initial_values(files)
        return Holder.from_object(document, source=source, folder=path.parent, today=day)

    def _error(self, name: str, rule: str) -> RegionError:
        text = self.content.decode("utf-8", "replace")
        return RegionError(self.source, line_of(text, name), name, rule)


def load_region(path: Path) -> Region:
    """Read a region profile. Raises :class:`RegionError` or OSError."""
    return parse_region(path.read_bytes(), str(path))


@lru_cache(maxsize=4)
def parse_region(content: bytes, source: str) -> Region:
    """The region profile in the content of a file. Raises :class:`RegionError`."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise RegionError(source, 0, "", "must be UTF-8") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        rule, line = (match[1], int(match[2] or 0)) if match else (str(error), 0)
        raise RegionError(source, line, "", f"is no TOML: {rule}") from None
    region = _Parser(source, text, document).region()
    return replace(region, content=content)


def line_of(text: str, name: str) -> int:
    """The line on which a dotted field is set, that of its table when it is not, else 0."""
    found: dict[str, int] = {}
    table = ""
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?", line)
        if head:
            table = head[2]
            if head[1] == "[[":
                counts[table] = counts.get(table, 0) + 1
                table = f"{table}.{counts[table]}"
            found.setdefault(table, number)
            continue
        assignment = re.match(r"""\s*(?:"([^"]+)"|'([^']+)'|([\w.-]+))\s*=""", line)
        if assignment:
            key = next(part for part in assignment.groups() if part)
            found.setdefault(f"{table}.{key}".lstrip("."), number)
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        line_number = found.get(".".join(parts[:end]))
        if line_number:
            return line_number
    return 0


class _Parser:
    """Checks a document field by field."""

    def __init__(self, source: str, text: str, document: Mapping[str, Any]) -> None:
        self._source = source
        self._text = text
        self._document = document

    def error(self, name: str, rule: str) -> RegionError:
        return RegionError(self._source, line_of(self._text, name), name, rule)

    def region(self) -> Region:
        members = {
            "format", "name", "cities", "optional", "settlement_mode", "with_account",
            "account_only", "registration_date_in", "valid_years", "card_class", "keys", "pin",
            "initial", "local",
        }  # fmt: skip
        for name in self._document:
            if name not in members:
                raise self.error(name, "is not a field of a region profile")
        if self._document.get("format") != FORMAT:
            raise self.error("format", f'must be "{FORMAT}"')
        return Region(
            source=self._source,
            name=self._text_of("name"),
            cities=self._cities(),
            optional=self._optional(),
            settlement_mode=SettlementMode(self._number("settlement_mode", 1, 3, 1)),
            options=self._options(),
            local=self._local(),
            key_versions=self._keys(),
            pin=self._pin(),
            valid_years=self._number("valid_years", 1, 50, VALID_YEARS),
            card_class=self._card_class(),
            initial=self._initial(),
        )

    def _text_of(self, name: str, default: str = "") -> str:
        value = self._document.get(name, default)
        if not isinstance(value, str) or not value.isprintable():
            raise self.error(name, "must be a text of one line")
        return value

    def _number(
        self, name: str, low: int, high: int, default: int, table: Mapping[str, Any] | None = None
    ) -> int:
        value = (self._document if table is None else table).get(name.split(".")[-1], default)
        if type(value) is not int or not low <= value <= high:
            raise self.error(name, f"must be a whole number from {low} to {high}")
        return value

    def _texts(self, name: str) -> list[str]:
        value = self._document.get(name, [])
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise self.error(name, "must be a list of texts")
        return value

    def _table(self, name: str, members: Iterable[str] | None = None) -> Mapping[str, Any]:
        value = self._document.get(name, {})
        if not isinstance(value, dict):
            raise self.error(name, f"must be a table, [{name}]")
        for member in value:
            if members is not None and member not in members:
                raise self.error(f"{name}.{member}", "is not a field of this table")
        return value

    def _cities(self) -> tuple[str, ...]:
        cities = self._texts("cities")
        for city in cities:
            if not _CITY.fullmatch(city) or city[:2] not in PROVINCES:
                raise self.error("cities", "must be 2, 4 or 6 digits of a division (GB/T 2260)")
        return tuple(cities)

    def _optional(self) -> frozenset[int]:
        known = {f"{fid:04X}": fid for fid in OPTIONAL}
        names = self._texts("optional")
        if not set(names) <= known.keys():
            raise self.error("optional", f"must be of {', '.join(known)}")
        return frozenset(known[name] for name in names)

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for name in ("with_account", "account_only"):
            value = self._document.get(name, False)
            if not isinstance(value, bool):
                raise self.error(name, "must be true or false")
            options[name] = value
        place = self._document.get("registration_date_in", "DF02")
        if place not in ("DF02", "DF03"):
            raise self.error("registration_date_in", "must be DF02 or DF03")
        options["registration_date_in"] = int(place, 16)
        return options

    def _local(self) -> LocalFile | None:
        table = self._table("local")
        if not table:
            return None
        try:
            return parse_local_file({"format": LOCAL_FORMAT, **table}, source=self._source)
        except LocalFileError as error:
            name = "local." + ".".join(error.field.split())
            raise self.error(name, error.rule) from None

    def _keys(self) -> dict[str, int]:
        versions = self._table("keys")
        for name in versions:
            if not _ROOT.fullmatch(name):
                raise self.error(f"keys.{name}", "must be the name of a root key, such as IRK")
            self._number(f"keys.{name}", 1, 3, 1, versions)
        return dict(versions)

    def _pin(self) -> PinRules:
        table = self._table("pin", ("initial", "tries", "shortest", "longest"))
        shortest = self._number("pin.shortest", 4, _MAX_PIN, 4, table)
        longest = self._number("pin.longest", shortest, _MAX_PIN, _MAX_PIN, table)
        tries = self._number("pin.tries", 1, _PIN_LIMIT, 6, table) if "tries" in table else None
        initial = table.get("initial")
        if initial is None:
            return PinRules(None, tries, shortest, longest)
        if not isinstance(initial, str) or validity.check_pin(initial):
            raise self.error("pin.initial", "must be 4 to 16 digits")
        if not shortest <= len(initial) <= longest:
            raise self.error("pin.initial", f"must be {shortest} to {longest} digits")
        return PinRules(initial, tries, shortest, longest)

    def _card_class(self) -> str | None:
        value = self._document.get("card_class")
        if value is not None and value not in validity.CARD_CLASSES:
            raise self.error("card_class", "must be 1, 2, 3 or 4")
        return value if isinstance(value, str) else None

    def _initial(self) -> dict[str, dict[str, object]]:
        """``"DF01.EF05.20" = "10"``: items; without a tag a transparent file in hex."""
        files: dict[str, dict[str, object]] = {}
        for name, value in self._table("initial").items():
            place = _VALUE_PLACE.fullmatch(name)
            if place is None:
                raise self.error(f"initial.{name}", 'must be a place such as "DF01.EF05.20"')
            if not isinstance(value, (str, int)) or isinstance(value, bool):
                raise self.error(f"initial.{name}", "must be a text or a whole number")
            directory, file, tag = place.groups()
            target = files.setdefault(directory, {})
            if tag is None:
                target[file] = value
                continue
            inside = target.setdefault(file, {})
            if not isinstance(inside, dict):
                raise self.error(f"initial.{name}", "the file has a whole content already")
            inside[tag] = value
        return files
