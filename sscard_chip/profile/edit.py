# SPDX-License-Identifier: Apache-2.0
"""A card changed by the document that describes it: ``sscard info --json`` back into the image.

The document may be whole or leave anything out; what it has and the card has not so is a change.
Directories are found by ``fid`` and ``df_name``, files by ``fid``, keys by ``kid`` and ``use``,
records and items by their place. These may be changed:

- items: ``text`` as the profile declares it, or without a text ``raw``, any bytes of the same
  length in hex; ``meaning`` is not looked at;
- transparent files: ``body``, filled up with 00;
- PIN and keys: ``tries``; directories: ``blocked``; the card: ``life_cycle``;
- the medical account: amounts, year, starting day and counters.

All else must be as it is on the card. No right is needed, as no command is sent; each change says
which one the command would need. All findings come at once, and nothing is changed then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sscard_chip.applications.amounts import AmountState, MedicalAccount, encode_account
from sscard_chip.card import Card
from sscard_chip.filesystem.files import (
    ElementaryFile,
    InternalFile,
    TransparentFile,
)
from sscard_chip.filesystem.layout import STATE_AT, ApplicationState, LifeCycle
from sscard_chip.filesystem.tree import Directory
from sscard_chip.memory import Memory
from sscard_chip.profile import model
from sscard_chip.profile.contents import AccountState, CardContents, DecodedItem, DirectoryContents
from sscard_chip.profile.fields import FileField, decode_field, file_fields
from sscard_chip.profile.inspect import declared_files, inspect_card, profile_of
from sscard_chip.profile.local import LocalFile
from sscard_chip.profile.replacing import HEX, EditedFile, ValueRefusedError, raw_value, text_value
from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.documents import DocumentError, RuleFinding

_YEAR: Final = re.compile(r"[0-9]{4}")
_DAY: Final = re.compile(r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_MAX_COUNTER: Final = 0xFFFF
_READ_ONLY: Final = "cannot be changed here: must be as on the card"
_UNKNOWN: Final = "is not a field of it"
_OBJECT: Final = "must be an object"
_LIST: Final = "must be a list"
_NEVER: Final = "none: no command changes it"


class CardEditError(DocumentError):
    """A document that cannot become of a card; all findings, never a value."""


@dataclass(frozen=True, slots=True)
class CardChange:
    """One change: where, what was and what is to be, in words, and the right that the command for
    it would need."""

    place: str
    before: str
    after: str
    right: str


def edit_card(
    memory: Memory,
    document: Any,
    *,
    source: str = "",
    local_files: Iterable[LocalFile] = (),
) -> tuple[Memory, tuple[CardChange, ...]]:
    """A copy of a card's memory as the document has it, and what that changes.

    ``document`` is parsed JSON, ``source`` its file for errors.

    :raises CardEditError: all that is wrong with the document.
    """
    editor = _Editor(Card(memory.copy()), list(local_files))
    editor.card_of(document)
    if editor.findings:
        raise CardEditError.of(source, editor.findings)
    edited = editor.card.files.memory
    edited.commit()
    return edited, tuple(editor.changes)


class _Editor:
    """Walks a document beside the card; stages what is changed."""

    def __init__(self, card: Card, local_files: Sequence[LocalFile]) -> None:
        self.card = card
        self.memory = card.files.memory
        self.profile = profile_of(card.files, local_files)
        self.contents = inspect_card(card, local_files=local_files)
        self.findings: list[RuleFinding] = []
        self.changes: list[CardChange] = []

    # --- the card --------------------------------------------------------------------------------

    def card_of(self, document: Any) -> None:
        now = self.contents
        for name, value in self._members("", document, CardContents):
            if name == "directories":
                self._directories(value)
            elif name == "life_cycle":
                self._life_cycle(value)
            else:
                self._same(name, value, getattr(now, name))

    def _life_cycle(self, value: Any) -> None:
        states = {state.name.lower(): state for state in LifeCycle}
        if not isinstance(value, str) or value not in states:
            self._find("life_cycle", f"must be one of {', '.join(states)}")
        elif value != self.contents.life_cycle:
            self.memory.write(STATE_AT, bytes((states[value],)))
            self._change("life_cycle", self.contents.life_cycle, value, _NEVER)

    def _directories(self, value: Any) -> None:
        mounted = [d for d in self.card.files.directories if not d.is_second_name]
        known = list(zip(mounted, self.contents.directories, strict=True))
        for number, one in enumerate(self._list("directories", value), 1):
            fid = one.get("fid") if isinstance(one, Mapping) else None
            name = one.get("df_name") if isinstance(one, Mapping) else None
            found = [
                pair for pair in known if pair[1].fid == fid and name in (None, pair[1].df_name)
            ]
            if len(found) != 1:
                self._find(f"directories.{number}", "must name a directory of the card by its fid")
            else:
                self._directory(*found[0], one)

    def _directory(self, directory: Directory, now: DirectoryContents, value: Any) -> None:
        place = f"DF {now.fid}" if now.fid != "3F00" else "MF"
        for name, given in self._members(place, value, DirectoryContents):
            at = f"{place} {name}"
            match name:
                case "blocked":
                    self._blocked(at, directory, now.blocked, given)
                case "pin":
                    self._pin(at, directory, given)
                case "keys":
                    self._keys(f"{place} key", directory, now, given)
                case "files":
                    self._files(place, directory, now, given)
                case "account":
                    self._account(at, directory, now.account, given)
                case _:
                    self._same(at, given, getattr(now, name))

    def _blocked(self, place: str, directory: Directory, now: bool, value: Any) -> None:
        if not isinstance(value, bool):
            self._find(place, "must be true or false")
        elif value is not now:
            state = ApplicationState.BLOCKED if value else ApplicationState.WORKING
            directory.stage_state(state)
            words = ("working", "blocked")
            right = "APPLICATION BLOCK with its MAC" if value else _NEVER
            self._change(place, words[now], words[value], right)

    # --- PIN and keys ----------------------------------------------------------------------------

    def _pin(self, place: str, directory: Directory, value: Any) -> None:
        record = directory.pin
        if record is None or value is None:
            self._same(place, value, None if record is None else ...)
            return
        now = {"is_set": record.is_set, "tries": record.retry_counter, "limit": record.retry_limit}
        for name, given in self._named(place, value, now):
            at = f"{place} {name}"
            if name != "tries":
                self._same(at, given, now[name])
            elif self._number(at, given, record.retry_limit) and given != record.retry_counter:
                before = str(record.retry_counter)
                record.stage_retry_counter(given)
                self._change(at, before, str(given), "VERIFY, or PIN CHANGE/UNBLOCK")

    def _keys(self, place: str, directory: Directory, now: DirectoryContents, value: Any) -> None:
        for number, one in enumerate(self._list(place, value), 1):
            names = (one.get("kid"), one.get("use")) if isinstance(one, Mapping) else ()
            key = next((key for key in now.keys if (key.kid, key.use) == names), None)
            if key is None:
                self._find(f"{place} {number}", "must name a key of the directory by kid and use")
                continue
            at = f"{place} {key.name or key.kid}"
            for name, given in self._members(at, one, type(key)):
                if name == "tries" and list(key.tries) != given:
                    self._tries(f"{at} tries", directory, key.kid, key.use, given)
                else:
                    self._same(f"{at} {name}", given, getattr(key, name))

    def _tries(self, place: str, directory: Directory, kid: str, use: str, value: Any) -> None:
        uses = {one.value: one.name.lower() for one in model.KeyUse}
        own = 0x80 if directory.is_adf else 0
        records = [
            record
            for (number, code, _), record in sorted(directory.keys.items())
            if uses.get(number, f"{number:02X}") == use
            and kid in ("index", f"{code & 0x7F | own:02X}")
        ]
        if not records[0].retry_limit or not isinstance(value, list) or len(value) != len(records):
            self._find(place, "must have one number for each version, none for a key that never "
                       "locks")  # fmt: skip
            return
        for version, (record, given) in enumerate(zip(records, value, strict=True), 1):
            at = f"{place} {version}"
            if self._number(at, given, record.retry_limit) and given != record.retry_counter:
                before = str(record.retry_counter)
                record.stage_retry_counter(given)
                self._change(at, before, str(given), "EXTERNAL AUTHENTICATE with the key")

    # --- medical account -------------------------------------------------------------------------

    def _account(
        self, place: str, directory: Directory, now: AccountState | None, value: Any
    ) -> None:
        account, file = MedicalAccount.of(directory), directory.amount_file
        if now is None or value is None or account is None or not isinstance(file, InternalFile):
            self._same(place, value, None if now is None else ...)
            return
        state = account.read()
        new: dict[str, Any] = {}
        for name, given in self._members(place, value, AccountState):
            at = f"{place} {name}"
            before = getattr(now, name)
            if name in ("log", "account_only"):
                self._same(at, given, before)
                continue
            if isinstance(before, str):
                pattern = _YEAR if name == "year" else _DAY
                if not isinstance(given, str) or not pattern.fullmatch(given):
                    self._find(at, f"must be {'yyyy' if name == 'year' else 'mmdd'}")
                    continue
            elif not self._number(at, given, _MAX_COUNTER if name.endswith("counter") else MAX_FEN):
                continue
            if given != before:
                new[name] = bytes.fromhex(given) if isinstance(given, str) else given
                self._change(at, str(before), str(given), "a load or a debit with its key")
        if new:
            edited = AmountState(**(state._asdict() | new))
            body = bytes(self.memory.cells[file.body : file.body + file.size])
            self.memory.write(file.body, encode_account(edited, body))

    # --- files -----------------------------------------------------------------------------------

    def _files(self, place: str, directory: Directory, now: DirectoryContents, value: Any) -> None:
        contents = {file.fid: file for file in now.files}
        declared = declared_files(directory, self.profile)
        for number, one in enumerate(self._list(f"{place} files", value), 1):
            fid = one.get("fid") if isinstance(one, Mapping) else None
            if not isinstance(fid, str) or fid not in contents:
                self._find(f"{place} files.{number}", "must name a file of it by its fid")
                continue
            shown, file = contents[fid], directory.files[int(fid, 16)]
            at = f"{place} {fid if fid.startswith('EF') else f'EF {fid}'}"
            bodies: dict[str, Any] = {}
            for name, given in self._members(at, one, type(shown)):
                if name in ("records", "body"):
                    bodies[name] = given
                else:
                    self._same(f"{at} {name}", given, getattr(shown, name))
            own = file_fields(file, declared.get(file.fid), directory.fid, self.profile)
            contents_of = EditedFile(file)
            if "records" in bodies:
                self._records(at, shown.write, own, contents_of, bodies["records"])
            if "body" in bodies and bodies["body"] != shown.body:
                self._body(f"{at} body", shown.write, file, contents_of, bodies["body"])
            contents_of.stage()

    def _body(
        self, place: str, right: str, file: ElementaryFile, content: EditedFile, value: Any
    ) -> None:
        if not isinstance(file, TransparentFile):
            self._find(place, _READ_ONLY)
        elif content.changed:
            self._find(place, "must not be changed together with its fields")
        elif not isinstance(value, str) or not HEX.fullmatch(value):
            self._find(place, "must be hexadecimal")
        elif len(value) > 2 * file.size:
            self._find(place, f"must be at most {file.size} bytes")
        else:
            before = file.read(0, file.size).rstrip(b"\0").hex().upper()
            content.replace(1, 0, bytes.fromhex(value).ljust(file.size, b"\0"))
            self._change(place, _short(before), _short(value.upper()), right)

    def _records(
        self,
        place: str,
        right: str,
        now: list[tuple[FileField, ...]],
        content: EditedFile,
        value: Any,
    ) -> None:
        given = self._list(f"{place} records", value)
        if len(given) != len(now):
            self._find(f"{place} records", f"must be {len(now)}, as on the card")
            return
        for number, (fields_now, record) in enumerate(zip(now, given, strict=True), 1):
            at = place if len(fields_now) == 1 else f"{place} #{number}"
            self._items(at, right, number, fields_now, content, record)

    def _items(
        self,
        place: str,
        right: str,
        record: int,
        now: tuple[FileField, ...],
        content: EditedFile,
        value: Any,
    ) -> None:
        given = self._list(place, value)
        if len(given) != len(now):
            self._find(place, f"must have {len(now)} items, as on the card")
            return
        for position, (field, one) in enumerate(zip(now, given, strict=True), 1):
            label = field.tag or f"field {position}"
            at = f"{place} {label}{f' {field.item.name}' if field.item else ''}"
            self._item(at, right, record, field, content, one)

    def _item(
        self,
        place: str,
        right: str,
        record: int,
        field: FileField,
        content: EditedFile,
        value: Any,
    ) -> None:
        now = decode_field(field)
        members = dict(self._members(place, value, type(now)))
        for name in ("tag", "name", "english"):
            if name in members:
                self._same(f"{place} {name}", members[name], getattr(now, name))
        new = self._new_value(place, field, members.get("raw"), members.get("text"))
        replaced = new is not None and new != field.raw
        if new is not None and replaced:
            content.replace(record, field.at, new)
            shown = self._shown(field, new)
            self._change(place, _short(now.text or now.raw), _short(shown.text or shown.raw), right)
        if "items" in members and field.parts:
            if replaced:
                parts = [self._plain(one) for one in self._list(place, members["items"])]
                if parts != [self._plain(decode_field(part)) for part in field.parts]:
                    self._find(place, "raw and items say different things: change one of them")
            else:
                self._items(place, right, record, field.parts, content, members["items"])
        elif members.get("items"):
            self._find(f"{place} items", _READ_ONLY)

    def _new_value(self, place: str, field: FileField, raw: Any, text: Any) -> bytes | None:
        """What raw and text say together; None when nothing, or nothing right."""
        now = decode_field(field)
        if raw is None and text is None:
            return None
        if text is None or (raw is not None and raw != now.raw):
            new = self._tried(f"{place} raw", lambda: raw_value(field, raw))
            if new is None or text in (None, self._shown(field, new).text):
                return new
            self._find(place, "raw and text say different things: leave one of them out")
            return None
        if text == now.text:
            return None
        return self._tried(f"{place} text", lambda: text_value(field, text))

    @staticmethod
    def _shown(field: FileField, value: bytes) -> DecodedItem:
        return decode_field(FileField(field.item, value, field.tag, field.at))

    @staticmethod
    def _plain(value: Any) -> Any:
        """A part for comparison, as it is in JSON."""
        get: Callable[[str], Any] = (
            value.get if isinstance(value, Mapping) else (lambda name: getattr(value, name, None))
        )
        return get("raw"), get("text")

    def _tried(self, place: str, encode: Callable[[], bytes]) -> bytes | None:
        try:
            return encode()
        except ValueRefusedError as error:
            self._find(place, str(error))
            return None

    # --- findings --------------------------------------------------------------------------------

    def _members(self, place: str, value: Any, kind: type[Any]) -> Iterator[tuple[str, Any]]:
        return self._named(place, value, {field.name: None for field in fields(kind)})

    def _named(self, place: str, value: Any, known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        if not isinstance(value, Mapping):
            self._find(place, _OBJECT)
            return
        for name, given in value.items():
            if name in known:
                yield name, given
            else:
                plain = name if re.fullmatch("[a-z_]{1,40}", name) else "a name"
                self._find(f"{place} {plain}".strip(), _UNKNOWN)

    def _list(self, place: str, value: Any) -> list[Any]:
        if isinstance(value, list):
            return value
        self._find(place, _LIST)
        return []

    def _number(self, place: str, value: Any, limit: int) -> bool:
        if type(value) is int and 0 <= value <= limit:
            return True
        self._find(place, f"must be a whole number from 0 to {limit}")
        return False

    def _same(self, place: str, value: Any, now: Any) -> None:
        if value != _as_json(now):
            self._find(place, _READ_ONLY)

    def _find(self, place: str, rule: str) -> None:
        self.findings.append(RuleFinding(place, rule))

    def _change(self, place: str, before: str, after: str, right: str) -> None:
        self.changes.append(CardChange(place, before, after, right))


def _as_json(value: Any) -> Any:
    """A value of the contents as it comes out of JSON."""
    if isinstance(value, (list, tuple)):
        return [_as_json(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
    return value


def _short(text: str) -> str:
    """A value in a table."""
    longest = 40
    return text if len(text) <= longest else f"{text[:longest]}…"
