# SPDX-License-Identifier: Apache-2.0
"""Persons: found by a keyed digest of the identity number, kept as enciphered versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa

from issuance.validity import check_birth_date, check_social_security_number, is_citizen_number
from sscard_chip.settlement.ledger import LedgerTransaction
from sscard_chip.settlement.schema.persons import (
    person,
    person_index,
    person_key,
    person_version,
)
from sscard_chip.standard.dates import parse_date
from sscard_chip.standard.documents import rule
from sscard_service.fields import PrivateModel, plain
from sscard_service.store.secrets import PersonKey, ServiceKeys

IDENTITY: Final = "identity"
_MOST_NAME: Final = 50


def check_name(name: str) -> str | None:
    """A name: printable, no markup, no formula, nothing that turns the direction of text."""
    if not name.strip() or name != name.strip():
        return "must be a name without blanks around it"
    if len(name) > _MOST_NAME:
        return f"must be at most {_MOST_NAME} characters"
    if not name.isprintable() or any(one in "<>&\"'`=+@|\\/{}[]" for one in name):
        return "must be letters, blanks and the dot · alone"
    return None


def normal_identity(text: str) -> str:
    """An identity number as it is kept: full-width digits and a lower x become plain ones.

    What is typed on a keyboard of an input method has full-width digits; blanks are dropped.
    """
    plain = text.translate(_PLAIN).replace(" ", "").replace("\u3000", "")
    return plain[:-1] + "X" if plain[-1:] == "x" else plain


_PLAIN: Final = {0xFF10 + one: ord("0") + one for one in range(10)} | {0xFF38: "X", 0xFF58: "x"}


class PersonData(PrivateModel, frozen=True):
    """What is known of a person; enciphered as a whole.

    ``identity`` is the social security number (社会保障号码), ``bank`` the code of the bank that
    the card is linked to, ``phone`` the number that messages go to, ``died`` YYYYMMDD.
    """

    name: Annotated[str, rule(check=check_name)]
    identity: Annotated[str, rule("must be 6 to 18 letters and digits", pattern="[0-9A-Z]{6,18}")]
    identity_type: Annotated[str, rule("must be a type of BZ", pattern="[ACDJKM]")] = "A"
    sex: Annotated[str, rule("must be 1 or 2", pattern="[12]|")] = ""
    nation: Annotated[str, rule("must be two digits", pattern="[0-9]{2}|")] = ""
    birth_date: Annotated[str, rule("must be YYYYMMDD", pattern="[0-9]{8}|")] = ""
    birthplace: Annotated[str, rule("must be 6 digits", pattern="[0-9]{6}|")] = ""
    phone: Annotated[str, rule("must be 11 digits", pattern="1[0-9]{10}|")] = ""
    address: Annotated[str, plain(200)] = ""
    unit: Annotated[str, plain(100)] = ""
    class_: Annotated[str, plain(20)] = ""
    insured: Annotated[str, plain(20)] = ""
    first_work: Annotated[str, rule("must be YYYYMMDD", pattern="[0-9]{8}|")] = ""
    retired: Annotated[str, rule("must be YYYYMMDD", pattern="[0-9]{8}|")] = ""
    bank: Annotated[str, rule("must be at most 5 characters", pattern="[0-9A-Z]{0,5}")] = ""
    died: Annotated[str, rule("must be YYYYMMDD", pattern="[0-9]{8}|")] = ""

    def findings(self, today: date) -> list[tuple[str, str]]:
        """Fields and rules that are broken beyond the form: check digits, real days."""
        found = []
        if self.identity_type == "A":
            broken = check_social_security_number(self.identity, today)
            found += [("identity", broken)] if broken else []
        if self.birth_date:
            broken = check_birth_date(self.birth_date, today)
            found += [("birth_date", broken)] if broken else []
            same = self.birth_date == self.identity[6:14]
            if not broken and is_citizen_number(self.identity) and not same:
                found.append(("birth_date", "must be that of the identity number"))
        return found

    def born(self) -> date | None:
        """The day of birth, by its field or the identity number."""
        if self.birth_date:
            return parse_date(self.birth_date)
        return parse_date(self.identity[6:14]) if is_citizen_number(self.identity) else None

    def age(self, today: date) -> int | None:
        """Whole years; None where no day of birth is known."""
        born = self.born()
        if born is None:
            return None
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A person with the last version of the data, and the key that seals more."""

    id: int
    psn_no: str
    division: str
    version: int
    data: PersonData
    key: PersonKey
    digest: bytes

    @property
    def dead(self) -> bool:
        """Whether a death is registered."""
        return bool(self.data.died)


_NEWEST: Final = (
    sa.select(
        person.c.psn_no, person.c.division, person_key.c.wrapped, person_version.c.number,
        person_version.c.sealed,
    )
    .join_from(person, person_key, person_key.c.person == person.c.id)
    .join(person_version, person_version.c.person == person.c.id)
    .where(person.c.id == sa.bindparam("asked"))
    .order_by(person_version.c.number.desc())
    .limit(1)
)  # fmt: skip
"""A person with the last version, written once."""
_BY_IDENTITY: Final = sa.select(person_index.c.person).where(
    person_index.c.kind == IDENTITY, person_index.c.digest == sa.bindparam("asked")
)
_BY_PSN_NO: Final = sa.select(person.c.id).where(person.c.psn_no == sa.bindparam("asked"))


