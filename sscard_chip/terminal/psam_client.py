# SPDX-License-Identifier: Apache-2.0
"""What a terminal asks of its PSAM (社会保障PSAM卡): proofs, MACs, enciphered PINs, purchases.

PSAM guide (part 9 of the draft of LD/T 32), sections 6 to 8. A PSAM holds keys of the ministry,
of a province or of a city; the terminal does not know of which and tries (section 8, way 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sscard_chip.applications.psam.keys import KeyType
from sscard_chip.profile.psam_keys import KEYS, SamKeyRow, key_file
from sscard_chip.security.diversify import card_factor, city_factor, province_factor
from sscard_chip.security.suite import SUITES, Suite, pad, pad_if_needed
from sscard_chip.standard.commands import (
    CIPHER_DATA,
    CREDIT_SAM_FOR_PURCHASE,
    DELIVERY_SESSION_KEY,
    INIT_SAM_FOR_MEDICAL_PURCHASE,
    READ_BINARY,
    SELECT,
    before_mac,
)
from sscard_chip.standard.errors import TerminalError
from sscard_chip.standard.identifiers import (
    ALGORITHM_3DES,
    ALGORITHM_SM4,
    PSAM_AID,
    PSAM_COUNTRY,
    PSAM_COUNTRY_KEYS,
    PSAM_NUMBER,
    PSAM_PUBLIC,
    PSAM_TERMINAL,
    SX1_NAME,
    SX3_NAME,
)
from sscard_chip.standard.keys import DPK
from sscard_chip.standard.messages import psam
from sscard_chip.standard.settlement_mode import Split
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import ApduClient, CardStatusError
from sscard_chip.terminal.connection import Connection, TerminalConnectionError

ENVIRONMENTS: Final = {ALGORITHM_3DES: SX1_NAME, ALGORITHM_SM4: SX3_NAME}
_ROWS: Final = {row.root: row for row in KEYS}
_COUNTS: Final = (1, 2, 3)  # factors for a PSAM of a city, a province, the ministry
_MAX_BLOCKS: Final = 8
# From a level's key file to its information file.
_INFORMATION: Final = PSAM_COUNTRY - PSAM_COUNTRY_KEYS

# A terminal cannot say from outside whether a key is of type 7 or 8, 6 or 8: D9 and the field
# differ (STK is 26/09 in the annex and 48/09 in programs) [M].
_PROOF: Final = (KeyType.ENCRYPTION, KeyType.MAC_AND_ENCRYPTION)
_MAC: Final = (KeyType.MAC_AND_ENCRYPTION, KeyType.MAC)
_BOTH: Final = (KeyType.MAC_AND_ENCRYPTION,)

_NOT_THIS_LEVEL: Final = (StatusWord.KEY_NOT_FOUND, StatusWord.WRONG_DATA)
_PURCHASE_LEVEL: Final = (*_NOT_THIS_LEVEL, StatusWord.WRONG_LENGTH)


class SamError(TerminalError):
    """The PSAM cannot help; one line without key or PIN."""


class SamEnvironmentError(SamError):
    """The PSAM has no environment for the card's algorithm."""


class SamKeyError(SamError):
    """The PSAM has no such key."""


class SamLevelError(SamError):
    """The PSAM has the key, at a level that no number of factors reaches."""


@dataclass(frozen=True, slots=True)
class CardFactors:
    """The factors of one card, 8 bytes each, in the order in which the PSAM wants them."""

    card: bytes
    city: bytes
    province: bytes

    @classmethod
    def of(cls, division: str, historical_bytes: bytes) -> CardFactors:
        """Of a card of a 6-digit division with 13 historical bytes.

        :raises ValueError:
        """
        return cls(card_factor(historical_bytes), city_factor(division), province_factor(division))

    def innermost(self, count: int) -> bytes:
        """The first ``count`` of card, city, province."""
        return b"".join((self.card, self.city, self.province)[:count])


@dataclass(frozen=True, slots=True)
class Mac1:
    """The answer of INIT SAM FOR PURCHASE: 终端交易序号 and MAC1, 4 bytes."""

    transaction_number: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class PurchaseRequest:
    """What INIT SAM FOR PURCHASE takes. ``random`` 4, ``number`` the card's 序号, ``kind`` the
    transaction type, ``time`` YYYYMMDDhhmmss; version and algorithm are those that the card gave.
    """

    random: bytes
    number: int
    amounts: Split
    kind: int
    time: str
    version: int
    algorithm: int

    def encode(self) -> bytes:
        """The data field before the factors, 28 bytes."""
        data: bytes = psam.INIT_PURCHASE.build(
            {
                "random": self.random,
                "number": self.number,
                **self.amounts._asdict(),
                "transaction_type": self.kind,
                "time": bytes.fromhex(self.time),
                "key_version": self.version,
                "algorithm": self.algorithm,
            }
        )
        return data


