# SPDX-License-Identifier: Apache-2.0
"""GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE, VERIFY (EMV book 3, section 6.5)."""

from __future__ import annotations

import logging
from dataclasses import replace
from hmac import compare_digest
from typing import Final

from sscard_chip.apdu.command import Command
from sscard_chip.apdu.session import Session
from sscard_chip.applications.bank.application import PRIVATE_KEY_FID, BankApplication, current
from sscard_chip.applications.bank.data import DYNAMIC_SCHEME, Flags
from sscard_chip.applications.bank.risk import Action, default_action
from sscard_chip.applications.bank.states import PaymentTransaction
from sscard_chip.filesystem.layout import ApplicationState
from sscard_chip.filesystem.tlv import dol_length, parse_dol, tlv
from sscard_chip.memory.cells import READ
from sscard_chip.security.keys import PinRecord
from sscard_chip.security.oda.model import DYNAMIC_NUMBER_LENGTH, OdaError
from sscard_chip.security.oda.rsa import RsaPrivateKey
from sscard_chip.security.oda.schemes import SCHEMES
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.keys import USE_CRYPTOGRAM
from sscard_chip.standard.status import StatusError, StatusWord

_RSA: Final = 0x01
SCHEME_CODES: Final = {_RSA: "rsa", 0x04: "sm2"}
"""What signs dynamic data, by the code in the data file [L]."""

_CHALLENGE_LENGTH: Final = 8
_ANY_LENGTH: Final = 256
_ISSUER_DATA_LENGTH: Final = 10
_PLAIN_PIN, _ENCIPHERED_PIN = 0x80, 0x88
_PIN_BLOCK: Final = 8
_PIN_CONTROL: Final = 2
_ENCIPHERED_HEAD: Final = b"\x7f"
_PIN_DIGITS: Final = range(4, 13)
_DDOL: Final = 0x9F49
_FORMAT_1: Final = 0x80

_logger = logging.getLogger(__name__)


def get_challenge(session: Session, command: Command) -> bytes:
    """GET CHALLENGE 00 84 00 00: 8 bytes, Le 00 or 08."""
    command.require(0, 0, 0)
    if command.ne not in (_CHALLENGE_LENGTH, _ANY_LENGTH):
        raise StatusError(StatusWord.WRONG_LENGTH)
    session.status.challenge = challenge = session.random.take(_CHALLENGE_LENGTH)
    return challenge


def external_authenticate(
    session: Session, application: BankApplication, command: Command
) -> bytes:
    """EXTERNAL AUTHENTICATE 00 82 00 00: tag 91, ARPC 8 and response code 2, once for an ARQC.

    6300 when it is wrong, which the next cryptograms show the issuer; 6985 the second time.
    """
    command.require(0, 0, _ISSUER_DATA_LENGTH)
    transaction = current(session)
    if transaction.issuer_checked:
        raise StatusError(StatusWord.CONDITIONS_NOT_SATISFIED)
    cipher = application.session(USE_CRYPTOGRAM, transaction.atc)
    expected = cipher.arpc(transaction.cryptogram, command.data[8:])
    right = compare_digest(expected, command.data[:8])
    session.transaction = replace(transaction, issuer_checked=True, issuer_failed=not right)
    if right:
        return b""
    counters = application.data.read()
    application.data.stage(counters._replace(flags=counters.flags | Flags.ISSUER_FAILED))
    raise StatusError(StatusWord.AUTHENTICATION_FAILED, keep_writes=True)


# --- dynamic data authentication ------------------------------------------------------------------


def internal_authenticate(
    session: Session, application: BankApplication, command: Command
) -> bytes:
    """INTERNAL AUTHENTICATE 00 88 00 00: what the DDOL names. Answers 80 {signature}.

    6A88 when the card has no key for it, 6700, 6A81 when the program that runs the card lacks
    the library for SM2.
    """
    if command.p1 or command.p2:
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    if not signs(application):
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    dol = parse_dol(application.record_value(_DDOL) or b"")
    if len(command.data) != dol_length(dol):
        raise StatusError(StatusWord.WRONG_LENGTH)
    signature = dynamic_signature(session, application, command.data)
    session.transaction = replace(current(session), dynamic_signature=True)
    return tlv(_FORMAT_1, signature)


def signs(application: BankApplication) -> bool:
    """Whether the card has a key to sign dynamic data with."""
    return bool(application.data.value(DYNAMIC_SCHEME)[0])


