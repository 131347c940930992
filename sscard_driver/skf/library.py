# SPDX-License-Identifier: Apache-2.0
"""The functions of GM/T 0016 over a card: handles, one method for each function.

SKF_DevAuth is the card's EXTERNAL AUTHENTICATE with the master key of the directory in which one
is: after SKF_ConnectDev that is the environment. A program that works with GmSSL's ``skfutil``
sends 8 random bytes, filled with 00, which is just what the card takes.
"""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from sscard_chip.card import NotPoweredError
from sscard_chip.faults import describe_fault
from sscard_chip.profile.pki import (
    CERTIFICATE_SIZE,
    DEFAULT_ADMINISTRATOR_PIN,
    DEFAULT_USER_PIN,
    PIN_TRIES,
)
from sscard_chip.security.sm2 import DIGEST_LENGTH, Sm2PublicKey
from sscard_chip.security.suite import SM4_SUITE
from sscard_chip.standard.dates import is_digits
from sscard_chip.standard.identifiers import (
    CERTIFICATE_NAME,
    ENCRYPTION_CERTIFICATE,
    ENCRYPTION_PUBLIC_KEY,
    SIGNATURE_CERTIFICATE,
    SIGNATURE_PUBLIC_KEY,
)
from sscard_chip.terminal.connection import Connection, NoCardError, TerminalConnectionError
from sscard_chip.terminal.pki import EnvelopedKey, PkiClient, PkiHolder
from sscard_chip.terminal.pki.blob import BLOB_LENGTH, SGD_SM4_ECB
from sscard_chip.terminal.pki.client import pin_bytes
from sscard_chip.terminal.placeholders import historical_bytes
from sscard_driver.skf.codes import Sar, SkfError, answer_of
from sscard_driver.skf.memory import SkfValue, give, names
from sscard_driver.terminal import SharedTerminal

_LOG: Final = logging.getLogger(__name__)

APPLICATION: Final = CERTIFICATE_NAME.decode()
CONTAINER: Final = "SS.CERT"
_SM2: Final = (0x0002_0100, 0x0002_0200)
_SM3: Final = 0x0000_0001
_ECC: Final = 2
_ABSENT, _PRESENT = 0, 1
_MAKER: Final = "sscard-chip"
_INFO: Final = struct.Struct("<2s64s64s32s32s2s2s8I64x")
_VERSION: Final = bytes((1, 0))
_BITS, _COORDINATE = 256, 64
_PUBLIC_BLOB: Final = struct.Struct("<I64s64s")
_PARAMETER: Final = struct.Struct("<32sIII")
_HOLDERS: Final = {0: PkiHolder.ADMINISTRATOR, 1: PkiHolder.USER}
_DEFAULTS: Final = {
    PkiHolder.ADMINISTRATOR: DEFAULT_ADMINISTRATOR_PIN,
    PkiHolder.USER: DEFAULT_USER_PIN,
}
_BLOCK: Final = 16
_MOST_BYTES: Final = 4096
_FOR_EVER: Final = int.from_bytes(b"\xff" * 4)
"""As a time-out: INFINITE."""
_CHALLENGES: Final = (16, 8, 4)


@dataclass(frozen=True, slots=True, eq=False)
class _Device:
    """A connected device; ``default_pins`` are those that have been proven to be of delivery."""

    name: str
    client: PkiClient
    connection: Connection
    default_pins: set[PkiHolder]


@dataclass(frozen=True, slots=True, eq=False)
class _Application:
    device: _Device


@dataclass(frozen=True, slots=True, eq=False)
class _Container:
    device: _Device


@dataclass(slots=True, eq=False, repr=False)
class _SymmetricKey:
    device: _Device
    key: bytes
    ready: bool = False


_Object = TypeVar("_Object", _Device, _Application, _Container, _SymmetricKey)


