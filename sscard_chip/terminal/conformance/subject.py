# SPDX-License-Identifier: Apache-2.0
"""The card of a run: what it says of itself, and what the run was given for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from sscard_chip.profile import Profile
from sscard_chip.profile.generations import OPTIONAL, find_generation
from sscard_chip.profile.model import FileDeclaration, Key
from sscard_chip.profile.structure import key_length
from sscard_chip.security.diversify import HISTORICAL_LENGTH, card_chain
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES, SessionCipher, Suite
from sscard_chip.standard.commands import GET_RESPONSE, READ_RECORD, SELECT, VERIFY
from sscard_chip.standard.errors import TerminalError
from sscard_chip.standard.identifiers import (
    AID_OF_DF,
    ALGORITHM_OF_CODE,
    DF04,
    DF05,
    IDENTIFICATION_TAG,
    ISSUER_FILE,
    MEDICAL_LOG,
    OFFLINE_FILE,
    SFI_MASK,
    SSSE_NAME,
    VERSION_TAG,
)
from sscard_chip.standard.messages.directory import fci_algorithm, parse_fci
from sscard_chip.terminal.conformance.ics import ImplementationStatement
from sscard_chip.terminal.connection import Connection, NoAnswerError, ShortAnswerError

_ROUNDS: Final = 64
_ISSUER_P2: Final = (ISSUER_FILE & SFI_MASK) << 3


class SubjectError(TerminalError):
    """A card that cannot be judged: nobody knows of what generation it should be."""


@dataclass(frozen=True, slots=True, repr=False)
class CardSecrets:
    """The card's keys, by way of a store of root keys: nothing of them shows."""

    store: KeyStore
    algorithm: str
    chain: tuple[bytes, bytes, bytes]

    @property
    def suite(self) -> Suite:
        """The card's algorithm."""
        return SUITES[self.algorithm]

    def secret(self, key: Key, version: int = 1) -> bytes:
        """A key of the card, 8 or 16 bytes.

        :raises KeyStoreError:
        """
        found = self.store.diversify(self.algorithm, key.root, version, [self.chain])[0]
        return found[: key_length(key, self.suite)]

    def session(self, key: Key, factor: bytes, version: int = 1) -> SessionCipher:
        """A session under a key of the card, from a random of 4 or 8 bytes."""
        suite, secret = self.suite, self.secret(key, version)
        return suite.session(suite.session_key(suite.encryptor(secret), factor))


