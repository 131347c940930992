# SPDX-License-Identifier: Apache-2.0
"""A small model of a card: what each command must answer, worked out from the profile alone.

It shares no code with the engine. Files are Python lists, rights are sets of key identifiers,
and every command is one method that returns the expected body and status word.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sscard_chip.profile.model import (
    DirectoryDeclaration,
    FileDeclaration,
    KeyUse,
    Profile,
    Rule,
    Structure,
)
from tests.bench.issued import MF, SSSE, Bench

Expected = tuple[bytes, int]
OK: Expected = (b"", 0x9000)


def no(sw: int) -> Expected:
    return b"", sw


@dataclass
class File:
    """Linear records in order, cyclic ones newest first; or bytes."""

    plan: FileDeclaration
    records: list[bytes] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)

    @property
    def cyclic(self) -> bool:
        return self.plan.structure is Structure.CYCLIC

    @property
    def transparent(self) -> bool:
        return self.plan.structure is Structure.TRANSPARENT

    @property
    def room(self) -> int:
        declared = sum(2 + item.length for item in self.plan.items) + self.plan.spare
        return declared - sum(map(len, self.records))


@dataclass
class Place:
    """A directory: files by FID, tries left by key and version (None: never locked)."""

    fid: int
    name: bytes
    fci: bytes
    files: dict[int, File]
    tries: dict[tuple[int, int], int | None]
    limits: dict[tuple[int, int], int]

    def by_sfi(self, sfi: int) -> File | None:
        return next((f for f in self.files.values() if f.plan.sfi == sfi), None)


class Model:
    """The card that ``bench`` holds, as it was issued."""

    def __init__(self, bench: Bench, fcis: dict[int, bytes]) -> None:
        profile: Profile = bench.profile
        self.places = {MF: Place(MF, b"", fcis[MF], {}, {}, {})}
        for directory in profile.directories:
            self.places[directory.fid] = self._place(bench, directory, fcis[directory.fid])
        self.order = [MF, *(d.fid for d in profile.directories)]
        self.pin = bytes.fromhex("123456")
        self.pin_limit = self.pin_tries = profile.pin_retry_limit
        self.power()

    def _place(self, bench: Bench, directory: DirectoryDeclaration, fci: bytes) -> Place:
        files, contents = {}, bench.data.contents
        for plan in directory.files:
            if plan.structure is Structure.AMOUNT:
                continue
            files[plan.fid] = file = File(plan)
            if plan.structure is Structure.TRANSPARENT:
                file.content = bytearray(plan.size)
            elif plan.structure is not Structure.CYCLIC:
                for number, item in enumerate(plan.items, 1):
                    key = (directory.fid, plan.fid, number)
                    value = contents.values.get(key, item.initial_value())
                    file.records.append(bytes((item.tag, item.length)) + value)
        external = [k for k in directory.keys if k.use is KeyUse.EXTERNAL]
        slots = {(k.kid, v): k.retry_limit for k in external for v in range(1, k.versions + 1)}
        tries = {slot: limit or None for slot, limit in slots.items()}
        return Place(directory.fid, directory.df_name, fci, files, tries, slots)

    # --- volatile state ---------------------------------------------------------------------

    def power(self) -> None:
        self.verified = False
        self._stand(MF)

    def _stand(self, fid: int) -> None:
        self.at = fid
        self.kids: set[int] = set()
        self.challenge: bytes | None = None
        self.file: File | None = None
        self.record = 0

    @property
    def here(self) -> Place:
        return self.places[self.at]

    @property
    def in_application(self) -> bool:
        return self.at not in (MF, SSSE)

    def permitted(self, rule: Rule) -> bool:
        if rule.never:
            return False
        key = rule.kid is None or rule.kid in self.kids
        pin = not rule.pin or ((self.verified or not self.pin) and self.at != MF)
        if rule.pin and rule.kid is not None and not rule.both:
            return key or pin
        return key and pin

    # --- SELECT -----------------------------------------------------------------------------

    def _enter(self, fid: int | None) -> Expected:
        if fid is None:
            return no(0x6A82)
        if fid != self.at:
            self._stand(fid)
        self.file, self.record = None, 0
        return self.here.fci, 0x9000

    def select(self, p1: int, fid: int) -> Expected:
        if p1 != 1 and fid in self.here.files:
            self.file, self.record = self.here.files[fid], 0
            return OK
        if p1 == 2:
            return no(0x6A82)
        children = {MF: [SSSE], SSSE: self.order[2:]}.get(self.at, [])
        near = [self.at, *children, MF]
        if self.in_application:
            near += self.order[1:]
        return self._enter(fid if fid in (children if p1 == 1 else near) else None)

    def select_parent(self) -> Expected:
        return self._enter({MF: None, SSSE: MF}.get(self.at, SSSE))

    def select_name(self, name: bytes, following: bool) -> Expected:
        candidates = self.order[self.order.index(self.at) + 1 :] if following else self.order
        for fid in candidates:
            if fid != MF and self.places[fid].name.startswith(name):
                return self._enter(fid)
        return no(0x6A82)

    # --- records ----------------------------------------------------------------------------

    def _addressed(self, sfi: int, transparent: bool) -> File | int:
        file = self.here.by_sfi(sfi) if sfi else self.file
        if file is None:
            return 0x6A82 if sfi else 0x6986
        return file if file.transparent is transparent else 0x6981

    @staticmethod
    def _instance(file: File, tag: int, mode: int, current: int) -> int | None:
        numbers = list(range(1, len(file.records) + 1))
        if tag:
            numbers = [n for n in numbers if not file.cyclic and file.records[n - 1][0] == tag]
        if mode == 2:
            numbers = [n for n in numbers if n > current]
        if mode == 3 and current:
            numbers = [n for n in numbers if n < current]
        if not numbers:
            return None
        return numbers[0] if mode in (0, 2) else numbers[-1]

    def read_record(self, p1: int, sfi: int, mode: int, le: int | None) -> Expected:
        if mode == 7:
            return no(0x6A86)
        file = self._addressed(sfi, False)
        if isinstance(file, int):
            return no(file)
        if not self.permitted(file.plan.read):
            return no(0x6982)
        current = self.record if file is self.file else 0
        if mode < 4:
            found = self._instance(file, p1, mode, current)
            body = file.records[found - 1] if found else b""
        else:
            found = p1 or current
            whole = file.records[found - 1 :] if found else []
            wanted = whole[:1] if mode == 4 else whole if mode == 5 else whole[::-1]
            body = b"".join(wanted)
        if not found or not body:
            return no(0x6A83)
        if le is not None and le and le < len(body):
            return no(0x6C00 | min(len(body), 256) & 0xFF)
        # Reading several records leaves the pointer where it was.
        self.file, self.record = file, found if mode < 5 else current
        return body, 0x9000

    def update_record(self, p1: int, sfi: int, mode: int, data: bytes) -> Expected:
        if mode > 4:
            return no(0x6A86)
        file = self._addressed(sfi, False)
        if isinstance(file, int):
            return no(file)
        if not self.permitted(file.plan.write):
            return no(0x6982)
        if not data:
            return no(0x6700)
        if file.cyclic:
            return self._append_cyclic(file, p1, mode, data)
        count, current = len(file.records), self.record if file is self.file else 0
        if mode == 4:
            number = p1 or current
            if not number:
                return no(0x6A83)
        elif p1 and data[0] != p1:
            return no(0x6A80)
        else:
            tags = [record[0] for record in file.records]
            found = self._instance(file, p1, mode, current)
            if found is None and (not p1 or p1 in tags):
                return no(0x6A83)
            number = found or count + 1
        if len(data) < 2 or data[1] != len(data) - 2:
            return no(0x6A85)
        fixed = file.plan.structure is Structure.LINEAR_FIXED
        if fixed and len(data) != 2 + file.plan.items[0].length:
            return no(0x6700)
        number = min(number, count + 1)
        sw = self._put(file, number, data)
        if sw == 0x9000:
            self.file, self.record = file, number
        return no(sw)

    @staticmethod
    def _put(file: File, number: int, data: bytes) -> int:
        old = file.records[number - 1] if number <= len(file.records) else b""
        growth = len(data) - len(old)
        if old and data[0] != old[0]:
            return 0x6A80
        if old and growth and (growth < 0 or not file.plan.spare):
            return 0x6700
        if growth > file.room:
            return 0x6A84
        file.records[number - 1 : number] = [data]
        return 0x9000

    def _append_cyclic(self, file: File, p1: int, mode: int, data: bytes) -> Expected:
        if mode != 3 and not (mode == 4 and p1 <= 1):
            return no(0x6981)
        if len(data) != file.plan.record_length:
            return no(0x6700)
        file.records.insert(0, data)
        del file.records[file.plan.records :]
        self.file, self.record = file, 1
        return OK

    # --- bytes ------------------------------------------------------------------------------

    def _at(self, p1: int, p2: int) -> tuple[File | int, int]:
        if p1 & 0x80:
            sfi = p1 & 0x1F
            file = self._addressed(sfi, True) if sfi else 0x6A82
            return (0x6A86 if p1 & 0x60 else file), p2
        return self._addressed(0, True), p1 << 8 | p2

    def read_binary(self, p1: int, p2: int, le: int) -> Expected:
        file, offset = self._at(p1, p2)
        if isinstance(file, int):
            return no(file)
        if not self.permitted(file.plan.read):
            return no(0x6982)
        if offset >= len(file.content):
            return no(0x6B00)
        self._current(file)
        return bytes(file.content[offset : offset + (le or 256)]), 0x9000

    def update_binary(self, p1: int, p2: int, data: bytes) -> Expected:
        file, offset = self._at(p1, p2)
        if isinstance(file, int):
            return no(file)
        if not self.permitted(file.plan.write):
            return no(0x6982)
        if offset >= len(file.content):
            return no(0x6B00)
        if offset + len(data) > len(file.content):
            return no(0x6A84)
        file.content[offset : offset + len(data)] = data
        self._current(file)
        return OK

    def _current(self, file: File) -> None:
        if file is not self.file:
            self.file, self.record = file, 0

    # --- keys and PIN -----------------------------------------------------------------------

    def external_authenticate(self, kid: int, version: int, right: bool) -> Expected:
        place = self.here if kid & 0x80 else self.places[SSSE]
        slot = (kid, version)
        known = slot in place.tries and self.at != MF and (kid < 0x80 or self.in_application)
        if known and place.tries[slot] == 0:
            return no(0x6983)
        if self.challenge is None:
            return no(0x6984)
        self.challenge = None
        if not known:
            return no(0x6A88)
        left = place.tries[slot]
        if right:
            place.tries[slot] = place.limits[slot] or None
            self.kids.add(kid)
            return OK
        if left is None:
            return no(0x63CF)
        place.tries[slot] = left - 1
        return no(0x63C0 | left - 1)

    def verify(self, pin: bytes) -> Expected:
        if self.at == MF:
            return no(0x6A88)
        if not pin:
            word = 0x63C0 | self.pin_tries if self.pin_tries else 0x6983
            return no(word if self.pin else 0x9000)
        if not self.pin:
            return no(0x6984)
        if not self.pin_tries:
            return no(0x6983)
        if pin != self.pin:
            return self._wrong_pin()
        self.pin_tries, self.verified = self.pin_limit, True
        return OK

    def change_pin(self, old: bytes, new: bytes) -> Expected:
        if self.at == MF:
            return no(0x6A88)
        if not self.pin_tries:
            return no(0x6983)
        if old != self.pin:
            return self._wrong_pin()
        self.pin, self.pin_tries = new, self.pin_limit
        return OK

    def _wrong_pin(self) -> Expected:
        self.pin_tries -= 1
        return no(0x63C0 | self.pin_tries)
