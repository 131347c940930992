# SPDX-License-Identifier: Apache-2.0
"""A holder's card between power-on and power-off, as every function of a terminal starts.

Power on, select SSSE, take the algorithm from the FCI, read who the card is from SSSE EF05; then
directories, challenges, authentications and the PIN (LD/T 32.5, 32.7; flows, 2.1 to 2.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Final

from sscard_chip.profile import Profile
from sscard_chip.profile.codec import decode_value
from sscard_chip.profile.generations import find_generation, generations, whole_profile
from sscard_chip.profile.model import FileDeclaration, Key, KeyUse
from sscard_chip.security.diversify import HISTORICAL_LENGTH
from sscard_chip.standard.commands import (
    CHANGE_PIN,
    EXTERNAL_AUTHENTICATE,
    GET_CHALLENGE,
    INTERNAL_AUTHENTICATE,
    READ_RECORD,
    SELECT,
    VERIFY,
)
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.identifiers import (
    ALGORITHM_OF_CODE,
    CARD_NUMBER_TAG,
    IDENTIFICATION_TAG,
    ISSUER_FILE,
    SSF33_CODE,
    SSSE,
    SSSE_NAME,
    VERSION_TAG,
)
from sscard_chip.standard.messages.directory import fci_algorithm, parse_fci
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import Answer, ApduClient
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.connection import Connection
from sscard_chip.terminal.placeholders import historical_bytes
from sscard_chip.terminal.psam_client import CardFactors

_BEIJING: Final = "11"

PIN_DIGITS: Final = range(4, 13)
"""What a terminal's PIN pad takes (LD/T 33); cards hold up to 16."""

Profiles = Callable[[int], Profile]
"""The profile of a generation, with a region's own files where it has some."""


@dataclass(slots=True, eq=False, repr=False)
class CardSession:
    """A powered card with SSSE selected. Built by :func:`open_session`.

    ``historical`` are the 13 historical bytes, ``identification`` is 卡识别码 (16 bytes),
    ``division`` its first 6 digits, ``directory`` the FID of the current DF. Commands that the
    card refuses raise CardStatusError.
    """

    client: ApduClient
    _: KW_ONLY
    historical: bytes
    identification: bytes
    version: str
    card_number: str
    algorithm_code: int
    profile: Profile
    directory: int = SSSE

    @property
    def division(self) -> str:
        """区划: six digits, the first three bytes of 卡识别码."""
        return self.identification[:3].hex()

    @property
    def generation(self) -> int:
        """Number of the generation, by 规范版本."""
        return self.profile.generation

    @property
    def algorithm(self) -> str:
        """``"3des"`` or ``"sm4"``.

        :raises DriverError: -2202 for SSF33, which is not public.
        """
        name = ALGORITHM_OF_CODE.get(self.algorithm_code)
        if name is None:
            raise DriverError(ReturnCode.PSAM_ALGORITHM, "the card's algorithm is not supported")
        return name

    @property
    def factors(self) -> CardFactors:
        """The card's diversification factors.

        :raises DriverError: -20 for a wrong 卡识别码.
        """
        try:
            return CardFactors.of(self.division, self.historical)
        except ValueError:
            raise DriverError(
                ReturnCode.CARD_ID_FORMAT, "卡识别码 does not begin with six digits"
            ) from None

    # --- directories and files ---------------------------------------------------------------

    def enter(self, directory: int) -> None:
        """Select a DF by its FID, SSSE by its name; nothing when it is current."""
        if directory == self.directory:
            return
        if directory == SSSE:
            self.client.require(SELECT, 0x04, 0x00, SSSE_NAME, 0)
        else:
            self.client.require(SELECT, data=directory.to_bytes(2), le=0)
        self.directory = directory

    def select_file(self, fid: int) -> None:
        """Select an EF of the current DF."""
        self.client.require(SELECT, 0x02, 0x00, fid.to_bytes(2))

    def file(self, directory: int, fid: int) -> FileDeclaration | None:
        """What the profile knows of a file, None when it has none such."""
        try:
            return self.profile.directory(directory).file(fid)
        except KeyError:
            return None

    def record(self, tag: int, *, sfi: int = 0, length: int = 0) -> bytes:
        """The value of the first record with a tag, of the current EF or by SFI."""
        le = length + 2 if length else 0
        return record_value(self.client.require(READ_RECORD, tag, sfi << 3, le=le), tag)

    # --- authentication ------------------------------------------------------------------------

    def key(self, kid: int, directory: int | None = None) -> Key:
        """The key that EXTERNAL AUTHENTICATE of ``kid`` means in a DF, by default the current.

        :raises DriverError: -27272 when the profile has none.
        """
        fid = (self.directory if directory is None else directory) if kid & 0x80 else SSSE
        for key in self.profile.directory(fid).keys:
            if key.kid == kid and key.use is KeyUse.EXTERNAL:
                return key
        raise DriverError(
            ReturnCode.KEY_NOT_FOUND, f"key {kid:02X} has no name in the card's profile"
        )

    def challenge(self) -> bytes:
        """GET CHALLENGE, 8 bytes; the last one counts."""
        value = self.client.require(GET_CHALLENGE, le=8)
        if len(value) != 8:
            raise DriverError(ReturnCode.COMMAND, "GET CHALLENGE gave another length than 8")
        return value

    def internal_authenticate(self, factor: bytes, original: bytes, version: int = 1) -> bytes:
        """INTERNAL AUTHENTICATE with 8 bytes each; 鉴别数据 of 8 bytes."""
        data = factor + original + _version(version)
        return self.client.require(INTERNAL_AUTHENTICATE, data=data, le=8)

    def external_authenticate(
        self, kid: int, proof: bytes, original: bytes, version: int = 1
    ) -> None:
        """EXTERNAL AUTHENTICATE with 8 bytes each."""
        self.client.require(EXTERNAL_AUTHENTICATE, 0x00, kid, proof + original + _version(version))

    # --- PIN ---------------------------------------------------------------------------------

    def pin_needed(self) -> bool:
        """Whether a PIN is set.

        :raises DriverError: -52 when it is locked.
        """
        remaining = self.client.send(VERIFY).pin_tries()
        if remaining == 0:
            raise _pin_error(remaining)
        return remaining is not None

    def verify_pin(self, digits: str) -> None:
        """VERIFY.

        :raises DriverError: -51 (wrong, tries left in the text) or -52 (locked).
        """
        _require_pin(self.client.send(VERIFY, data=bcd(digits)))

    def change_pin(self, old: str, new: str) -> None:
        """CHANGE PIN; ``old`` is empty when none is set. Errors as :meth:`verify_pin`."""
        _require_pin(self.client.send(CHANGE_PIN, data=bcd(old) + b"\xff" + bcd(new)))


