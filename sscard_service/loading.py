# SPDX-License-Identifier: Apache-2.0
"""Loading persons and their insurance data from a file, ``sscard-persons/1``: JSON lines.

A person who is there already gets what has changed: new data as a new version, records that are
new or different. So a file may come again, and a load that was interrupted goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from sscard_chip.settlement.ledger import Ledger, LedgerTransaction
from sscard_chip.standard.documents import DocumentError, parse_json
from sscard_chip.standard.inputfile import open_regular
from sscard_chip.standard.models import RuleFinding, convert, find
from sscard_service.records import PersonFileHead, PersonLine, record_key, record_period
from sscard_service.store.persons import (
    add_persons,
    change_person,
    find_person,
    find_psn_no,
    known_psn_nos,
)
from sscard_service.store.records import add_records
from sscard_service.store.secrets import ServiceKeys

MOST_LINE: Final = 4 * 1024 * 1024
"""Bytes of a line, at most."""
_AT_ONCE: Final = 500


class PersonFileError(DocumentError):
    """A file of persons that cannot be loaded: file, line, field and rule."""


@dataclass(slots=True)
class PersonsLoaded:
    """What a load did: new persons, known ones that changed, ones that were the same, records."""

    added: int = 0
    changed: int = 0
    same: int = 0
    records: int = 0


def load_persons(
    ledger: Ledger,
    keys: ServiceKeys,
    path: str | os.PathLike[str],
    time: str,
    progress: Callable[[int], None] | None = None,
) -> PersonsLoaded:
    """Load a file of persons; ``time`` (YYYYMMDDhhmmss) is when they are known from.

    Five hundred persons are one transaction. The whole file is checked before anything is kept.

    :raises PersonFileError: a line breaks a rule, or two persons have one number.
    :raises LedgerError: the ledger cannot be written.
    :raises OSError: the file cannot be read.
    """
    today = date(int(time[:4]), int(time[4:6]), int(time[6:8]))
    for _ in _lines(path, today):
        pass
    done = PersonsLoaded()
    lines = _lines(path, today)
    while part := list(islice(lines, _AT_ONCE)):
        found = ledger.run(lambda t, part=part: _keep(t, keys, part, time, os.fspath(path)))  # type: ignore[misc]
        for name in ("added", "changed", "same", "records"):
            setattr(done, name, getattr(done, name) + getattr(found, name))
        if progress is not None:
            progress(done.added + done.changed + done.same)
    return done


def _lines(path: str | os.PathLike[str], today: date) -> Iterator[tuple[int, PersonLine]]:
    """The persons of a file with their lines, each checked; numbers occur once."""
    source = os.fspath(path)
    seen: set[str] = set()
    with open_regular(Path(path)) as stream:
        number = 0
        while content := stream.readline(MOST_LINE + 1):
            number += 1
            if len(content) > MOST_LINE:
                raise PersonFileError(source, "", f"is longer than {MOST_LINE} bytes", number)
            if number > 1 and not content.strip():
                continue
            value = _json(content, source, number)
            if number == 1:
                _checked(PersonFileHead, value, source, number)
                continue
            one = _checked(PersonLine, value, source, number)
            broken = [
                RuleFinding(f"data.{item}", text, number) for item, text in one.data.findings(today)
            ]
            for kind, name in (("psn_no", one.psn_no), ("identity", one.data.identity)):
                if f"{kind} {name}" in seen:
                    broken.append(RuleFinding(kind, "stands in an earlier line as well", number))
                seen.add(f"{kind} {name}")
            if broken:
                raise PersonFileError.of(source, broken)
            yield number, one
        if number == 0:
            raise PersonFileError(source, "", "is empty")


def _json(content: bytes, source: str, number: int) -> Any:
    try:
        return parse_json(content, source)
    except DocumentError as error:
        rule = error.rule
    raise PersonFileError(source, "", rule, number)


def _checked(model: Any, value: Any, source: str, number: int) -> Any:
    found = find(model, value, separator=".")
    if found:
        raise PersonFileError.of(source, [one._replace(line=number) for one in found])
    return convert(model, value)


def _keep(
    t: LedgerTransaction,
    keys: ServiceKeys,
    part: list[tuple[int, PersonLine]],
    time: str,
    source: str,
) -> PersonsLoaded:
    done = PersonsLoaded()
    known = known_psn_nos(t, [one.psn_no for _, one in part])
    fresh: list[PersonLine] = []
    for number, one in part:
        other = find_person(t, keys, one.data.identity)
        if other is not None and other.psn_no != one.psn_no:
            raise PersonFileError(source, "data.identity", "is another person's here", number)
        if one.psn_no not in known:
            fresh.append(one)
            continue
        person = find_psn_no(t, keys, one.psn_no)
        if person is None:
            raise PersonFileError(source, "psn_no", "is a person's who was erased", number)
        if person.data != one.data:
            change_person(t, keys, person, one.data, "load", time)
        changed = _keep_records(t, person.id, one)
        done.records += changed
        done.changed += bool(changed or person.data != one.data)
        done.same += not (changed or person.data != one.data)
    numbers = add_persons(t, keys, [(one.psn_no, one.division, one.data) for one in fresh], time)
    for number, one in zip(numbers, fresh, strict=True):
        done.records += _keep_records(t, number, one)
    done.added += len(fresh)
    return done


def _keep_records(t: LedgerTransaction, person: int, one: PersonLine) -> int:
    rows = [
        (kind, record_key(record), record_period(record), msgspec.to_builtins(record))
        for kind, record in one.records()
    ]
    return add_records(t, person, rows) if rows else 0