def dynamic_signature(session: Session, application: BankApplication, asked: bytes) -> bytes:
    """9F4B over a fresh number of the card's and what the terminal asked; 6A88, 6A81."""
    name, encoded = _private_key(application)
    scheme = SCHEMES[name]
    number = session.random.take(DYNAMIC_NUMBER_LENGTH)
    try:
        return scheme.sign_dynamic(scheme.decode_private(encoded), number, asked)
    except OdaError as error:
        _logger.error("dynamic data cannot be signed: %s", error)
        raise StatusError(StatusWord.FUNCTION_NOT_SUPPORTED) from None


def _private_key(application: BankApplication) -> tuple[str, bytes]:
    """Scheme and encoding of the card's private key; 6A88 when it has none."""
    file = application.directory.internal.get(PRIVATE_KEY_FID)
    name = SCHEME_CODES.get(application.data.value(DYNAMIC_SCHEME)[0])
    if file is None or name is None:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    encoded: bytes = READ[file.size](file.memory.cells, file.body)[0]
    return name, encoded


# --- the PIN --------------------------------------------------------------------------------------


def verify(session: Session, application: BankApplication, command: Command) -> bytes:
    """VERIFY 00 20 00 80 with a plain PIN block 2L digits F, 8 bytes; 00 20 00 88 enciphered.

    6984 when no PIN is set, 6983 blocked, 6A80 no PIN block (that costs no try), else 63Cx and
    one try less. Enciphered also: see :func:`_deciphered_block`.
    """
    if command.p1 or command.p2 not in (_PLAIN_PIN, _ENCIPHERED_PIN):
        raise StatusError(StatusWord.INCORRECT_P1_P2)
    block = command.data
    if command.p2 == _ENCIPHERED_PIN:
        block = _deciphered_block(session, application, command.data)
    if len(block) != _PIN_BLOCK:
        raise StatusError(StatusWord.WRONG_LENGTH)
    pin = application.pin
    if pin is None:
        raise StatusError(StatusWord.REFERENCE_DATA_INVALID)
    given = pin_of_plain_block(block)
    if given is None:
        raise StatusError(StatusWord.WRONG_DATA)
    session.require_counters()
    if pin.locked:
        _note(session, failed=True)
        raise StatusError(StatusWord.AUTHENTICATION_BLOCKED)
    if not compare_digest(given, pin.value):
        _wrong_pin(session, application, pin)
    pin.stage_retry_counter(pin.retry_limit)
    _note(session, failed=False)
    return b""


def _deciphered_block(session: Session, application: BankApplication, data: bytes) -> bytes:
    """The PIN block out of a PIN enciphered with the card's RSA key (EMV book 2, section 7.2).

    7F, PIN block 8, the card's last challenge 8, padding. 6A88 without such a key, 6700, 6984
    without a challenge or with another one, which costs no try [L].
    """
    name, encoded = _private_key(application)
    if name != SCHEME_CODES[_RSA]:
        raise StatusError(StatusWord.KEY_NOT_FOUND)
    try:
        plain = RsaPrivateKey.decode(encoded).decipher(data)
    except OdaError:
        raise StatusError(StatusWord.WRONG_LENGTH) from None
    challenge = session.take_challenge()
    if plain[:1] != _ENCIPHERED_HEAD or not compare_digest(plain[9:17], challenge):
        raise StatusError(StatusWord.REFERENCE_DATA_INVALID)
    return plain[1:9]


def _wrong_pin(session: Session, application: BankApplication, pin: PinRecord) -> None:
    """Count it; the last try blocks the application where the default action says so."""
    left = pin.stage_failure()
    blocks = not left and bool(default_action(application) & Action.PIN_BLOCKS)
    if blocks and application.directory.state == ApplicationState.WORKING:
        application.directory.stage_state(ApplicationState.SUSPENDED)
    _note(session, failed=True, blocks=blocks)
    raise StatusError(StatusWord.VERIFICATION_FAILED | left, keep_writes=True)


def _note(session: Session, *, failed: bool, blocks: bool = False) -> None:
    """Inform the transaction, if there is one."""
    transaction = session.transaction
    if isinstance(transaction, PaymentTransaction):
        session.transaction = replace(
            transaction,
            pin_received=True,
            pin_failed=failed,
            blocked_by_pin=transaction.blocked_by_pin or blocks,
        )


def pin_of_plain_block(block: bytes) -> bytes | None:
    """The PIN of a block in BCD, padded with F; None when it is no block of format 2."""
    text = block.hex()
    control, length = int(text[0], 16), int(text[1], 16)
    digits, rest = text[2 : 2 + length], text[2 + length :]
    if control != _PIN_CONTROL or length not in _PIN_DIGITS:
        return None
    if not digits.isdecimal() or rest.strip("f"):
        return None
    return bcd(digits)