class SkfLibrary:
    """The library of one process over the terminal that its libraries share."""

    def __init__(self, terminal: SharedTerminal) -> None:
        self._terminal = terminal
        self._objects: dict[int, object] = {}
        self._next = 1
        self._lock = threading.RLock()
        self._unlocked = threading.Condition(self._lock)
        self._owner: _Device | None = None

    def call(self, name: str, values: Sequence[SkfValue]) -> int:
        """Run a function; its answer. Never raises, but for what ends the interpreter."""
        method: Callable[..., None] = getattr(self, f"_{name.removeprefix('SKF_').lower()}")
        try:
            with self._lock:
                if method == self._lockdev:
                    self._wait(*values)
                with self._terminal.used_by(self):
                    method(*values)
        except (NotPoweredError, NoCardError):
            return int(Sar.DEVICE_REMOVED)
        except Exception as error:
            answer = answer_of(error)
            if answer is Sar.UNKNOWNERR:
                _LOG.error("%s: %s", name, describe_fault(error))
            return int(answer)
        return int(Sar.OK)

    # --- handles ------------------------------------------------------------------------------

    def _new(self, made: object) -> int:
        handle, self._next = self._next, self._next + 1
        self._objects[handle] = made
        return handle

    def _get(self, value: SkfValue, kind: type[_Object]) -> _Object:
        found = self._objects.get(value.handle)
        if not isinstance(found, kind):
            raise SkfError(Sar.INVALIDHANDLEERR)
        device = found if isinstance(found, _Device) else found.device
        if self._owner not in (None, device):
            raise SkfError(Sar.FAIL)
        return found

    def _forget(self, value: SkfValue, kind: type[_Object]) -> None:
        self._get(value, kind)
        del self._objects[value.handle]

    # --- the device ---------------------------------------------------------------------------

    def _device_name(self) -> str:
        """How the device is called: by its reader, or by its image."""
        options = self._terminal.options()
        return options.reader or Path(options.card or "").name

    def _connection(self) -> Connection:
        slots = self._terminal.open().slots
        connection = slots.contact or slots.contactless
        if connection is None:
            raise SkfError(Sar.DEVICE_REMOVED)
        return connection

    def _is_there(self) -> bool:
        """Whether a card is there; one that is in use stays as it is."""
        if any(isinstance(one, _Device) for one in self._objects.values()):
            return True
        try:
            connection = self._connection()
            connection.power_on()
            connection.power_off()
        except TerminalConnectionError:
            return False
        return True

    def _enumdev(self, present: SkfValue, found: SkfValue, size: SkfValue) -> None:
        absent = present.number and not self._is_there()
        give(names(*(() if absent else (self._device_name(),))), found, size)

    def _getdevstate(self, name: SkfValue, state: SkfValue) -> None:
        there = name.text() == self._device_name() and self._is_there()
        state.write_number(_PRESENT if there else _ABSENT)

    def _connectdev(self, name: SkfValue, handle: SkfValue) -> None:
        wanted = name.text()
        if wanted != self._device_name():
            raise SkfError(Sar.INVALIDPARAMERR)
        others = [one for one in self._objects.values() if isinstance(one, _Device)]
        if others:
            first = others[0]
            device = _Device(wanted, first.client, first.connection, first.default_pins)
        else:
            connection = self._connection()
            connection.power_on()
            client = PkiClient(connection)
            client.select_environment()
            device = _Device(wanted, client, connection, set())
        handle.write_handle(self._new(device))

    def _disconnectdev(self, handle: SkfValue) -> None:
        device = self._get(handle, _Device)
        self._release(device)
        self._objects = {
            number: one
            for number, one in self._objects.items()
            if one is not device and getattr(one, "device", None) is not device
        }
        if not any(isinstance(one, _Device) for one in self._objects.values()):
            device.connection.power_off()

    def _getdevinfo(self, handle: SkfValue, info: SkfValue) -> None:
        device = self._get(handle, _Device)
        serial = historical_bytes(device.connection.atr)[-8:].hex().upper()
        texts = (_MAKER, _MAKER, APPLICATION, serial)
        info.write(
            _INFO.pack(
                _VERSION,
                *(text.encode() for text in texts),
                _VERSION,
                _VERSION,
                SGD_SM4_ECB,
                _SM2[1],
                _SM3,
                SGD_SM4_ECB,
                2 * CERTIFICATE_SIZE,
                0,  # none is left for files of a program
                DIGEST_LENGTH,
                _MOST_BYTES,
            )
        )

    def _in_application(self, device: _Device) -> bool:
        """Whether the application is open: only then reading changes no selection."""
        return any(
            isinstance(one, _Application) and one.device.client is device.client
            for one in self._objects.values()
        )

    def _wait(self, handle: SkfValue, timeout: SkfValue) -> None:
        """Until no other handle has the device, or the time is over."""
        device = self._objects.get(handle.handle)
        seconds = None if timeout.number == _FOR_EVER else timeout.number / 1000
        if not self._unlocked.wait_for(lambda: self._owner in (None, device), seconds):
            raise SkfError(Sar.TIMEOUTERR)

    def _lockdev(self, handle: SkfValue, timeout: SkfValue) -> None:
        self._owner = self._get(handle, _Device)

    def _unlockdev(self, handle: SkfValue) -> None:
        self._release(self._get(handle, _Device))

    def _release(self, device: _Device) -> None:
        if self._owner is device:
            self._owner = None
            self._unlocked.notify_all()

    def _devauth(self, handle: SkfValue, data: SkfValue, length: SkfValue) -> None:
        device = self._get(handle, _Device)
        if length.number != _BLOCK:
            raise SkfError(Sar.INDATALENERR)
        device.client.answer_challenge(data.read(_BLOCK))

    def _genrandom(self, handle: SkfValue, place: SkfValue, length: SkfValue) -> None:
        device = self._get(handle, _Device)
        wanted = length.number
        if not 0 < wanted <= _MOST_BYTES:
            raise SkfError(Sar.INDATALENERR)
        found = b""
        while len(found) < wanted:
            left = wanted - len(found)
            found += device.client.challenge(next((n for n in _CHALLENGES if n <= left), 4))
        place.write(found[:wanted])

    # --- PINs ---------------------------------------------------------------------------------

    @staticmethod
    def _holder(kind: SkfValue) -> PkiHolder:
        holder = _HOLDERS.get(kind.number)
        if holder is None:
            raise SkfError(Sar.USER_TYPE_INVALID)
        return holder

    @staticmethod
    def _pin(value: SkfValue) -> bytes:
        digits = value.text()
        if not is_digits(digits, *range(4, 17)):
            raise SkfError(Sar.PIN_INVALID)
        return pin_bytes(digits)

    @staticmethod
    def _judge(left: int | None, count: SkfValue) -> None:
        count.write_number(PIN_TRIES if left is None else left)
        if left is not None:
            raise SkfError(Sar.PIN_INCORRECT if left else Sar.PIN_LOCKED)

    def _verifypin(self, handle: SkfValue, kind: SkfValue, pin: SkfValue, count: SkfValue) -> None:
        device, holder = self._get(handle, _Application).device, self._holder(kind)
        typed = self._pin(pin)
        self._judge(device.client.verify(typed, holder), count)
        device.default_pins.discard(holder)
        if typed == _DEFAULTS[holder]:
            device.default_pins.add(holder)

    def _changepin(
        self, handle: SkfValue, kind: SkfValue, old: SkfValue, new: SkfValue, count: SkfValue
    ) -> None:
        device, holder = self._get(handle, _Application).device, self._holder(kind)
        before, after = self._pin(old), self._pin(new)
        self._judge(device.client.change_pin(before, after, holder), count)
        device.default_pins.discard(holder)

    def _getpininfo(
        self, handle: SkfValue, kind: SkfValue, most: SkfValue, left: SkfValue, default: SkfValue
    ) -> None:
        device, holder = self._get(handle, _Application).device, self._holder(kind)
        left.write_number(device.client.tries(holder))
        most.write_number(PIN_TRIES)
        default.write_number(holder in device.default_pins)

    def _clearsecurestate(self, handle: SkfValue) -> None:
        self._get(handle, _Application).device.client.select()

    # --- application and container ------------------------------------------------------------

    def _enumapplication(self, handle: SkfValue, found: SkfValue, size: SkfValue) -> None:
        self._get(handle, _Device)
        give(names(APPLICATION), found, size)

    def _openapplication(self, handle: SkfValue, name: SkfValue, made: SkfValue) -> None:
        device = self._get(handle, _Device)
        if name.text() != APPLICATION:
            raise SkfError(Sar.APPLICATION_NOT_EXISTS)
        if not self._in_application(device):
            device.client.select()
        made.write_handle(self._new(_Application(device)))

    def _closeapplication(self, handle: SkfValue) -> None:
        device = self._get(handle, _Application).device
        self._forget(handle, _Application)
        if not self._in_application(device):
            device.client.select_environment()

    def _enumcontainer(self, handle: SkfValue, found: SkfValue, size: SkfValue) -> None:
        self._get(handle, _Application)
        give(names(CONTAINER), found, size)

    def _opencontainer(self, handle: SkfValue, name: SkfValue, made: SkfValue) -> None:
        application = self._get(handle, _Application)
        if name.text() != CONTAINER:
            raise SkfError(Sar.FILE_NOT_EXIST)
        made.write_handle(self._new(_Container(application.device)))

    def _closecontainer(self, handle: SkfValue) -> None:
        self._forget(handle, _Container)

    def _getcontainertype(self, handle: SkfValue, kind: SkfValue) -> None:
        self._get(handle, _Container)
        kind.write_number(_ECC)

    # --- certificates and keys ----------------------------------------------------------------

    def _client(self, handle: SkfValue) -> PkiClient:
        """The card behind a container, whose application must still be open."""
        device = self._get(handle, _Container).device
        if not self._in_application(device):
            raise SkfError(Sar.INVALIDHANDLEERR)
        return device.client

    def _importcertificate(
        self, handle: SkfValue, signs: SkfValue, der: SkfValue, length: SkfValue
    ) -> None:
        client = self._client(handle)
        if not 0 < length.number <= CERTIFICATE_SIZE:
            raise SkfError(Sar.INDATALENERR)
        client.write_certificate(_certificate(signs), der.read(length.number))

    def _exportcertificate(
        self, handle: SkfValue, signs: SkfValue, place: SkfValue, size: SkfValue
    ) -> None:
        der = self._client(handle).certificate(_certificate(signs))
        if not der:
            raise SkfError(Sar.CERTNOTFOUNTERR)
        give(der, place, size)

    def _exportpublickey(
        self, handle: SkfValue, signs: SkfValue, place: SkfValue, size: SkfValue
    ) -> None:
        fid = SIGNATURE_PUBLIC_KEY if signs.number else ENCRYPTION_PUBLIC_KEY
        give(_blob_of(self._client(handle).public_key(fid)), place, size)

    def _genecckeypair(self, handle: SkfValue, algorithm: SkfValue, blob: SkfValue) -> None:
        client = self._client(handle)
        if algorithm.number not in _SM2:
            raise SkfError(Sar.NOTSUPPORTYETERR)
        client.generate()
        blob.write(_blob_of(client.public_key()))

    def _importecckeypair(self, handle: SkfValue, blob: SkfValue) -> None:
        self._client(handle).import_pair(EnvelopedKey.parse(blob.read(BLOB_LENGTH)))

    def _eccsigndata(
        self, handle: SkfValue, data: SkfValue, length: SkfValue, place: SkfValue
    ) -> None:
        client = self._client(handle)
        if length.number != DIGEST_LENGTH:
            raise SkfError(Sar.INDATALENERR)
        signature = client.sign_digest(data.read(DIGEST_LENGTH))
        halves = (signature[:32], signature[32:])
        place.write(b"".join(half.rjust(_COORDINATE, b"\0") for half in halves))

    def _eccverify(
        self, handle: SkfValue, key: SkfValue, data: SkfValue, length: SkfValue, given: SkfValue
    ) -> None:
        self._get(handle, _Device)
        bits, x, y = _PUBLIC_BLOB.unpack(key.read(_PUBLIC_BLOB.size))
        signature = given.read(2 * _COORDINATE)
        if bits != _BITS or length.number != DIGEST_LENGTH:
            raise SkfError(Sar.INDATALENERR)
        public = Sm2PublicKey(x[32:] + y[32:])
        heads = x[:32] + y[:32] + signature[:32] + signature[64:96]
        whole = signature[32:64] + signature[96:]
        if any(heads) or not public.verify_digest(data.read(DIGEST_LENGTH), whole):
            raise SkfError(Sar.FAIL)

    # --- SM4, for the proof of a device ---------------------------------------------------------

    def _setsymmkey(
        self, handle: SkfValue, key: SkfValue, algorithm: SkfValue, made: SkfValue
    ) -> None:
        device = self._get(handle, _Device)
        if algorithm.number != SGD_SM4_ECB:
            raise SkfError(Sar.NOTSUPPORTYETERR)
        made.write_handle(self._new(_SymmetricKey(device, key.read(_BLOCK))))

    def _encryptinit(self, handle: SkfValue, parameter: SkfValue) -> None:
        key = self._get(handle, _SymmetricKey)
        _, iv_length, padding, _ = _PARAMETER.unpack(parameter.read(_PARAMETER.size))
        if iv_length or padding:
            raise SkfError(Sar.NOTSUPPORTYETERR)
        key.ready = True

    def _encrypt(
        self, handle: SkfValue, data: SkfValue, length: SkfValue, place: SkfValue, size: SkfValue
    ) -> None:
        key = self._get(handle, _SymmetricKey)
        if not key.ready:
            raise SkfError(Sar.FAIL)
        if length.number == 0 or length.number % _BLOCK or length.number > _MOST_BYTES:
            raise SkfError(Sar.INDATALENERR)
        give(SM4_SUITE.encryptor(key.key)(data.read(length.number)), place, size)

    def _closehandle(self, handle: SkfValue) -> None:
        self._forget(handle, _SymmetricKey)


def _certificate(signs: SkfValue) -> int:
    return SIGNATURE_CERTIFICATE if signs.number else ENCRYPTION_CERTIFICATE


def _blob_of(key: Sm2PublicKey | None) -> bytes:
    """ECCPUBLICKEYBLOB of a key, which must be there."""
    if key is None:
        raise SkfError(Sar.KEYNOTFOUNTERR)
    x, y = (key.value[at : at + 32].rjust(_COORDINATE, b"\0") for at in (0, 32))
    return _PUBLIC_BLOB.pack(_BITS, x, y)
