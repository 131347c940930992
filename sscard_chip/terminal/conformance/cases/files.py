# SPDX-License-Identifier: Apache-2.0
"""Every file of the standard: there, closed and open as it must be, with its records and items.

The declarations of :mod:`sscard_chip.profile` are swept: what a card must have and to whom it
opens comes from letter 37 and LD/T 32.6 through them, not from a card (LD/T 6001.3, 7 and 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sscard_chip.profile.generations import whole_profile
from sscard_chip.profile.model import (
    Confidence,
    DirectoryDeclaration,
    FileDeclaration,
    Item,
    KeyUse,
    Structure,
)
from sscard_chip.standard.commands import READ_BINARY, SELECT
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.terminal.conformance.case import ALL_GENERATIONS, Case, Judge
from sscard_chip.terminal.conformance.cases.items import check_value
from sscard_chip.terminal.conformance.groups import record_group, safety_group
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_PIECE: Final = 0x40
_ORDER: Final = (Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW)
_LINEAR: Final = (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)


class SweptFile:
    """A file as the generations that have it declare it."""

    def __init__(self, directory: DirectoryDeclaration, fid: int) -> None:
        self.directory = directory
        self.fid = fid
        self.declared: dict[int, FileDeclaration] = {}

    @property
    def name(self) -> str:
        """``DF01.EF05``."""
        return f"{self.directory.short_name}.EF{self.fid & 0xFF:02X}"

    @property
    def generations(self) -> frozenset[int]:
        """Those whose cards have it."""
        return frozenset(self.declared)

    @property
    def confidence(self) -> Confidence:
        """That of the least certain generation."""
        found = [file.confidence for file in self.declared.values()]
        return max((self.directory.confidence, *found), key=_ORDER.index)

    @property
    def clause(self) -> str:
        """The clause of the latest generation."""
        return self.declared[max(self.declared)].clause

    def of(self, *structures: Structure) -> bool:
        """Whether it has one of these structures."""
        return any(file.structure in structures for file in self.declared.values())

    def items(self) -> Iterator[tuple[str, Item, frozenset[int]]]:
        """Records of a linear file with a name, and the generations that have them."""
        found: dict[str, tuple[Item, frozenset[int]]] = {}
        for generation, file in self.declared.items():
            counts: dict[int, int] = {}
            for item in file.items:
                counts[item.tag] = counts.get(item.tag, 0) + 1
                name = f"{item.tag:02X}" + (f".{counts[item.tag]}" if counts[item.tag] > 1 else "")
                known = found.get(name)
                found[name] = (item, (known[1] if known else frozenset()) | {generation})
        for name, (item, generations) in found.items():
            yield name, item, generations


def swept_files() -> list[SweptFile]:
    """Every file of every generation."""
    found: dict[tuple[int, int], SweptFile] = {}
    for generation in sorted(ALL_GENERATIONS):
        for directory in whole_profile(generation).directories:
            for file in directory.files:
                place = directory.fid, file.fid
                swept = found.setdefault(place, SweptFile(directory, file.fid))
                swept.declared[generation] = file
    return list(found.values())


# --- what the cases do ---------------------------------------------------------------------------


def _read(trial: Trial, file: FileDeclaration, number: int = 1) -> CardReply:
    """The first bytes of a transparent file, or a record by number, by SFI."""
    if file.structure is Structure.TRANSPARENT:
        return trial.send(READ_BINARY, 0x80 | file.sfi, 0, le=_PIECE)
    return trial.whole(bytes((0x00, 0xB2, number, file.sfi << 3 | 4, 0x00)))


def ways_to_read(file: FileDeclaration) -> list[tuple[str, str]]:
    """Every kind of command that would give something of a file, in words and hex digits."""
    sfi = file.sfi << 3
    if file.structure is Structure.TRANSPARENT:
        return [
            ("READ BINARY by SFI", f"00B0{0x80 | file.sfi:02X}0008"),
            ("READ BINARY by SFI, Le 00", f"00B0{0x80 | file.sfi:02X}0000"),
            ("READ BINARY of the current file", "00B0000008"),
            ("READ BINARY of the current file behind its beginning", "00B0001008"),
        ]
    tag = file.items[0].tag if file.items and file.structure is not Structure.CYCLIC else 0
    return [
        ("by number and SFI", f"00B201{sfi | 4:02X}00"),
        ("by identifier and SFI", f"00B2{tag:02X}{sfi:02X}00"),
        ("all records by SFI", f"00B201{sfi | 5:02X}00"),
        ("all records backwards", f"00B201{sfi | 6:02X}00"),
        ("by number", "00B2010400"),
        ("by identifier", f"00B2{tag:02X}0000"),
        ("the last", f"00B2{tag:02X}0100"),
        ("all records", "00B2010500"),
    ]


def _select(trial: Trial, file: FileDeclaration) -> None:
    trial.given(trial.send(SELECT, 0x02, 0x00, file.fid.to_bytes(2)), "SELECT of the file")


def _open_to_all(trial: Trial, file: FileDeclaration) -> bool:
    """Whether nothing has to be proven: also where the PIN would do and none is set."""
    rule = file.read
    pin_only = rule.pin and (rule.kid is None or not rule.both)
    return rule.free or (pin_only and trial.subject.tries is None)


def _has_records(file: FileDeclaration) -> bool:
    return bool(file.items) and file.structure is not Structure.TRANSPARENT


def _see_refused(trial: Trial, file: FileDeclaration, whose: str) -> None:
    """No way to read gives anything but 6982."""
    _select(trial, file)
    words = ("6982",) if file.items or file.structure is Structure.TRANSPARENT else ("6982", "6A83")
    for how, apdu in ways_to_read(file):
        trial.refused(trial.whole(apdu), *words, what=f"to reading {how} {whose}")


def _see_readable(trial: Trial, file: FileDeclaration, whose: str) -> None:
    words = ["9000"]
    if file.structure is Structure.CYCLIC or not (
        file.items or file.structure is Structure.TRANSPARENT
    ):
        words.append("6A83")
    trial.expect(_read(trial, file), *words, what=f"to reading {whose}")


def _other_keys(
    trial: Trial, directory: DirectoryDeclaration, allowed: set[int | None]
) -> list[Any]:
    """External keys that can be proven in a directory and are not among the ``allowed``."""
    keys = [key for key in directory.keys if key.use is KeyUse.EXTERNAL]
    if directory.fid != SSSE:
        environment = trial.subject.profile.environment
        keys += [key for key in environment.keys if key.use is KeyUse.EXTERNAL]
    return [key for key in keys if key.kid not in allowed]


def judge_select(directory: int, fid: int) -> Judge:
    """SELECT of an EF answers 9000 and nothing else."""

    def judge(trial: Trial) -> None:
        file = trial.file(directory, fid)
        trial.enter(directory)
        reply = trial.raw(b"\x00\xa4\x02\x00\x02" + file.fid.to_bytes(2))
        trial.expect(reply, "9000")
        trial.equal(len(reply.data), 0, "data bytes of SELECT of an EF")

    return judge


def judge_structure(directory: int, fid: int) -> Judge:
    """A command of the other structure is refused."""

    def judge(trial: Trial) -> None:
        file = trial.file(directory, fid)
        trial.enter(directory)
        words = ("6981",) if _open_to_all(trial, file) else ("6981", "6982")
        if file.structure is Structure.TRANSPARENT:
            apdu = f"00B201{file.sfi << 3 | 4:02X}00"
        else:
            apdu = f"00B0{0x80 | file.sfi:02X}0008"
        trial.refused(trial.whole(apdu), *words)

    return judge


def judge_closed(directory: int, fid: int) -> Judge:
    """Without a right nothing can be read; a free file opens to everybody."""

    def judge(trial: Trial) -> None:
        file = trial.file(directory, fid)
        trial.enter(directory)
        if _open_to_all(trial, file):
            _see_readable(trial, file, "without a right")
        else:
            _see_refused(trial, file, "without a right")

    return judge


def judge_pin(directory: int, fid: int) -> Judge:
    """What the PIN opens, and what it does not."""

    def judge(trial: Trial) -> None:
        file = trial.file(directory, fid)
        if trial.subject.tries is None:
            raise NotApplicableError("no PIN is set")
        trial.enter(directory)
        trial.given(trial.verify_pin(), "VERIFY of the given PIN")
        if file.read.free or (file.read.pin and not file.read.both):
            _see_readable(trial, file, "with the PIN")
        else:
            _see_refused(trial, file, "with the PIN")

    return judge


def judge_key(directory: int, fid: int, version: int = 1) -> Judge:
    """What the key of the rule opens, without the PIN."""

    def judge(trial: Trial) -> None:
        file = trial.file(directory, fid)
        if file.read.kid is None:
            raise NotApplicableError("no key opens it")
        trial.enter(directory)
        key = trial.key(file.read.kid, directory)
        trial.given(trial.authenticate(key, version), f"the proof of {key.root}")
        if file.read.both and trial.subject.tries is not None:
            _see_refused(trial, file, "with the key and without the PIN")
        else:
            _see_readable(trial, file, "with the key")

    return judge


def judge_both(directory: int, fid: int) -> Judge:
    """PIN and key together open a file that wants both."""

    def judge(trial: Trial) -> None:
        file = trial.file(directory, fid)
        if not file.read.both:
            raise NotApplicableError("one of PIN and key opens it")
        trial.enter(directory)
        trial.satisfy(file.read, directory)
        _see_readable(trial, file, "with PIN and key")

    return judge


def judge_other_keys(directory: int, fid: int) -> Judge:
    """No other key of directory and environment opens it."""

    def judge(trial: Trial) -> None:
        file = trial.file(directory, fid)
        if _open_to_all(trial, file):
            raise NotApplicableError("everybody may read it")
        declared = trial.directory(directory)
        for key in _other_keys(trial, declared, {file.read.kid}):
            trial.reset()
            trial.enter(directory)
            if file.read.both:
                trial.given(trial.verify_pin(), "VERIFY of the given PIN")
            trial.given(trial.authenticate(key), f"the proof of {key.root}")
            trial.refused(_read(trial, file), "6982", what=f"to reading with {key.root}")

    return judge


def _opened(trial: Trial, directory: int, fid: int) -> FileDeclaration:
    """The file, with the right to read it."""
    file = trial.file(directory, fid)
    trial.enter(directory)
    if not _open_to_all(trial, file):
        prefer_pin = bool(trial.subject.pin) or trial.subject.secrets is None
        trial.satisfy(file.read, directory, prefer_pin=prefer_pin)
    return file


def _records(trial: Trial, file: FileDeclaration) -> list[bytes]:
    found = []
    for number in range(1, len(file.items) + 1):
        reply = trial.expect(_read(trial, file, number), "9000", what=f"to record {number}")
        found.append(reply.data)
    return found


def judge_end(directory: int, fid: int) -> Judge:
    """Behind the last declared record there is none."""

    def judge(trial: Trial) -> None:
        file = _opened(trial, directory, fid)
        trial.refused(_read(trial, file, len(file.items) + 1), "6A83")

    return judge


def judge_all(directory: int, fid: int) -> Judge:
    """The records in one answer are the records one by one."""

    def judge(trial: Trial) -> None:
        file = _opened(trial, directory, fid)
        records = _records(trial, file)
        whole = trial.whole(bytes((0x00, 0xB2, 0x01, file.sfi << 3 | 5, 0x00)))
        trial.expect(whole, "9000")
        joined = b"".join(records)
        trial.same(whole.data[: len(joined)], joined, "all records in their order")

    return judge


def judge_tags(directory: int, fid: int) -> Judge:
    """By tag come the records that come by number, also where a tag stands several times."""

    def judge(trial: Trial) -> None:
        file = _opened(trial, directory, fid)
        records = _records(trial, file)
        for tag in dict.fromkeys(item.tag for item in file.items):
            wanted = [records[number - 1] for number in file.record_numbers(tag)]
            for mode, record in ((0, wanted[0]), (1, wanted[-1])):
                reply = trial.whole(bytes((0x00, 0xB2, tag, file.sfi << 3 | mode, 0x00)))
                trial.expect(reply, "9000", what=f"to reading tag {tag:02X}")
                trial.same(reply.data, record, f"record of tag {tag:02X}")

    return judge


def judge_item(directory: int, fid: int, name: str) -> Judge:
    """A record has tag, length and form of its item."""
    tag, _, occurrence = name.partition(".")
    place = int(occurrence or 1) - 1

    def judge(trial: Trial) -> None:
        file = _opened(trial, directory, fid)
        numbers = file.record_numbers(int(tag, 16))
        if len(numbers) <= place:
            raise NotApplicableError("the card has no such item")
        number = numbers[place]
        item = file.items[number - 1]
        record = trial.expect(_read(trial, file, number), "9000").data
        trial.equal(record[:1].hex().upper(), f"{item.tag:02X}", f"tag of record {number}")
        trial.equal(record[1:2].hex().upper(), f"{item.length:02X}", f"length of tag {tag}")
        trial.equal(len(record), item.length + 2, f"bytes of record {number}")
        check_value(trial, item, record[2:], unique=directory == SSSE)

    return judge


def judge_cyclic(directory: int, fid: int) -> Judge:
    """Cyclic records have their length, no tag, and end in 6A83."""

    def judge(trial: Trial) -> None:
        file = _opened(trial, directory, fid)
        for number in range(1, file.records + 1):
            reply = trial.expect(_read(trial, file, number), "9000", "6A83")
            if reply.sw == 0x6A83:
                break
            trial.equal(len(reply.data), file.record_length, f"bytes of record {number}")
            at = 0
            for item in file.items:
                value = reply.data[at : at + item.length]
                if value.strip(b"\0") and value.strip(b"\xff"):
                    check_value(trial, item, value, unique=False)
                at += item.length
        trial.refused(_read(trial, file, 0xFE), "6A83", "6A86")

    return judge


def judge_binary(directory: int, fid: int) -> Judge:
    """A transparent file has its size and ends there."""

    def judge(trial: Trial) -> None:
        file = _opened(trial, directory, fid)
        _select(trial, file)
        last = file.size - 1
        reply = trial.send(READ_BINARY, last >> 8, last & 0xFF, le=1)
        trial.expect(reply, "9000", what="to reading the last byte")
        trial.equal(len(reply.data), 1, "bytes")
        behind = trial.send(READ_BINARY, file.size >> 8, file.size & 0xFF, le=1)
        trial.refused(behind, "6B00", "6A86", what="to reading behind the end")

    return judge


def judge_absent(directory: int, fid: int) -> Judge:
    """A card of a generation without the file has none."""

    def judge(trial: Trial) -> None:
        trial.directory(directory)
        if trial.subject.file(directory, fid):
            raise NotApplicableError("by its statement the card has it")
        trial.enter(directory)
        trial.refused(trial.send(SELECT, 0x02, 0x00, fid.to_bytes(2)), "6A82")

    return judge


def judge_internal(directory: int, fid: int) -> Judge:
    """A file of the card's own cannot be selected or read."""

    def judge(trial: Trial) -> None:
        trial.file(directory, fid)
        trial.enter(directory)
        trial.refused(trial.send(SELECT, 0x02, 0x00, fid.to_bytes(2)), "6A82", "6982", "6985")
        trial.check(trial.whole("00B0810008").sw != 0x9000, "a refusal of its SFI", "9000")
        trial.check(trial.whole("00B2010C00").sw != 0x9000, "a refusal of its SFI", "9000")

    return judge


