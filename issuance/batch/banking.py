# SPDX-License-Identifier: Apache-2.0
"""Bank, transport and certificate applications of a batch, behind what the template has.

Where it lies depends on the account, so it is found: a card's memory with the application is
compared with the one without it, and what differs on any card of the chunk becomes a span.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from issuance.bank.authority import BankAuthority
from issuance.bank.personalise import Bank, BankIssueError, oda_rule, put_bank
from issuance.batch.cards import CardOrder, Patches
from issuance.batch.job import Job
from issuance.batch.template import Span, Template
from issuance.holder import Holder
from issuance.pki.application import PkiIssueError, put_pki
from issuance.stores import Passphrase, WorkingKeys, open_store
from issuance.transport import TransportIssueError, TransportIssuer, put_transport
from sscard_chip.filesystem.tree import FileSystem
from sscard_chip.memory import Memory
from sscard_chip.profile.bank.inspect import identities
from sscard_chip.standard.documents import RuleFinding

_BLOCK: Final = 64
_RUNS: Final = re.compile(b"\x01+")
_BANKS: dict[tuple[str, str], Bank] = {}
_TRANSPORT: dict[str, TransportIssuer] = {}


class BankedCards(NamedTuple):
    """Cards with their further applications.

    ``pans`` are read back from the images, by index; of ``faults`` no card can be made.
    """

    patches: Patches
    pans: dict[int, str]
    faults: dict[int, RuleFinding]


def bank_of(job: Job, passphrase: Passphrase) -> Bank:
    """The bank of a job, opened once in a process.

    :raises KeyStoreError:
    :raises AuthorityError:
    """
    place = job.bank_keys, job.bank_authority
    if place not in _BANKS:
        keys = WorkingKeys(open_store(job.bank_keys, passphrase))
        _BANKS[place] = Bank(keys, authority_of(job))
    return _BANKS[place]


def authority_of(job: Job) -> BankAuthority | None:
    """The bank's certificates, None for a job without.

    :raises AuthorityError:
    """
    return BankAuthority.load(Path(job.bank_authority)) if job.bank_authority else None


def bank_findings(authority: BankAuthority | None, holder: Holder) -> list[RuleFinding]:
    """What of a holder's bank account cannot be made with the bank's certificates."""
    if holder.bank is None:
        return []
    broken = oda_rule(authority, holder.bank)
    return [RuleFinding(*broken)] if broken else []


def transport_of(job: Job, passphrase: Passphrase) -> TransportIssuer:
    """The transport issuer of a job, its store opened once in a process.

    :raises KeyStoreError:
    """
    place = job.transport_keys
    if place not in _TRANSPORT:
        _TRANSPORT[place] = TransportIssuer(WorkingKeys(open_store(place, passphrase)))
    return _TRANSPORT[place]


def add_applications(
    template: Template,
    patches: Patches,
    orders: Sequence[CardOrder],
    bank: Bank | None,
    transport: TransportIssuer | None,
) -> BankedCards:
    """Put the further applications onto those cards of a chunk whose holders have them.

    :raises KeyStoreError:
    """
    whole: dict[int, bytes] = {}
    pans: dict[int, str] = {}
    faults: dict[int, RuleFinding] = {}
    changed = bytearray(len(template.cells))
    for index, order in enumerate(orders):
        holder = order.holder
        if not (holder.bank or holder.transport or holder.certificates):
            continue
        plain = _cells(template, patches, index)
        memory = Memory(bytearray(plain))
        issued, suite = holder.issue_date, template.algorithm
        try:
            if holder.bank is not None and bank is not None:
                memory = put_bank(memory, bank, holder.bank, issued=issued, algorithm=suite)
                pans[index] = identities(FileSystem(memory).directories)[0].pan
            if holder.transport is not None and transport is not None:
                dates = {"start": issued, "expiry": holder.expiry_date}
                memory = put_transport(
                    memory, transport, holder.transport, algorithm=suite, **dates
                )
            if holder.certificates is not None:
                memory = put_pki(memory, holder.certificates)
        except (BankIssueError, TransportIssueError, PkiIssueError) as error:
            item, _, rule = str(error).partition(": ")
            faults[index] = RuleFinding(item.replace(" ", "."), rule)
            pans.pop(index, None)
            continue
        whole[index] = bytes(memory.cells)
        _mark(changed, plain, whole[index])
    return BankedCards(_joined(template, patches, whole, changed), pans, faults)


def _cells(template: Template, patches: Patches, index: int) -> bytes:
    """The memory of a card as the template and its row give it."""
    cells, row, at = bytearray(template.cells), patches.rows[index], 0
    for span in patches.spans:
        cells[span.offset : span.end] = row[at : at + span.length]
        at += span.length
    return bytes(cells)


def _mark(changed: bytearray, before: bytes, after: bytes) -> None:
    """Mark the blocks in which two memories differ."""
    for at in range(0, len(before), _BLOCK):
        if before[at : at + _BLOCK] != after[at : at + _BLOCK]:
            changed[at : at + _BLOCK] = b"\x01" * len(before[at : at + _BLOCK])


def _joined(
    template: Template, patches: Patches, whole: Mapping[int, bytes], changed: bytearray
) -> Patches:
    """The rows with the spans that the applications bring, in the order of the memory."""
    for span in patches.spans:
        changed[span.offset : span.end] = bytes(span.length)
    new = [Span(run.start(), run.end() - run.start()) for run in _RUNS.finditer(changed)]
    spans = sorted([*patches.spans, *new])
    rows = []
    for index in range(len(patches.rows)):
        cells = whole.get(index) or _cells(template, patches, index)
        rows.append(b"".join(cells[span.offset : span.end] for span in spans))
    return Patches(spans, rows)