class SamClient:
    """A PSAM in a slot.

    Every method raises CardStatusError for a status word that it does not handle, and what the
    connection raises. After a broken connection the next :meth:`open` powers the PSAM on anew.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = ApduClient(connection)
        self._powered = False
        self._suite: Suite | None = None
        self._counts: dict[tuple[int, int], int] = {}
        self._last_count = _COUNTS[0]
        self._versions: dict[int, int] = {}

    def open(self, algorithm: str) -> None:
        """Enter the social application of an environment, ``"3des"`` or ``"sm4"``.

        :raises SamEnvironmentError: the PSAM has no such environment.
        """
        suite = SUITES.get(algorithm)
        if suite is None:
            raise SamEnvironmentError("no PSAM has an environment for this algorithm")
        if self._powered:
            try:
                self._enter(suite)
                return
            except TerminalConnectionError:  # pulled out and put back, perhaps another one
                self._powered = False
        self._forget()
        self._connection.power_on()
        self._enter(suite)
        self._powered = True

    def power_off(self) -> None:
        """Switch the PSAM off."""
        self._powered = False
        self._connection.power_off()

    # --- its files ---------------------------------------------------------------------------

    def terminal_id(self) -> str:
        """终端机编号 of file 0016, 12 digits. Selects the environment and DF01 again."""
        number: bytes = self._environment_file(PSAM_TERMINAL, psam.TERMINAL_FILE).terminal
        return number.hex().upper()

    def serial(self) -> str:
        """PSAM序列号 of file 0015, 20 digits. Selects the environment and DF01 again."""
        serial: bytes = self._environment_file(PSAM_PUBLIC, psam.PUBLIC).serial
        return serial.hex().upper()

    def transaction_number(self) -> int:
        """终端交易序号 of file 0019: the number that the next purchase will get."""
        return int(self._file(PSAM_NUMBER, psam.NUMBER_FILE).terminal_number)

    def purchase_key_index(self) -> int:
        """医疗消费密钥索引号 of file 001A, the country's."""
        return int(self._file(PSAM_COUNTRY, psam.APPLICATION).key_index)

    def key_version(self, root: str) -> int:
        """Version of an authentication key (鉴别密钥版本号), by the file of the key's level.

        Keys of which cards have fewer versions are there in the highest that cards have.
        """
        row = _row(root)
        fid = key_file(row) + _INFORMATION
        if fid not in self._versions:
            self._versions[fid] = self._file(fid, psam.APPLICATION).key_version
        return max(1, min(self._versions[fid], row.versions))

    # --- session keys --------------------------------------------------------------------------

    def authentication_data(
        self, root: str, factors: CardFactors, challenge: bytes, original: bytes
    ) -> bytes:
        """鉴别数据 of 8 bytes over ``original`` 8, session key from ``challenge`` 8.

        :raises SamKeyError: :raises SamLevelError: see the classes.
        """
        suite = self._deliver(root, factors, challenge, _PROOF)
        value = self._cipher(original.ljust(suite.block, b"\0"))
        if suite.block == 8:
            return value
        return (int.from_bytes(value[:8]) ^ int.from_bytes(value[8:])).to_bytes(8)

    def command_mac(
        self, root: str, factors: CardFactors, challenge: bytes, message: bytes
    ) -> bytes:
        """MAC of 4 bytes over a command (CLA to the last data byte), IV 0."""
        suite = self._deliver(root, factors, challenge, _MAC)
        return self._mac(suite, message)

    def enciphered_command(
        self, root: str, factors: CardFactors, challenge: bytes, header: bytes, plain: bytes
    ) -> bytes:
        """A whole command: ``header`` 4, Lc, ``plain`` enciphered with its length, MAC 4.

        One session key serves both calculations where the PSAM allows it; where it does not
        (6901) the same key is delivered once more.
        """
        suite = self._deliver(root, factors, challenge, _BOTH)
        block = pad_if_needed(bytes((len(plain),)) + plain, suite.block)
        enciphered = self._cipher(block)
        message = before_mac(header, enciphered)
        try:
            return message + self._mac(suite, message)
        except CardStatusError as error:
            if error.sw != StatusWord.INVALID_STATE:
                raise
        self._deliver(root, factors, challenge, _BOTH)
        return message + self._mac(suite, message)

    # --- purchases -----------------------------------------------------------------------------

    def init_purchase(self, request: PurchaseRequest, factors: CardFactors) -> Mac1:
        """INIT SAM FOR PURCHASE. The next command must be :meth:`credit`, or the key is gone.

        :raises SamKeyError: no purchase key of this version and algorithm.
        :raises SamLevelError: no number of factors fits.
        """
        slot = (KeyType.PURCHASE, 0)
        data = request.encode()
        seen = []
        for count in self._candidates(slot):
            fields = data + factors.innermost(count)
            answer = self._client.send(INIT_SAM_FOR_MEDICAL_PURCHASE, data=fields, le=0x08)
            if answer.ok and len(answer.data) == 8:
                self._remember(slot, count)
                found = psam.INIT_PURCHASE_ANSWER.parse(answer.data)
                return Mac1(found.terminal_number, found.MAC1)
            if answer.sw not in _PURCHASE_LEVEL:
                raise answer.refusal
            seen.append(answer.sw)
        raise _no_key(DPK, seen)

    def credit(self, mac2: bytes) -> bool:
        """CREDIT SAM FOR PURCHASE: whether the card's MAC2 (4 bytes) is right.

        A wrong one is 9302 in one part of the guide, 63CF in another: both are False.
        """
        answer = self._client.send(CREDIT_SAM_FOR_PURCHASE, data=mac2)
        if not answer.ok and answer.sw not in (StatusWord.MAC_INCORRECT, 0x63CF):
            raise answer.refusal
        return answer.ok

    # --- commands ------------------------------------------------------------------------------

    def _enter(self, suite: Suite) -> None:
        if not self._select(ENVIRONMENTS[suite.name]) or not self._select(PSAM_AID):
            raise SamEnvironmentError(f"the PSAM has no environment for {suite.name}")
        if suite is not self._suite:
            self._forget()
        self._suite = suite

    def _forget(self) -> None:
        self._counts.clear()
        self._versions.clear()

    def _select(self, name: bytes) -> bool:
        answer = self._client.send(SELECT, 0x04, 0x00, name, 0)
        if answer.sw == StatusWord.FILE_NOT_FOUND:
            return False
        answer.required()
        return True

    def _file(self, fid: int, layout: Any) -> Any:
        """A transparent file of the current directory, by its ``layout``."""
        length = layout.sizeof()
        self._client.require(SELECT, 0x02, 0x00, fid.to_bytes(2))
        data = self._client.require(READ_BINARY, le=length)
        if len(data) != length:
            raise SamError(f"file {fid:04X} of the PSAM has another length than {length}")
        return layout.parse(data)

    def _environment_file(self, fid: int, layout: Any) -> Any:
        """A file beside DF01; DF01 is current again afterwards."""
        name = ENVIRONMENTS[self._current().name]
        if not self._select(name):
            raise SamEnvironmentError("the PSAM has lost its environment")
        found = self._file(fid, layout)
        self._select(PSAM_AID)
        return found

    def _current(self) -> Suite:
        if self._suite is None:
            raise SamError("the PSAM is not open")
        return self._suite

    def _candidates(self, slot: tuple[int, int]) -> list[int]:
        """Numbers of factors to try, the likely one first."""
        likely = self._counts.get(slot, self._last_count)
        return sorted(_COUNTS, key=lambda count: count != likely)

    def _remember(self, slot: tuple[int, int], count: int) -> None:
        self._counts[slot] = self._last_count = count

    def _deliver(
        self, root: str, factors: CardFactors, challenge: bytes, types: tuple[KeyType, ...]
    ) -> Suite:
        """DELIVERY SESSION KEY, with every level and type until one is taken.

        A wrong level is 6A80 where the PSAM looks a key up by type and identifier, 6A88 where it
        looks for the whole byte 用途: both mean "try the next" [M].
        """
        suite, row = self._current(), _row(root)
        ordered = sorted(types, key=lambda kind: kind is not row.type)
        factor = challenge.ljust(suite.block, b"\0")
        seen = []
        for kind in ordered:
            slot = (kind, row.identifier)
            for count in self._candidates(slot):
                data = factors.innermost(count) + factor
                answer = self._client.send(
                    DELIVERY_SESSION_KEY, count << 5 | kind, row.identifier, data
                )
                if answer.ok:
                    self._remember(slot, count)
                    return suite
                if answer.sw not in _NOT_THIS_LEVEL:
                    raise answer.refusal
                seen.append(answer.sw)
        raise _no_key(root, seen)

    def _cipher(self, blocks: bytes) -> bytes:
        """CIPHER DATA, encryption in one command."""
        return self._client.require(CIPHER_DATA, data=blocks, le=0)

    def _mac(self, suite: Suite, message: bytes) -> bytes:
        """CIPHER DATA, MAC: one command, or a chain for more than the blocks of one."""
        data = bytes(suite.block) + pad(message, suite.block)
        size = _MAX_BLOCKS * suite.block
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        if len(parts) == 1:
            return self._client.require(CIPHER_DATA, 0x05, 0x00, parts[0], 0x04)
        for number, part in enumerate(parts[:-1]):
            self._client.require(CIPHER_DATA, 0x03 if number else 0x07, 0x00, part)
        return self._client.require(CIPHER_DATA, 0x01, 0x00, parts[-1], 0x04)


def _row(root: str) -> SamKeyRow:
    row = _ROWS.get(root)
    if row is None:
        raise SamKeyError(f"no identifier of {root} on a PSAM is known")
    return row


def _no_key(root: str, seen: list[int]) -> SamError:
    if all(sw == StatusWord.KEY_NOT_FOUND for sw in seen):
        return SamKeyError(f"the PSAM has no key {root}")
    return SamLevelError(f"the PSAM takes no number of factors for {root}")