def judge_version(directory: int, fid: int, version: int) -> Judge:
    """A later version of the reading key opens the file as version 1 does."""
    return judge_key(directory, fid, version)


# --- the sweep -----------------------------------------------------------------------------------

_Maker = Callable[[int, int], Judge]


def _of_file(swept: SweptFile) -> Iterator[Case]:
    directory, fid, name = swept.directory.fid, swept.fid, swept.name
    short = swept.directory.short_name
    records, safety = record_group(short), safety_group(short)

    def case(kind: str, title: str, make: _Maker, group: str, **more: Any) -> Case:
        fields: dict[str, Any] = {
            "confidence": swept.confidence,
            "generations": swept.generations,
        } | more
        return Case(
            identifier=f"SSC-32.6-{name}-{kind}",
            title=f"{name}: {title}",
            clauses=(swept.clause, f"LD/T {group}"),
            group=group,
            judge=make(directory, fid),
            **fields,
        )

    if swept.of(Structure.AMOUNT):
        yield case("internal", "nobody selects or reads it", judge_internal, safety)
        return
    session = {"level": Level.SESSION}
    rules = {str(file.read) for file in swept.declared.values()}
    yield case("select", "SELECT answers 9000 without data", judge_select, records)
    yield case("structure", "commands of another structure are refused", judge_structure, records)
    yield case("closed", f"reading without a right ({', '.join(sorted(rules))})", judge_closed,
               safety)  # fmt: skip
    yield case("pin", "reading with the PIN alone", judge_pin, safety, **session)
    if any(file.read.kid is not None for file in swept.declared.values()):
        yield case("key", "reading with the key of its rule alone", judge_key, safety, **session)
        yield case("other-keys", "no other key opens it", judge_other_keys, safety, **session)
    if any(file.read.both for file in swept.declared.values()):
        yield case("both", "reading with PIN and key", judge_both, safety, **session)
    free = all(file.read.free for file in swept.declared.values())
    level = {} if free else session
    if swept.of(*_LINEAR) and any(file.items for file in swept.declared.values()):
        low = {"confidence": Confidence.LOW} if short != "SSSE" else {}
        yield case("all", "all records in one answer", judge_all, records, **level)
        yield case("tags", "records by tag are those by number", judge_tags, records, **level)
        yield case("end", "no more records than declared", judge_end, records, **level, **low)
        yield from _items(swept, level)
    elif swept.of(Structure.CYCLIC):
        yield case("cyclic", "records have their length and form", judge_cyclic, records, **level)
    elif swept.of(Structure.TRANSPARENT):
        yield case("size", "it has its size", judge_binary, records, **level)
    absent = ALL_GENERATIONS - swept.generations
    if absent:
        yield case("absent", "a card without it answers 6A82", judge_absent, records,
                   generations=absent)  # fmt: skip


def _items(swept: SweptFile, level: dict[str, Any]) -> Iterator[Case]:
    group = record_group(swept.directory.short_name)
    for name, item, generations in swept.items():
        yield Case(
            identifier=f"SSC-32.6-{swept.name}-item-{name}",
            title=f"{swept.name}, tag {name} {item.name}: tag, length, form",
            clauses=(swept.clause, f"LD/T {group}"),
            group=group,
            judge=judge_item(swept.directory.fid, swept.fid, name),
            confidence=max(item.confidence, swept.confidence, key=_ORDER.index),
            generations=generations,
            **level,
        )


def cases() -> Iterator[Case]:
    """Cases of every file, in the order of the directories."""
    for swept in swept_files():
        yield from _of_file(swept)
