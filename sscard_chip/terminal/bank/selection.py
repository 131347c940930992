# SPDX-License-Identifier: Apache-2.0
"""Which application of the card it shall be (EMV book 1, 12; PBOC's PSE and PPSE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sscard_chip.standard.commands import READ_RECORD, SELECT
from sscard_chip.standard.identifiers import PPSE_NAME, PSE_NAME
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.bank.errors import CardDataError, NotAcceptedError
from sscard_chip.terminal.bank.tlv import find_object, open_template, tlvs
from sscard_chip.terminal.client import ApduClient

_LOWEST: Final = 0x0F
_MOST_RECORDS: Final = 16
_NOT_THERE: Final = (StatusWord.FILE_NOT_FOUND, StatusWord.RECORD_NOT_FOUND)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An application that card and terminal have. ``priority`` 1 is the first, 15 no order."""

    aid: bytes
    label: str
    priority: int


@dataclass(frozen=True, slots=True)
class Selected:
    """The application that is selected: its DF name, label, PDOL (empty: none)."""

    aid: bytes
    label: str
    pdol: bytes


def candidates(
    client: ApduClient, aids: tuple[bytes, ...], *, contactless: bool
) -> list[Candidate]:
    """What there is to choose from, the first choice first.

    With contacts by PSE, and when the card has none by trying ``aids``; without by PPSE only.

    :raises CardDataError: the directory is none.
    """
    found = _from_ppse(client) if contactless else _from_pse(client)
    if found is None:
        found = [] if contactless else _by_list(client, aids)
    known = [one for one in found if any(one.aid.startswith(aid) for aid in aids)]
    return sorted(known, key=lambda one: one.priority)


def select_application(client: ApduClient, candidate: Candidate) -> Selected | None:
    """Select; None when the card does not want to after all (blocked: 6283, 6A81...)."""
    answer = client.send(SELECT, 0x04, 0x00, candidate.aid, 0)
    if not answer.ok:
        return None
    fci = open_template(0x6F, answer.data, "FCI")
    name = find_object(fci, 0x84, "FCI")
    if name is None or not name.startswith(candidate.aid):
        raise CardDataError("FCI: is of another application")
    label = find_object(fci, 0x50, "FCI")
    text = candidate.label if label is None else _text(label)
    return Selected(name, text, find_object(fci, 0x9F38, "FCI") or b"")


def choose(client: ApduClient, aids: tuple[bytes, ...], *, contactless: bool = False) -> Selected:
    """Select the first candidate that takes it.

    :raises NotAcceptedError: there is none.
    """
    for candidate in candidates(client, aids, contactless=contactless):
        selected = select_application(client, candidate)
        if selected is not None:
            return selected
    raise NotAcceptedError("card and terminal have no application in common")


def _from_pse(client: ApduClient) -> list[Candidate] | None:
    answer = client.send(SELECT, 0x04, 0x00, PSE_NAME, 0)
    if not answer.ok:
        return None
    sfi = find_object(answer.data, 0x88, "PSE")
    if sfi is None or len(sfi) != 1 or not 1 <= sfi[0] <= 10:
        raise CardDataError("PSE: names no directory file")
    found: list[Candidate] = []
    for number in range(1, _MOST_RECORDS + 1):
        record = client.send(READ_RECORD, number, sfi[0] << 3 | 0x04, b"", 0)
        if record.sw in _NOT_THERE:
            break
        if not record.ok:
            return None
        found += _entries(open_template(0x70, record.data, "directory"), "directory")
    return found


def _from_ppse(client: ApduClient) -> list[Candidate] | None:
    answer = client.send(SELECT, 0x04, 0x00, PPSE_NAME, 0)
    if not answer.ok:
        return None
    discretionary = find_object(answer.data, 0xBF0C, "PPSE")
    return [] if discretionary is None else _entries(discretionary, "PPSE")


def _entries(body: bytes, what: str) -> list[Candidate]:
    found = []
    for tag, entry in tlvs(body, what):
        if tag != 0x61:
            continue
        values = dict(tlvs(entry, what))
        aid = values.get(0x4F, b"")
        if not 5 <= len(aid) <= 16:
            raise CardDataError(f"{what}: an entry has no AID")
        priority = values.get(0x87, b"\0")[-1:] or b"\0"
        found.append(Candidate(aid, _text(values.get(0x50, b"")), priority[0] & _LOWEST or _LOWEST))
    return found


def _by_list(client: ApduClient, aids: tuple[bytes, ...]) -> list[Candidate]:
    return [
        Candidate(aid, "", _LOWEST) for aid in aids if client.send(SELECT, 0x04, 0x00, aid, 0).ok
    ]


def _text(label: bytes) -> str:
    return label.decode("ascii", "replace").strip()