def open_session(connection: Connection, profiles: Profiles = whole_profile) -> CardSession:
    """Power on the card in a slot and find out who it is.

    :raises DriverError: -1 when it is no social security card or of an unknown version, -20 when
        its 卡识别码 is not 16 bytes.
    :raises CardStatusError: it refuses a command, 6A81 when it is blocked.
    :raises TerminalConnectionError: the connection failed.
    """
    atr = connection.power_on()
    client = ApduClient(connection)
    answer = client.send(SELECT, 0x04, 0x00, SSSE_NAME, 0)
    if answer.sw == StatusWord.FILE_NOT_FOUND:
        raise DriverError(ReturnCode.CARD_TYPE, "the card is no social security card")
    fci = answer.required()
    sfi = ISSUER_FILE & 0x1F
    values = {
        tag: record_value(client.require(READ_RECORD, tag, sfi << 3, le=length + 2), tag)
        for tag, length in ((IDENTIFICATION_TAG, 16), (VERSION_TAG, 4), (CARD_NUMBER_TAG, 9))
    }
    identification = values[IDENTIFICATION_TAG]
    historical = historical_bytes(atr)
    if len(identification) != 16 or len(historical) != HISTORICAL_LENGTH:
        raise DriverError(ReturnCode.CARD_ID_FORMAT, "卡识别码 or 复位信息 has a wrong length")
    profile = _profile(values[VERSION_TAG], profiles)
    issuer = profile.environment.file(ISSUER_FILE).items
    texts = {
        item.tag: decode_value(item, values[item.tag]) for item in issuer if item.tag in values
    }
    return CardSession(
        client,
        historical=historical,
        identification=identification,
        version=texts[VERSION_TAG],
        card_number=texts[CARD_NUMBER_TAG],
        algorithm_code=_algorithm_code(fci, identification[:3].hex()),
        profile=profile,
    )


def _profile(version: bytes, profiles: Profiles) -> Profile:
    generation = find_generation(version)
    if generation is None:
        known = ", ".join(known.version for known in generations())
        raise DriverError(ReturnCode.CARD_TYPE, f"规范版本 of the card is none of {known}")
    return profiles(generation.number)


def _algorithm_code(fci: bytes, division: str) -> int:
    """01, 02 or 03: tag 86 of the issuer's data in the FCI (6F, A5, 9F0C); where there is none,
    SSF33 for Beijing and DES for the rest (LD/T 33, section 10.1)."""
    value = fci_algorithm(parse_fci(fci))
    if value:
        return value[0]
    return SSF33_CODE if division.startswith(_BEIJING) else 0x01


def record_value(record: bytes, tag: int) -> bytes:
    """The value of a linear record.

    :raises DriverError: -13 when it is not the TLV asked for.
    """
    if len(record) < 2 or record[0] != tag or len(record) < 2 + record[1]:
        raise DriverError(ReturnCode.COMMAND, f"the card gave no whole record {tag:02X}")
    return record[2 : 2 + record[1]]


def _require_pin(answer: Answer) -> None:
    remaining = answer.pin_tries()
    if remaining is not None:
        raise _pin_error(remaining)


def _pin_error(remaining: int) -> DriverError:
    if not remaining:
        return DriverError(ReturnCode.PIN_LOCKED, "the PIN is locked")
    return DriverError(ReturnCode.PIN_WRONG, f"the PIN is wrong, {remaining} tries left")


def _version(version: int) -> bytes:
    """The version byte of an authentication; version 1 needs none."""
    return b"" if version == 1 else bytes((version,))