def find_person(t: LedgerTransaction, keys: ServiceKeys, identity: str) -> Person | None:
    """The person with this identity number."""
    digest = keys.digest(IDENTITY, identity)
    found = t.connection.execute(_BY_IDENTITY, {"asked": digest}).scalar_one_or_none()
    return None if found is None else read_person(t, keys, int(found))


def find_psn_no(t: LedgerTransaction, keys: ServiceKeys, psn_no: str) -> Person | None:
    """The person with this number at the centre."""
    found = t.connection.execute(_BY_PSN_NO, {"asked": psn_no}).scalar_one_or_none()
    return None if found is None else read_person(t, keys, int(found))


def read_person(t: LedgerTransaction, keys: ServiceKeys, number: int) -> Person | None:
    """The person of this number; None for one that was erased."""
    row = t.connection.execute(_NEWEST, {"asked": number}).one_or_none()
    if row is None:
        return None
    return opened_person(
        keys, number, row.psn_no, row.division, bytes(row.wrapped), int(row.number),
        bytes(row.sealed),
    )  # fmt: skip


def opened_person(
    keys: ServiceKeys,
    number: int,
    psn_no: str,
    division: str,
    wrapped: bytes,
    version: int,
    sealed: bytes,
) -> Person:
    """The person of a row: the ``wrapped`` key opens the ``sealed`` data of the ``version``.

    :raises ServiceKeyError: one of them is another person's, or was changed.
    """
    key = keys.person_key(number, wrapped)
    opened = key.open_bytes(f"version:{number}:{version}", sealed)
    data = msgspec.json.decode(opened, type=PersonData)
    return Person(number, psn_no, division, version, data, key, keys.digest("subject", str(number)))


def add_persons(
    t: LedgerTransaction,
    keys: ServiceKeys,
    persons: Sequence[tuple[str, str, PersonData]],
    time: str,
) -> list[int]:
    """Add persons (psn_no, division, data) that are not there; their numbers.

    :raises LedgerRefusedError: a psn_no or identity number is there already.
    """
    if not persons:
        return []
    numbers = [int(one) for one in t.take_ids(person, len(persons)).tolist()]
    since, psn_nos, divisions, wrapped, digests, sealed = int(time), [], [], [], [], []
    for number, (psn_no, division, data) in zip(numbers, persons, strict=True):
        key, closed = keys.new_person_key(number)
        psn_nos.append(psn_no)
        divisions.append(division)
        wrapped.append(closed)
        digests.append(_index_row(keys, number, data)["digest"])
        sealed.append(_version_row(key, number, 1, data, "load", time)["sealed"])
    t.insert(
        person, {"id": numbers, "psn_no": psn_nos, "division": divisions, "since": since}
    )  # fmt: skip
    t.insert(person_key, {"person": numbers, "wrapped": wrapped})
    t.insert(person_index, {"kind": IDENTITY, "digest": digests, "person": numbers})
    t.insert(
        person_version,
        {"person": numbers, "number": 1, "since": since, "cause": "load", "sealed": sealed},
    )
    return numbers


def change_person(
    t: LedgerTransaction, keys: ServiceKeys, one: Person, data: PersonData, cause: str, time: str
) -> None:
    """A new version of a person's data; a new identity number is found from now on."""
    row = _version_row(one.key, one.id, one.version + 1, data, cause, time)
    t.connection.execute(sa.insert(person_version).values(row))
    if data.identity != one.data.identity:
        old = keys.digest(IDENTITY, one.data.identity)
        t.connection.execute(
            sa.delete(person_index).where(
                person_index.c.kind == IDENTITY, person_index.c.digest == old
            )
        )
        t.connection.execute(sa.insert(person_index).values(_index_row(keys, one.id, data)))


def erase_person(t: LedgerTransaction, number: int) -> bool:
    """Delete a person's key and index: nobody reads the data any more. False: is erased."""
    t.connection.execute(sa.delete(person_index).where(person_index.c.person == number))
    done = t.connection.execute(sa.delete(person_key).where(person_key.c.person == number))
    return bool(done.rowcount)


def known_psn_nos(t: LedgerTransaction, psn_nos: Iterable[str]) -> set[str]:
    """Those of some numbers at the centre that a person has."""
    wanted: list[str] = list(psn_nos)
    found: set[str] = set()
    for begin in range(0, len(wanted), 500):
        part = wanted[begin : begin + 500]
        rows = t.connection.execute(sa.select(person.c.psn_no).where(person.c.psn_no.in_(part)))
        found.update(rows.scalars())
    return found


def _index_row(keys: ServiceKeys, number: int, data: PersonData) -> dict[str, Any]:
    digest = keys.digest(IDENTITY, data.identity)
    return {"kind": IDENTITY, "digest": digest, "person": number}


def _version_row(
    key: PersonKey, person_number: int, number: int, data: PersonData, cause: str, time: str
) -> dict[str, Any]:
    sealed = key.seal(f"version:{person_number}:{number}", msgspec.to_builtins(data))
    return {
        "person": person_number, "number": number, "since": int(time), "cause": cause,
        "sealed": sealed,
    }  # fmt: skip
