# SPDX-License-Identifier: Apache-2.0
"""From the data of a card to its plan, in the order of D10 (personalisation page, section 3).

Structure and keys come under a temporary master key, so that a card can be done again; the
card's own master keys come last, then FREEZE MF. What the holder brings is written afterwards,
under the keys that the files demand. Files that nobody may write, or only with the PIN or a MAC,
get their content before: until FREEZE MF the master key opens them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import asdict

from issuance.fills import EARLY_TAGS, FILL_OF
from issuance.personalise import CardData
from issuance.plan.steps import (
    TEMPORARY,
    TRANSPORT,
    ZERO,
    ChallengeUse,
    PersonRecord,
    Phase,
    PlainKey,
    Plan,
    PlanStep,
)
from sscard_chip.applications import amounts
from sscard_chip.applications.issuing.headers import encode_header
from sscard_chip.filesystem.layout import FileType
from sscard_chip.profile.model import DirectoryDeclaration, FileDeclaration, Key, KeyUse, Structure
from sscard_chip.profile.structure import (
    ATR_FID,
    KEY_FID,
    PlannedDirectory,
    PlannedFile,
    PlannedKey,
    plan_directories,
)
from sscard_chip.security.diversify import FACTOR_LENGTH
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.commands import (
    APPEND_RECORD,
    CHANGE_KEY,
    CREATE_FILE,
    CREATE_KEY,
    EXTERNAL_AUTHENTICATE,
    FREEZE_MF,
    INTERNAL_AUTHENTICATE,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
)
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ISSUER_FILE, MF
from sscard_chip.standard.keys import MF_MASTER_KEY, PUK_KID, STK_KID
from sscard_chip.standard.messages.personalisation import (
    KEY_INFORMATION,
    KEY_REPLACED,
    PIN_INFORMATION,
)

KEY_LENGTH: Final = 16
_PIN: Final = "PIN"
_PIECE: Final = 0xF0
_SFI: Final = 0x1F
_ORIGINAL: Final = bytes.fromhex("5353434152443033")
_FACTOR: Final = bytes.fromhex("1122334455667788")

_SELECT: Final = SELECT.header()
_SELECT_NAME: Final = SELECT.header(0x04)
_SELECT_EF: Final = SELECT.header(0x02)
_CREATE: Final = CREATE_FILE.header()[:3]
_UPDATE_BINARY: Final = UPDATE_BINARY.code
_UPDATE_RECORD: Final = UPDATE_RECORD.code
_APPEND_RECORD: Final = APPEND_RECORD.header()
_EXTERNAL: Final = EXTERNAL_AUTHENTICATE.header()[:3]
_INTERNAL: Final = INTERNAL_AUTHENTICATE.header()
_NEW_KEY: Final = CREATE_KEY.secured().header(p2=KEY_FID)
_MASTER_KEY: Final = CHANGE_KEY.secured().header()
_FREEZE: Final = FREEZE_MF.header()
_OWN_VERSION: Final = 1


def default_temporary_key(transport_key: bytes, algorithm: str, historical_bytes: bytes) -> bytes:
    """A temporary master key that the transport key and the card's factor give.

    Whoever has the transport key can then resume a card that was broken off.
    """
    return SUITES[algorithm].diversify(transport_key, historical_bytes[-FACTOR_LENGTH:])


def make_plan(
    data: CardData,
    *,
    transport_key: bytes,
    transport_algorithm: str = ALGORITHM_3DES,
    temporary_key: bytes | None = None,
) -> Plan:
    """The plan of one card.

    ``transport_key`` and ``temporary_key`` are 16 bytes; without the latter it is
    :func:`default_temporary_key`.

    :raises ValueError: for another length.
    """
    temporary = temporary_key or default_temporary_key(
        transport_key, data.algorithm, data.historical_bytes
    )
    if len(transport_key) != KEY_LENGTH or len(temporary) != KEY_LENGTH:
        raise ValueError(f"transport key and temporary key have {KEY_LENGTH} bytes")
    keys = _keyring(data)
    keys[TRANSPORT] = PlainKey(transport_algorithm, transport_key)
    keys[TEMPORARY] = PlainKey(data.algorithm, temporary)
    builder = _Builder(data)
    steps, person = tuple(builder.steps()), tuple(builder.person())
    return Plan(data.profile.generation, data.algorithm, data.historical_bytes, steps, keys, person)


def _keyring(data: CardData) -> dict[str, PlainKey]:
    names = {d.fid: d.master_key for d in data.profile.directories} | {MF: MF_MASTER_KEY}
    keys = {names[fid]: PlainKey(data.algorithm, key) for fid, key in data.master_keys.items()}
    for (fid, key, version), secret in data.keys.items():
        keys[_name(data.profile.directory(fid), key, version)] = PlainKey(data.algorithm, secret)
    keys[ZERO] = PlainKey(data.algorithm, bytes(KEY_LENGTH))
    keys[_PIN] = PlainKey(data.algorithm, data.pin.ljust(8, b"\xff"))
    return keys


def _name(directory: DirectoryDeclaration, key: Key, version: int) -> str:
    return f"{directory.short_name}/{key.root}/{version}"


def _written_by_key(file: FileDeclaration) -> bool:
    """Whether a key alone opens the file for writing, so that it can wait for FREEZE MF."""
    rule = file.write
    plain = rule.kid is not None and not rule.pin and not file.secure_messaging
    return plain and file.structure is not Structure.CYCLIC


class _Builder:
    """Makes the steps of one card, phase after phase."""

    def __init__(self, data: CardData) -> None:
        self._data = data
        self._contents = data.contents
        self._planned = plan_directories(data.profile, SUITES[data.algorithm])
        self._phase = Phase.STRUCTURE

    def steps(self) -> Iterator[PlanStep]:
        """All of them, in order."""
        yield from self._structure()
        self._phase = Phase.KEYS
        for planned in self._planned[1:]:
            yield from self._keys(planned)
        self._phase = Phase.MASTER_KEYS
        yield from self._master_keys()
        self._phase = Phase.PERSONALISATION
        yield self._step("reset", b"")
        for directory in self._data.profile.directories:
            yield from self._personalise(directory)
        self._phase = Phase.CHECK
        yield self._step("reset", b"")
        for directory in self._data.profile.directories:
            yield from self._check(directory)

    def person(self) -> Iterator[PersonRecord]:
        """Who the card says that it is of: its number, which anybody reads, comes first."""
        profile = self._data.profile
        directory = profile.environment
        self._phase = Phase.PERSONALISATION
        for value in ("card_number", "social_security_number"):
            place = FILL_OF[value].place(profile)
            if place is None:
                continue
            (_, fid, number), item = place
            steps = [*self._enter(directory.fid)]
            kid = directory.file(fid).read.kid
            if kid is not None:
                steps.append(self._authenticate(directory, kid))
            header = READ_RECORD.header(item.tag, (fid & _SFI) << 3)
            steps.append(self._step(f"{directory.short_name} {fid:04X}: read", header, ne=0))
            head = bytes((item.tag, item.length))
            own = self._contents.values[directory.fid, fid, number]
            yield PersonRecord(tuple(steps), head + own, head + item.initial_value())

    # --- single steps -----------------------------------------------------------------------

    def _step(self, name: str, header: bytes, data: bytes = b"", ne: int | None = None) -> PlanStep:
        return PlanStep(self._phase, name, header, data, ne=ne)

    def _master(self, name: str, key: str = TEMPORARY) -> PlanStep:
        """Authenticate the transport key or the current directory's master key."""
        return PlanStep(self._phase, name, _EXTERNAL + b"\0", proof=ChallengeUse.DIRECT, key=key)

    def _enter(self, fid: int) -> Iterator[PlanStep]:
        """Make a directory current, from anywhere."""
        if fid == MF:
            yield self._step("MF: select", _SELECT, fid.to_bytes(2))
            return
        environment = self._data.profile.environment
        yield self._step("SSSE: select", _SELECT_NAME, environment.df_name, ne=0)
        if fid != environment.fid:
            name = self._data.profile.directory(fid).short_name
            yield self._step(f"{name}: select", _SELECT, fid.to_bytes(2))

    def _label(self, directory: PlannedDirectory) -> str:
        fid = directory.header.fid
        return "MF" if fid == MF else self._data.profile.directory(fid).short_name

    # --- structure --------------------------------------------------------------------------

    def _structure(self) -> Iterator[PlanStep]:
        yield self._step("reset", b"")
        yield self._master("transport key: authenticate", TRANSPORT)
        for directory in self._planned:
            label, header = self._label(directory), directory.header
            if directory.parent:
                yield from self._enter(directory.parent)
                yield self._master(f"{label}: authenticate the master key above")
            create = _CREATE + bytes((header.type,))
            yield self._step(f"{label}: create", create, encode_header(header))
            if directory.parent:
                yield self._step(f"{label}: select", _SELECT, header.fid.to_bytes(2))
            # The MF's own key protects it; of the others, the one of the directory above does.
            under = TEMPORARY if directory.parent else ZERO
            yield self._write_master(f"{label}: temporary master key", TEMPORARY, 0, under)
            yield self._master(f"{label}: authenticate")
            for file in directory.files:
                yield from self._create(label, directory, file)

    def _create(
        self, label: str, directory: PlannedDirectory, planned: PlannedFile
    ) -> Iterator[PlanStep]:
        header, name = planned.header, f"{label} {planned.header.fid:04X}"
        account = b""
        if header.type is FileType.AMOUNT and self._data.account is not None:
            account = amounts.initial_content(**asdict(self._data.account))
        create = _CREATE + bytes((header.type,))
        yield self._step(f"{name}: create", create, encode_header(header, account))
        records = self._first_records(directory.header.fid, planned)
        content = planned.content
        if header.fid == ATR_FID:
            content = self._data.historical_bytes
        elif planned.file is not None and not _written_by_key(planned.file):
            content = self._contents.transparent.get((directory.header.fid, header.fid), b"")
        if records or content:
            yield self._step(f"{name}: select", _SELECT_EF, header.fid.to_bytes(2))
        for record in records:
            yield self._step(f"{name}: append a record", _APPEND_RECORD, record)
        yield from self._binary(name, content)

    def _first_records(self, fid: int, planned: PlannedFile) -> Sequence[bytes]:
        """The records that a file has before FREEZE MF."""
        file = planned.file
        if file is None:
            return planned.records
        if file.structure is Structure.CYCLIC:
            return self._contents.cyclic.get((fid, file.fid), ())[::-1]
        values = self._contents.values
        records = list(planned.records)
        for number, item in enumerate(file.items, 1):
            value = values.get((fid, file.fid, number))
            if value is not None and self._is_early(fid, file, number):
                records[number - 1] = bytes((item.tag, item.length)) + value
        return records

    def _is_early(self, fid: int, file: FileDeclaration, number: int) -> bool:
        """Whether a value is written before FREEZE MF already."""
        if fid == self._data.profile.environment.fid and file.fid == ISSUER_FILE:
            return file.items[number - 1].tag in EARLY_TAGS
        return not _written_by_key(file)

    def _binary(self, name: str, content: bytes) -> Iterator[PlanStep]:
        """UPDATE BINARY of the current file; the 00 at the end are there already."""
        content = content.rstrip(b"\0")
        for at in range(0, len(content), _PIECE):
            header = _UPDATE_BINARY + at.to_bytes(2)
            yield self._step(f"{name}: write", header, content[at : at + _PIECE])

    # --- keys -------------------------------------------------------------------------------

    def _keys(self, directory: PlannedDirectory) -> Iterator[PlanStep]:
        """New keys, enciphered under the directory's temporary master key with a MAC."""
        label = self._label(directory)
        yield from self._enter(directory.header.fid)
        yield self._master(f"{label}: authenticate")
        for planned in directory.keys:
            yield self._write_key(directory, planned)
        if directory.pin_retry_limit:
            head = PIN_INFORMATION.build(
                {
                    "use": KeyUse.PIN.value,
                    "kid": 0,
                    "unblock_kid": PUK_KID,
                    "reload_kid": STK_KID,
                    "limit": directory.pin_retry_limit,
                }
            )
            yield self._sealed(f"{label} PIN: write", _NEW_KEY, head, _PIN, TEMPORARY)

    def _write_key(self, directory: PlannedDirectory, planned: PlannedKey) -> PlanStep:
        key = planned.key
        head = KEY_INFORMATION.build(
            {
                "use": key.use.value,
                "kid": planned.kid,
                "key_version": planned.version,
                "algorithm": planned.algorithm,
                "limit": key.retry_limit,
                "level": planned.level,
            }
        )
        owner = self._data.profile.directory(directory.header.fid)
        secret = _name(owner, key, planned.version)
        return self._sealed(f"{secret}: write", _NEW_KEY, head, secret, TEMPORARY)

    def _sealed(self, name: str, header: bytes, head: bytes, secret: str, under: str) -> PlanStep:
        return PlanStep(self._phase, name, header, head, ChallengeUse.MAC, under, secret)

    def _write_master(self, name: str, secret: str, version: int, under: str) -> PlanStep:
        head = KEY_REPLACED.build({"use": 0, "kid": 0, "key_version": version})
        return self._sealed(name, _MASTER_KEY, head, secret, under)

    def _master_keys(self) -> Iterator[PlanStep]:
        """The card's own master keys, from the bottom up, and the end of this phase."""
        for directory in reversed(self._planned):
            fid, label = directory.header.fid, self._label(directory)
            yield from self._enter(fid)
            if fid == MF:
                yield self._master("MF: authenticate")
                name = MF_MASTER_KEY
            else:
                name = self._data.profile.directory(fid).master_key
            yield self._write_master(f"{label}: own master key", name, _OWN_VERSION, TEMPORARY)
        yield self._step("MF: freeze", _FREEZE)

    # --- personalisation --------------------------------------------------------------------

    def _personalise(self, directory: DirectoryDeclaration) -> Iterator[PlanStep]:
        """What the holder brings, under the key that each file demands."""
        current: int | None = None
        for file in directory.files:
            steps = list(self._fill(directory, file))
            if not steps:
                continue
            if current is None:
                yield from self._enter(directory.fid)
            if file.write.kid != current and file.write.kid is not None:
                current = file.write.kid
                yield self._authenticate(directory, current)
            yield from steps

    def _fill(self, directory: DirectoryDeclaration, file: FileDeclaration) -> Iterator[PlanStep]:
        if not _written_by_key(file):
            return
        name, slot = f"{directory.short_name} {file.fid:04X}", (directory.fid, file.fid)
        records = [
            (number, value)
            for (*owner, number), value in self._contents.values.items()
            if tuple(owner) == slot and not self._is_early(directory.fid, file, number)
        ]
        content = self._contents.transparent.get(slot, b"").rstrip(b"\0")
        if records or content:
            yield self._step(f"{name}: select", _SELECT_EF, file.fid.to_bytes(2))
        for number, value in sorted(records):
            data = bytes((file.items[number - 1].tag, len(value))) + value
            header = _UPDATE_RECORD + bytes((number, 0x04))
            yield self._step(f"{name}: record {number}", header, data)
        yield from self._binary(name, content)

    def _authenticate(
        self, directory: DirectoryDeclaration, kid: int, version: int = 1
    ) -> PlanStep:
        """EXTERNAL AUTHENTICATE, of 17 bytes; bit 8 of ``kid`` says whose key it is."""
        owner = directory if kid & 0x80 else self._data.profile.environment
        key = next(k for k in owner.keys if k.kid == kid and k.use is KeyUse.EXTERNAL)
        name = _name(owner, key, version)
        header = _EXTERNAL + bytes((kid,))
        data = _ORIGINAL + bytes((version,))
        return PlanStep(
            self._phase, f"{name}: authenticate", header, data, proof=ChallengeUse.SESSION, key=name
        )

    # --- check ------------------------------------------------------------------------------

    def _check(self, directory: DirectoryDeclaration) -> Iterator[PlanStep]:
        """Every version of every key that a command can prove."""
        yield from self._enter(directory.fid)
        suite = SUITES[self._data.algorithm]
        for key in directory.keys:
            for version in range(1, key.versions + 1):
                if key.use is KeyUse.EXTERNAL:
                    yield self._authenticate(directory, key.kid, version)
                elif key.use is KeyUse.INTERNAL:
                    secret = self._data.keys[directory.fid, key, version]
                    encrypt = suite.encryptor(secret)
                    session = suite.session(suite.session_key(encrypt, _FACTOR))
                    data = _FACTOR + _ORIGINAL + bytes((version,))
                    yield PlanStep(
                        self._phase,
                        f"{_name(directory, key, version)}: prove",
                        _INTERNAL,
                        data,
                        ne=8,
                        answer=session.authentication_data(_ORIGINAL),
                    )
