# SPDX-License-Identifier: Apache-2.0
"""iReadCard and iWriteCard: items of files, with the rights that they want (flows, 2.3 to 2.5).

Records of linear files are found by tag, which is right for every generation: 4E made the
records of SSSE EF06 shift by one. On a 1.0 card a value that ends in EE bytes is read as the
item of 2.0 that letter 37 put in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sscard_chip.profile.model import FREE, FileDeclaration, Rule, Structure
from sscard_chip.standard.commands import (
    READ_BINARY,
    READ_RECORD,
    UPDATE_BINARY,
    UPDATE_RECORD,
)
from sscard_chip.standard.identifiers import SSSE
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.driver import items
from sscard_chip.terminal.driver.context import DriverContext
from sscard_chip.terminal.driver.values import (
    Authentication,
    AuthenticationData,
    CardInfo,
    FileAddress,
    FileValues,
    InterfaceType,
    ProofRequest,
)
from sscard_chip.terminal.session import CardSession, record_value

_CHUNK: Final = 0xF0
_MOST_RECORDS: Final = 254
_FIRST, _NEXT, _BY_NUMBER, _PREVIOUS = 0x00, 0x02, 0x04, 0x03


@dataclass(slots=True)
class Rights:
    """What has been proved in a session: the PIN for good, keys until another DF is entered."""

    pin: bool = False
    kids: set[int] = field(default_factory=set)

    def enter(self, session: CardSession, address: FileAddress) -> FileDeclaration | None:
        """Enter the DF of a file, where no key is proved yet; what the profile knows of it."""
        if session.directory != address.directory:
            session.enter(address.directory)
            self.kids.clear()
        return session.file(address.directory, address.file)


@dataclass(frozen=True, slots=True)
class PendingFiles:
    """Between Step 1 and Step 2. ``keyed`` is the DF whose key the HSM proves."""

    session: CardSession
    addresses: tuple[FileAddress, ...]
    rights: Rights
    keyed: int
    kid: int
    writing: bool


def read(
    context: DriverContext,
    interface: InterfaceType,
    authentication: Authentication,
    card: CardInfo,
    addresses: Sequence[FileAddress],
) -> list[FileValues]:
    """Items of files, in the order asked for; PIN and PSAM are used as the files want."""
    session = context.open_card(interface, card)
    rights = Rights()
    found = []
    for address in addresses:
        file = rights.enter(session, address)
        _grant(context, session, rights, file.read if file else FREE, authentication)
        found.append(FileValues(address, _read_file(context, session, address, file)))
    return found


def write(
    context: DriverContext,
    interface: InterfaceType,
    card: CardInfo,
    contents: Sequence[FileValues],
) -> None:
    """Write items of files in the order given; all are checked before the first is written.

    A series that breaks off leaves the items before it written (flows, 2.5).
    """
    session = context.open_card(interface, card)
    prepared = [_prepare(context, session, content) for content in contents]
    rights = Rights()
    for content, updates in zip(contents, prepared, strict=True):
        address = content.address
        file = rights.enter(session, address)
        _grant(context, session, rights, file.write if file else FREE, Authentication.KEY)
        _write_file(session, address, updates)


def begin_files(
    context: DriverContext,
    interface: InterfaceType,
    card: CardInfo,
    addresses: Sequence[FileAddress],
    *,
    writing: bool,
) -> tuple[PendingFiles, ProofRequest]:
    """Step 1 of reading or writing: PIN if wanted, then challenges in the DF of the one key.

    :raises DriverError: -2204 when no file wants a key, -14 when they want more than one: a
        challenge is good for one key of one DF.
    """
    session = context.open_card(interface, card)
    wanted: set[tuple[int, int]] = set()
    rights = Rights()
    for address in addresses:
        file = session.file(address.directory, address.file)
        rule = FREE if file is None else file.write if writing else file.read
        if _wants_pin(rule, Authentication.KEY) and not rights.pin:
            context.verify_holder(session)
            rights.pin = True
        if rule.kid is not None:
            wanted.add((address.directory if rule.kid & 0x80 else SSSE, rule.kid))
    if not wanted:
        raise DriverError(ReturnCode.NO_HSM_NEEDED, "none of the files wants a key")
    if len(wanted) > 1:
        raise DriverError(
            ReturnCode.PARAMETER, "the files want more than one key: one for each call"
        )
    ((directory, kid),) = wanted
    session.enter(directory)
    key = session.key(kid)
    original, factor = session.challenge(), session.challenge()
    request = ProofRequest(
        session.algorithm_code, context.settings.addresses.address(key.root), factor, original
    )
    return PendingFiles(session, tuple(addresses), rights, directory, kid, writing), request


def finish_read(
    context: DriverContext, pending: PendingFiles, proof: AuthenticationData
) -> list[FileValues]:
    """Step 2 of reading; the keyed DF's files are read first, the answer has the order asked."""
    _prove(pending, proof)
    session = pending.session
    found = {}
    for position, address in _keyed_first(pending):
        file = pending.rights.enter(session, address)
        found[position] = FileValues(address, _read_file(context, session, address, file))
    return [found[position] for position in sorted(found)]


