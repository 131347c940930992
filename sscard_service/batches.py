# SPDX-License-Identifier: Apache-2.0
"""Between applications and batches of issue: the list of holders out, the return file back in.

Everything goes through :meth:`~sscard_service.centre.ServiceCentre.perform`, an application at a
time, under a request number made of batch and application: so both ways may be gone again after
they were interrupted.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from typing import Final

from issuance.batch.returnfile import RETURN_COLUMNS
from issuance.batch.synthesize import COLUMNS
from issuance.validity import card_check_character
from sscard_chip.security.diversify import card_factor
from sscard_chip.standard.errors import InputError
from sscard_chip.wholefile import whole_file
from sscard_service.centre import ServiceCentre
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.evidence import ServiceActor, ServiceSubject
from sscard_service.store.applications import FiledApplication, MakingState, applications_in
from sscard_service.store.persons import read_person
from sscard_service.tables import table_rows

OFFICE: Final = "office"
_LETTER: Final = "Y"
"""First letter of the card numbers that are allotted to applications [ours]."""
_OK: Final = "ok"


class ReturnFileError(InputError):
    """A return file that cannot be used; file, row, column and rule."""


@dataclass(frozen=True, slots=True)
class BatchTaken:
    """A batch: how many applications are in it, and how many of them are new."""

    holders: int
    new: int


@dataclass(slots=True)
class MadeReported:
    """What a return file reported: cards made, cards that failed, rows known before or of other
    lists."""

    made: int = 0
    failed: int = 0
    known: int = 0
    others: int = 0


def allotted_number(application: int) -> str:
    """The card number (卡号) that an application's card gets: letter, seven digits, check."""
    first8 = f"{_LETTER}{application:07d}"
    return first8 + card_check_character(first8)


def take_batch(
    centre: ServiceCentre, name: str, path: str | os.PathLike[str], clerk: str
) -> BatchTaken:
    """Put all reviewed applications into a batch and write its list of holders for
    ``sscard batch run``; a batch that was taken before gets the same list again.

    :raises ServiceRefusedError: a name that is none, or the clerk may not.
    :raises OSError: the list cannot be written.
    """
    with centre.ledger.reading() as t:
        waiting = applications_in(t, MakingState.REVIEWED) + applications_in(t, MakingState.FAILED)
    new = 0
    for one in waiting:
        try:
            centre.perform(
                "batch", ServiceSubject(receipt=one.number), ServiceActor("clerk", clerk), OFFICE,
                None, f"batch {name} {one.number} {one.steps}", {"batch": name},
            )  # fmt: skip
            new += 1
        except ServiceRefusedError as error:
            if error.code is not Code.STATE:  # withdrawn meanwhile, or taken by another
                raise
    rows = _rows(centre, name)
    with (
        whole_file(path, durable=True) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return BatchTaken(len(rows), new)


def _rows(centre: ServiceCentre, name: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    with centre.ledger.reading() as t:
        for one in applications_in(t, MakingState.BATCHED):
            if one.note != name:
                continue
            person = read_person(t, centre.keys, one.person)
            if person is None:
                continue
            data = person.data
            found.append(
                (
                    allotted_number(one.id), data.identity, data.name, data.sex,
                    data.nation or "01", data.birthplace or person.division,
                    data.birth_date or data.identity[6:14], person.division,
                )
            )  # fmt: skip
    return found


def report_batch(
    centre: ServiceCentre, name: str, path: str | os.PathLike[str], clerk: str
) -> MadeReported:
    """Take the return file (回盘) of a batch: cards that were made are registered, not activated.

    :raises ReturnFileError: it is none.
    :raises ServiceRefusedError: the clerk may not.
    :raises OSError: it cannot be read.
    """
    source = os.fspath(path)
    with centre.ledger.reading() as t:
        states = (MakingState.BATCHED, MakingState.MADE, MakingState.FAILED)
        known = {
            allotted_number(one.id): one for state in states for one in applications_in(t, state)
        }
    done = MadeReported()
    for number, row in table_rows(path, RETURN_COLUMNS, ReturnFileError, "return file of a batch"):
        one = known.get(row["card_number"])
        if one is None:
            done.others += 1
        elif one.state is not MakingState.BATCHED:
            done.known += 1
        else:
            _report(centre, name, one, row, clerk, f"{source}: row {number}")
            done.made += row["result"] == _OK
            done.failed += row["result"] != _OK
    return done


def _report(
    centre: ServiceCentre,
    name: str,
    one: FiledApplication,
    row: dict[str, str],
    clerk: str,
    where: str,
) -> None:
    details = {"failed": row["reason"][:200] or "failed"}
    if row["result"] == _OK:
        try:
            factor = card_factor(bytes.fromhex(row["reset_code"])).hex().upper()
        except ValueError:
            raise ReturnFileError(f"{where}: reset_code: must be 26 hex digits") from None
        details = {
            "card_number": row["card_number"],
            "card_id_code": row["card_id_code"],
            "factor": factor,
            "valid_to": row["expiry_date"],
        }
    centre.perform(
        "made", ServiceSubject(receipt=one.number), ServiceActor("clerk", clerk), OFFICE,
        None, f"made {name} {one.number} {one.steps}", details,
    )  # fmt: skip
