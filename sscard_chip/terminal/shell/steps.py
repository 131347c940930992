# SPDX-License-Identifier: Apache-2.0
"""What the commands of the shell send: each is a generator of APDUs that gets their answers.

A generator returns the status word that counts as the command's. LD/T 32.5.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from os import urandom
from typing import Final, TypeAlias

from sscard_chip.profile.model import FileDeclaration, Structure
from sscard_chip.standard.commands import (
    CHANGE_PIN,
    EXTERNAL_AUTHENTICATE,
    GET_BALANCE,
    GET_CHALLENGE,
    GET_TRANSACTION_PROOF,
    INTERNAL_AUTHENTICATE,
    READ_BINARY,
    READ_RECORD,
    SELECT,
    UPDATE_BINARY,
    UPDATE_RECORD,
    VERIFY,
)
from sscard_chip.standard.dates import bcd, is_digits
from sscard_chip.standard.identifiers import EF
from sscard_chip.standard.status import StatusWord
from sscard_chip.terminal.client import Answer
from sscard_chip.terminal.shell import commands
from sscard_chip.terminal.shell.commands import Append, Bytes, Named, RecordNumber, Tag, Whole, Word
from sscard_chip.terminal.shell.grammar import PIN_DIGITS, is_hex
from sscard_chip.terminal.shell.keys import CardKeyStore
from sscard_chip.terminal.shell.names import (
    Names,
    UnknownNameError,
    encode_record_value,
    field_values,
)

_DONE: Final = StatusWord.SUCCESS
_CHUNK: Final = 256
_MOST_RECORDS: Final = 254
_BY_NUMBER, _FIRST_OF_TAG, _PREVIOUS = 4, 0, 3
_RAW_VALUE: Final = "hex:"
_FACTOR_LENGTH: Final = 8


Steps: TypeAlias = Generator[bytes, Answer, int]


@dataclass(slots=True)
class Context:
    """What a command can lean on; ``say`` takes a line for the person, ``ask`` a question."""

    names: Names
    keys: CardKeyStore | None
    say: Callable[[str], None]
    ask: Callable[[str], str] | None
    random: Callable[[int], bytes] = urandom


def steps(command: commands.CardCommand, context: Context) -> Steps:
    """The exchanges of a command.

    :raises UnknownNameError: from the generator, for names that mean nothing here.
    :raises ItemValueError: for a value that its item cannot hold.
    :raises KeyStoreError: when the key store lacks a key.
    """
    match command:
        case commands.Apdu():
            return _once(command.command)
        case commands.Composed():
            return _once(_composed(command, context.names))
        case commands.Select():
            return _select(command, context.names)
        case commands.Read():
            return _read(command, context.names)
        case commands.Update():
            return _update(command, context.names)
        case commands.Verify():
            pin = _asked(context, "PIN: ") if command.pin is None else command.pin
            return _once(_apdu(VERIFY.header(), bcd(pin)))
        case commands.ChangePin():
            return _once(_apdu(CHANGE_PIN.header(), _both_pins(command, context)))
        case commands.Challenge():
            return _once(GET_CHALLENGE.header() + bytes((command.length,)))
        case commands.ExternalAuthentication():
            return _external(command, context)
        case commands.InternalAuthentication():
            return _internal(command, context)
        case commands.Balance():
            return _once(
                GET_BALANCE.header(0, command.kind) + bytes((4 if command.kind == 1 else 6,))
            )
        case commands.GetProof():
            header = GET_TRANSACTION_PROOF.header(0, command.kind)
            return _once(_apdu(header, command.number.to_bytes(2)))


def _apdu(header: bytes, data: bytes) -> bytes:
    """Lc stands also in front of no data: VERIFY with Lc 00 asks for the state."""
    return header + bytes((len(data),)) + data


def _once(apdu: bytes) -> Steps:
    answer = yield apdu
    return answer.sw


def _composed(command: commands.Composed, names: Names) -> bytes:
    place = command.place
    if isinstance(place, Word):
        place = names.key_place(place)
    data = names.data(command.data)
    header = bytes((command.cla, command.ins)) + place
    body = bytes((len(data),)) + data if data else b""
    return header + body + (b"" if command.le is None else bytes((command.le,)))


def _select(command: commands.Select, names: Names) -> Steps:
    sw: int = _DONE
    for word in command.path:
        target = names.target(word)
        answer = yield _apdu(SELECT.header(target.p1), target.data)
        sw = answer.sw
        if sw != _DONE:
            break
    return sw


# --- reading ------------------------------------------------------------------------------------


def _read(command: commands.Read, names: Names) -> Steps:
    which = command.which
    if command.file is None and isinstance(which, Named):
        named = names.find_file(which.name)
        if named is None:
            file, item = names.find_item(which.name)
            sfi = 0 if file is names.current else names.sfi(file)
            return _once(_read_record(sfi, item.tag, _FIRST_OF_TAG))
        command = commands.Read(which.name, Whole())
    sfi, declared = names.file(command.file)
    transparent = declared is not None and declared.structure is Structure.TRANSPARENT
    match command.which:
        case RecordNumber(number):
            return _once(_read_record(sfi, number, _BY_NUMBER))
        case Tag(tag):
            return _once(_read_record(sfi, tag, _FIRST_OF_TAG))
        case Named(name):
            item = names.item(_declared(declared), name)
            if not item.tag:
                raise UnknownNameError("records of a cyclic file have numbers, 1 is the newest")
            return _once(_read_record(sfi, item.tag, _FIRST_OF_TAG))
        case Bytes(offset, length):
            return _read_bytes(sfi, offset, length)
        case _:
            return _read_bytes(sfi, 0, 0) if transparent else _read_records(sfi)


def _declared(file: FileDeclaration | None) -> FileDeclaration:
    if file is None:
        raise UnknownNameError("not a known file here: select its directory, or use tags and hex:")
    return file


def _read_record(sfi: int, p1: int, mode: int) -> bytes:
    return READ_RECORD.header(p1, sfi << 3 | mode) + b"\x00"


def _read_records(sfi: int) -> Steps:
    """Record by record, up to the first that is not there."""
    for number in range(1, _MOST_RECORDS + 1):
        answer = yield _read_record(sfi, number, _BY_NUMBER)
        if answer.sw != _DONE:
            # An empty file has no first record; behind others their end is no failure.
            end = number > 1 and answer.sw == StatusWord.RECORD_NOT_FOUND
            return _DONE if end else answer.sw
    return _DONE


def _select_sfi(sfi: int) -> bytes:
    return _apdu(SELECT.header(0x02), (EF | sfi).to_bytes(2))


def _read_bytes(sfi: int, offset: int, length: int) -> Steps:
    """READ BINARY in pieces of 256 bytes; ``length`` 0 reads up to the end of the file."""
    if sfi and offset > 0xFF:
        answer = yield _select_sfi(sfi)
        if answer.sw != _DONE:
            return answer.sw
        sfi = 0
    start, end = offset, offset + length
    while not length or offset < end:
        wanted = min(end - offset, _CHUNK) if length else _CHUNK
        place = bytes((0x80 | sfi, offset)) if sfi else offset.to_bytes(2)
        answer = yield READ_BINARY.code + place + bytes((wanted % _CHUNK,))
        if answer.sw != _DONE:
            end_of_file = offset > start and answer.sw == StatusWord.WRONG_OFFSET
            return _DONE if end_of_file else answer.sw
        offset += len(answer.data)
        if len(answer.data) < wanted or offset > 0x7FFF:
            break
        sfi = 0  # the file is the current one now
    return _DONE


# --- writing ------------------------------------------------------------------------------------


def _update(command: commands.Update, names: Names) -> Steps:
    sfi, declared = names.file(command.file)
    text = " ".join(word.text for word in command.values)
    match command.which:
        case Append():
            p1, mode, record = 0, _PREVIOUS, _new_record(declared, command.values, text)
        case Bytes(offset, length):
            if length:
                raise UnknownNameError("update FILE bytes OFFSET HEX: no length")
            return _update_bytes(sfi, offset, _hex_value(text))
        case RecordNumber(number):
            p1, mode = number, _BY_NUMBER
            record = _raw_value(text) or _numbered_record(declared, number, text)
        case Tag(tag):
            p1, mode = tag, _FIRST_OF_TAG
            name = Word(f"{tag:02X}")
            record = _raw_value(text) or encode_record_value(
                names.item(_declared(declared), name), text
            )
        case Named(name):
            item = names.item(_declared(declared), name)
            p1, mode = item.tag, _FIRST_OF_TAG
            record = _raw_value(text) or encode_record_value(item, text)
        case _:
            raise UnknownNameError("update FILE WHICH VALUE")
    return _once(_apdu(UPDATE_RECORD.header(p1, sfi << 3 | mode), record))


def _raw_value(text: str) -> bytes:
    """The bytes of ``hex:0709...``, a record with tag and length; else none."""
    return _hex_value(text.removeprefix(_RAW_VALUE)) if text.startswith(_RAW_VALUE) else b""


def _hex_value(text: str) -> bytes:
    digits = "".join(text.split())
    if not is_hex(digits):
        raise UnknownNameError("the value is hexadecimal, two digits a byte")
    if len(digits) > 2 * 255:
        raise UnknownNameError("the value is at most 255 bytes")
    return bytes.fromhex(digits)


def _numbered_record(file: FileDeclaration | None, number: int, text: str) -> bytes:
    items = _declared(file).items
    if number > len(items) or not items[number - 1].tag:
        raise UnknownNameError(f"no item stands in record {number}: use a hex: value")
    return encode_record_value(items[number - 1], text)


def _new_record(file: FileDeclaration | None, words: tuple[Word, ...], text: str) -> bytes:
    return _raw_value(text) or field_values(_declared(file).items, words)


def _update_bytes(sfi: int, offset: int, data: bytes) -> Steps:
    if sfi and offset > 0xFF:
        answer = yield _select_sfi(sfi)
        if answer.sw != _DONE:
            return answer.sw
        sfi = 0
    place = bytes((0x80 | sfi, offset)) if sfi else offset.to_bytes(2)
    answer = yield _apdu(UPDATE_BINARY.code + place, data)
    return answer.sw


# --- PIN and authentication ---------------------------------------------------------------------


def _asked(context: Context, question: str) -> str:
    if context.ask is None:
        raise UnknownNameError("nobody is there to be asked for a PIN")
    pin = context.ask(question)
    if not is_digits(pin, *range(PIN_DIGITS[0], PIN_DIGITS[1] + 1)):
        raise UnknownNameError(f"a PIN is {PIN_DIGITS[0]} to {PIN_DIGITS[1]} digits")
    return pin


def _both_pins(command: commands.ChangePin, context: Context) -> bytes:
    old, new = command.pins or (_asked(context, "old PIN: "), _asked(context, "new PIN: "))
    return bcd(old) + b"\xff" + bcd(new)


def _external(command: commands.ExternalAuthentication, context: Context) -> Steps:
    """The card's random of 8 bytes makes the session key, ours is the original information."""
    if context.keys is None:
        raise UnknownNameError(_NO_KEYS)
    key = context.names.external_key(command.key).key
    answer = yield GET_CHALLENGE.header() + bytes((_FACTOR_LENGTH,))
    if answer.sw != _DONE or len(answer.data) != _FACTOR_LENGTH:
        return answer.sw
    original = context.random(_FACTOR_LENGTH)
    version = command.version or 1
    data = context.keys.authentication_data(key.root, version, answer.data, original) + original
    data += bytes((command.version,)) if command.version else b""
    answer = yield _apdu(EXTERNAL_AUTHENTICATE.header(0, key.kid), data)
    return answer.sw


def _internal(command: commands.InternalAuthentication, context: Context) -> Steps:
    factor, original = context.random(_FACTOR_LENGTH), context.random(_FACTOR_LENGTH)
    version = bytes((command.version,)) if command.version else b""
    answer = yield _apdu(INTERNAL_AUTHENTICATE.header(), factor + original + version)
    if answer.sw == _DONE and context.keys is not None:
        root = context.names.internal_key().key.root
        keys, wanted = context.keys, command.version or 1
        right = keys.authentication_data(root, wanted, factor, original) == answer.data
        context.say(f"  {root}: the card is {'genuine' if right else 'NOT genuine'}")
    return answer.sw


_NO_KEYS: Final = "the keys of this card are not known: start with --keys, on an issued card"