def finish_write(
    context: DriverContext,
    pending: PendingFiles,
    proof: AuthenticationData,
    values: Sequence[tuple[str, ...]],
) -> None:
    """Step 2 of writing; ``values`` are for the files of Step 1, in their order."""
    session = pending.session
    if len(values) != len(pending.addresses):
        raise DriverError(ReturnCode.PARAMETER, "pWriteData and pFileAddr have unequal files")
    contents = map(FileValues, pending.addresses, values)
    prepared = [_prepare(context, session, content) for content in contents]
    _prove(pending, proof)
    for position, address in _keyed_first(pending):
        pending.rights.enter(session, address)
        _write_file(session, address, prepared[position])


def _prove(pending: PendingFiles, proof: AuthenticationData) -> None:
    pending.session.external_authenticate(pending.kid, proof.data, proof.original)


def _keyed_first(pending: PendingFiles) -> Iterable[tuple[int, FileAddress]]:
    """Files of the keyed DF come first: its right ends when another DF is entered."""
    places = enumerate(pending.addresses)
    return sorted(places, key=lambda place: place[1].directory != pending.keyed)


def _wants_pin(rule: Rule, authentication: Authentication) -> bool:
    """Whether the PIN is to be verified, the choice of "PIN or key" being ``authentication``."""
    return rule.pin and (rule.both or rule.kid is None or authentication is Authentication.PIN)


def _grant(
    context: DriverContext,
    session: CardSession,
    rights: Rights,
    rule: Rule,
    authentication: Authentication,
) -> None:
    """Prove what a rule wants and has not been proved yet.

    ``authentication`` decides where the rule leaves the choice, and nothing elsewhere.
    """
    if _wants_pin(rule, authentication) and not rights.pin:
        context.verify_holder(session)
        rights.pin = True
    choice = rule.pin and not rule.both
    if rule.kid is None or (choice and authentication is Authentication.PIN):
        return
    if rule.kid not in rights.kids:
        context.authenticate(session, rule.kid)
        rights.kids.add(rule.kid)


# --- reading -------------------------------------------------------------------------------------


def _read_file(
    context: DriverContext,
    session: CardSession,
    address: FileAddress,
    file: FileDeclaration | None,
) -> tuple[str, ...]:
    session.select_file(address.file)
    if file is not None and file.structure is Structure.TRANSPARENT:
        items.require_none(address)
        return (_read_binary(session, file.size).hex().upper(),)
    if file is not None and file.structure is Structure.CYCLIC:
        return _read_cyclic(session, address, file, context.settings.raw_text)
    return _read_linear(session, address, file, context.settings.raw_text)


def _read_binary(session: CardSession, size: int) -> bytes:
    data = b""
    while len(data) < size:
        length = min(_CHUNK, size - len(data))
        offset = len(data).to_bytes(2)
        part = session.client.require(READ_BINARY, offset[0], offset[1], le=length)
        if not part:
            break
        data += part
    return data