@dataclass(frozen=True, slots=True, repr=False)
class OtherSecrets:
    """What a run was given for the other applications: the transport issuer's root keys, PINs of
    the certificate application in BCD, empty when not given."""

    transport: KeyStore | None = None
    user_pin: bytes = b""
    admin_pin: bytes = b""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run knows of its card.

    ``atr`` is the first that it gave, ``identification`` its 卡识别码 as read or nothing, ``tries``
    those that its PIN had left, None where none is set. ``pin`` is BCD, empty when not given.
    """

    generation: int
    interface: str
    statement: ImplementationStatement
    profile: Profile
    atr: bytes
    identification: bytes = field(repr=False)
    algorithm: str
    tries: int | None
    pin: bytes = field(repr=False, default=b"")
    secrets: CardSecrets | None = field(repr=False, default=None)
    others: OtherSecrets = field(repr=False, default=OtherSecrets())

    @property
    def transport(self) -> KeyStore | None:
        """Root keys of the transport issuer."""
        return self.others.transport

    @property
    def kind(self) -> str:
        """What is judged: a card."""
        return "card"

    @property
    def mark(self) -> bytes:
        """What tells the card from others."""
        return self.identification + self.atr

    @property
    def contact(self) -> bool:
        """Whether the card is reached over T=0."""
        return self.interface == "contact"

    @property
    def historical(self) -> bytes:
        """The historical bytes of the ATR, as many as it says."""
        return historical_of(self.atr)

    def file(self, directory: int, fid: int) -> FileDeclaration | None:
        """What the standard says of a file, None when the card has none such."""
        try:
            declared = self.profile.directory(directory)
            if self.statement.lacks(declared.short_name, fid):
                return None
            return declared.file(fid)
        except KeyError:
            return None

    @property
    def medical(self) -> bool:
        """Whether the card has a medical account."""
        return self.file(DF04, MEDICAL_LOG) is not None


def historical_of(atr: bytes) -> bytes:
    """The historical bytes of an ATR (ISO/IEC 7816-3, 8.2), as many as are there."""
    if len(atr) < 2:
        return b""
    count, present, at = atr[1] & 0x0F, atr[1] >> 4, 2
    while True:
        at += (present & 0x7).bit_count()
        if not present & 0x8 or at >= len(atr):
            break
        present = atr[at] >> 4
        at += 1
    return atr[at : at + count]


def ask(connection: Connection, apdu: bytes) -> tuple[bytes, int]:
    """One command with all that 61xx and 6Cxx want; an answer that is none is 0000."""
    data = b""
    for _ in range(_ROUNDS):
        try:
            answer = bytes(connection.transmit(apdu))
        except (NoAnswerError, ShortAnswerError):
            return b"", 0
        if len(answer) < 2:
            return b"", 0
        data += answer[:-2]
        first, second = answer[-2:]
        if first == 0x61:
            apdu = GET_RESPONSE.header() + bytes((second,))
        elif first == 0x6C and len(apdu) == 5:
            apdu = apdu[:4] + bytes((second,))
        else:
            return data, first << 8 | second
    return b"", 0


def _tries(connection: Connection) -> int | None:
    _, sw = ask(connection, VERIFY.apdu(le=0))
    if sw & 0xFFF0 == 0x63C0:
        return sw & 0x0F
    return 0 if sw == 0x6983 else None


def _record(connection: Connection, tag: int) -> bytes:
    data, sw = ask(connection, READ_RECORD.apdu(tag, _ISSUER_P2, le=0))
    return data[2:] if sw == 0x9000 and data[:1] == bytes((tag,)) else b""


def _select(name: bytes) -> bytes:
    return SELECT.apdu(0x04, 0x00, name)


def _probed(connection: Connection, generation: int) -> ImplementationStatement:
    """What a card without a statement has of the optional parts, as it shows itself."""
    optional: list[Literal["DF05", "DF06"]] = []
    for fid in OPTIONAL:
        ask(connection, _select(SSSE_NAME))
        if ask(connection, SELECT.apdu(data=fid.to_bytes(2)))[1] == 0x9000:
            optional.append("DF05" if fid == DF05 else "DF06")
    if generation != 1:
        return ImplementationStatement(optional=optional)
    ask(connection, _select(SSSE_NAME))
    ask(connection, _select(AID_OF_DF[DF04]))
    has = {
        fid: ask(connection, SELECT.apdu(0x02, 0x00, fid.to_bytes(2)))[1] == 0x9000
        for fid in (MEDICAL_LOG, OFFLINE_FILE)
    }
    offline = has[MEDICAL_LOG] and not has[OFFLINE_FILE]
    return ImplementationStatement(
        optional=optional,
        medical_account=has[MEDICAL_LOG],
        settlement_mode="offline" if offline else "online",
    )


def examine(
    connection: Connection,
    *,
    interface: str,
    generation: int | None = None,
    statement: ImplementationStatement | None = None,
    pin: bytes = b"",
    store: KeyStore | None = None,
    others: OtherSecrets | None = None,
) -> Subject:
    """Power on a card and find out what a run has to know of it; changes nothing on it.

    :param generation: what it should be; without it what its 规范版本 says.
    :param pin: BCD; never sent here, nor are those of ``others``.
    :raises SubjectError: no generation is given, and the card says none.
    :raises StatementError: the generation cannot have what the statement says.
    :raises TerminalConnectionError: the connection failed.
    """
    atr = bytes(connection.power_on())
    fci, _ = ask(connection, _select(SSSE_NAME))
    identification = _record(connection, IDENTIFICATION_TAG)
    if generation is None:
        found = find_generation(_record(connection, VERSION_TAG))
        if found is None:
            raise SubjectError("the card does not say its generation: name it")
        generation = found.number
    tries = _tries(connection)
    if statement is None:
        statement = _probed(connection, generation)
    profile = statement.profile(generation)
    code = fci_algorithm(parse_fci(fci))
    announced = ALGORITHM_OF_CODE.get(code[0]) if code else None
    algorithm = announced or profile.algorithms[0]
    return Subject(
        generation=generation,
        interface=interface,
        statement=statement,
        profile=profile,
        atr=atr,
        identification=identification,
        algorithm=algorithm,
        tries=tries,
        pin=pin,
        secrets=_secrets(store, algorithm, identification, atr),
        others=others or OtherSecrets(),
    )


def _secrets(
    store: KeyStore | None, algorithm: str, identification: bytes, atr: bytes
) -> CardSecrets | None:
    division, historical = identification[:3].hex(), historical_of(atr)
    if store is None or len(historical) != HISTORICAL_LENGTH or not division.isdecimal():
        return None
    return CardSecrets(store, algorithm, card_chain(division, historical))