def _read_cyclic(
    session: CardSession, address: FileAddress, file: FileDeclaration, raw_text: bool
) -> tuple[str, ...]:
    numbers = [items.record_number(token) for token in address.items]
    found = []
    for number in numbers or range(1, _MOST_RECORDS + 1):
        answer = session.client.send(READ_RECORD, number, _BY_NUMBER, le=0)
        if answer.sw == StatusWord.RECORD_NOT_FOUND and not numbers:
            break
        found.append(items.decode_record(file, answer.required(), raw_text=raw_text))
    return tuple(found)


def _read_linear(
    session: CardSession, address: FileAddress, file: FileDeclaration | None, raw_text: bool
) -> tuple[str, ...]:
    tokens = [items.tag_and_occurrence(token) for token in address.items]
    if not tokens and file is not None:
        tokens = items.every_record(file)
    values = []
    for tag, occurrence in tokens:
        raw = _occurrence(session, tag, occurrence)
        item = items.find_item(file, tag)
        if session.profile.later_meanings:
            reused = _reused(session, address, tag, raw, raw_text)
            if reused is not None:
                values.append(reused)
                continue
        values.append(items.decode_item(item, raw, raw_text=raw_text))
    return tuple(values)


def _occurrence(session: CardSession, tag: int, occurrence: int) -> bytes:
    """The value of the n-th record with a tag: the first, then "next" as often as needed."""
    value = session.record(tag)
    for _ in range(occurrence - 1):
        value = record_value(session.client.require(READ_RECORD, tag, _NEXT, le=0), tag)
    return value


def _reused(
    session: CardSession, address: FileAddress, tag: int, raw: bytes, raw_text: bool
) -> str | None:
    """The new meaning of a record of a 1.0 card, None when it has its old one."""
    values = {tag: raw}
    judge = items.judge(address, tag)
    if judge:
        values[judge] = session.record(judge)
    return items.decode_reused(address, tag, values, raw_text=raw_text)


# --- writing -------------------------------------------------------------------------------------


def _prepare(context: DriverContext, session: CardSession, content: FileValues) -> list[bytes]:
    """The commands that write a file's values.

    :raises DriverError: -14 values and items do not pair, -41, -42 a value that does not fit,
        -27267 an item that the file does not have.
    """
    address, values = content.address, content.values
    file = session.file(address.directory, address.file)
    if file is None:
        raise DriverError(-StatusWord.FILE_NOT_FOUND, "pFileAddr: the card has no such file")
    if file.structure is Structure.TRANSPARENT:
        items.require_none(address)
        data = items.whole_binary(file, values)
        chunks = range(0, len(data), _CHUNK)
        return [UPDATE_BINARY.apdu(at >> 8, at & 0xFF, data[at : at + _CHUNK]) for at in chunks]
    if file.structure is Structure.CYCLIC:
        items.require_none(address)
        return [
            UPDATE_RECORD.apdu(0, _PREVIOUS, items.encode_item_record(file, value))
            for value in values
        ]
    new = context.settings.new_meanings and bool(session.profile.later_meanings)
    return [
        _linear_update(file, address, token, value, new_meaning=new)
        for token, value in items.pairs(file, address, values)
    ]


def _linear_update(
    file: FileDeclaration,
    address: FileAddress,
    token: tuple[int, int],
    value: str,
    *,
    new_meaning: bool,
) -> bytes:
    tag, occurrence = token
    numbers = file.record_numbers(tag)
    if len(numbers) < occurrence:
        raise DriverError(-StatusWord.RECORD_NOT_FOUND, "pFileAddr: the file has no such item")
    content = items.encode_reused(address, tag, value) if new_meaning else None
    if content is None:
        content = items.encode_item(file.items[numbers[occurrence - 1] - 1], value)
    record = bytes((tag, len(content))) + content
    if occurrence == 1:
        return UPDATE_RECORD.apdu(tag, _FIRST, record)
    return UPDATE_RECORD.apdu(numbers[occurrence - 1], _BY_NUMBER, record)


def _write_file(session: CardSession, address: FileAddress, updates: Sequence[bytes]) -> None:
    session.select_file(address.file)
    for command in updates:
        answer = session.client.exchange(command)
        # 63Cx to an update means "done, at the x-th attempt" (flows, 2.5).
        if not answer.ok and answer.sw & 0xFFF0 != StatusWord.VERIFICATION_FAILED:
            raise answer.refusal
