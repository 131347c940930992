# SPDX-License-Identifier: Apache-2.0
"""PKI_SignData, PKI_VerifySign, iReadSignatureKey and iWriteCA: the certificates of generation 3.

Their calls are printed in LD/T 6001.5, chapter 7, and in programs that issue; what stands in their
strings is not [L]: texts are signed as the bytes of GB 18030, signatures are r || s in Base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sscard_chip.profile.pki import delivery_master_key
from sscard_chip.security.sm2 import Sm2Error, Sm2PublicKey
from sscard_chip.standard.errors import ExtraMissingError
from sscard_chip.standard.status import StatusWord
from sscard_chip.standard.text import encode_text
from sscard_chip.terminal.client import CardStatusError
from sscard_chip.terminal.codes import DriverError, ReturnCode
from sscard_chip.terminal.driver.context import DriverContext
from sscard_chip.terminal.driver.values import InterfaceType
from sscard_chip.terminal.pki import (
    CardCertificate,
    CertificateError,
    PkiClient,
    PkiDelivery,
    PkiDeliveryError,
    request_key,
)
from sscard_chip.terminal.pki.client import pin_bytes
from sscard_chip.terminal.pki.delivery import PkiPinError
from sscard_chip.terminal.session import CardSession

_PIN: Final = re.compile("[0-9]{4,16}")


@contextmanager
def _answered() -> Iterator[None]:
    """In the block errors of certificates become return codes."""
    try:
        yield
    except PkiPinError as error:
        code = ReturnCode.PIN_WRONG if error.left else ReturnCode.PIN_LOCKED
        raise DriverError(code, str(error)) from None
    except ExtraMissingError as error:
        raise DriverError(ReturnCode.LIBRARY, str(error), str(error)) from None
    except (PkiDeliveryError, CertificateError) as error:
        raise DriverError(ReturnCode.PARAMETER, str(error)) from None
    except Sm2Error as error:
        raise DriverError(ReturnCode.COMMAND, str(error)) from None


def _open(context: DriverContext, interface: InterfaceType) -> tuple[CardSession, PkiClient]:
    """The card, its certificate application selected.

    :raises DriverError: -27266 (6A82) when it has none.
    """
    session = context.open(interface)
    client = PkiClient(session.client.connection, context.random)
    if not client.present():
        text = "the card has no certificate application"
        raise DriverError(-StatusWord.FILE_NOT_FOUND, text)
    return session, client


def sign_text(context: DriverContext, pin: str, text: str, interface: InterfaceType) -> bytes:
    """r || s of 64 bytes under a text, after the user's PIN.

    :raises DriverError: -33, -41 form of the PIN, -51 wrong, -52 locked, -27266 no application,
        -27272 no key.
    """
    typed = _pin(pin)
    with _answered():
        _, client = _open(context, interface)
        key = _key(client)
        _verify(client, typed)
        return client.sign_digest(key.digest(encode_text(text)))


def verify_text(
    context: DriverContext,
    pin: str,
    certificate: str,
    text: str,
    signature: str,
    interface: InterfaceType,
) -> None:
    """See that a signature in Base64 is the signer's under a text.

    ``certificate`` is his in Base64; empty, it is the one on the card. A ``pin`` that is not empty
    is verified on the card first.

    :raises DriverError: -15 when it is not, and as :func:`sign_text`.
    """
    with _answered():
        if pin or not certificate:
            _, client = _open(context, interface)
            if pin:
                _verify(client, _pin(pin))
            if not certificate:
                certificate = base64.b64encode(client.certificate()).decode()
                if not certificate:
                    raise DriverError(ReturnCode.KEY_NOT_FOUND, "the card has no certificate")
        signer = CardCertificate.load(certificate.encode("ascii", "replace"))
        try:
            text_of = signature.rstrip("|").encode("ascii", "replace")  # as PKI_SignData gives it
            given = base64.b64decode(text_of, validate=True)
        except binascii.Error:
            raise DriverError(ReturnCode.PARAMETER, "pSignature: must be Base64") from None
        if not signer.public_key.verify(encode_text(text), given):
            raise DriverError(ReturnCode.CHECKSUM, "the signature is not the signer's")


def read_signature_key(context: DriverContext, interface: InterfaceType) -> bytes:
    """X || Y of the card's signature key; a card that has none makes its pair, with the PINs of
    its delivery.

    :raises DriverError: -51, -52 when it has other PINs, -27266 no application.
    """
    with _answered():
        _, client = _open(context, interface)
        return request_key(client).value


def write_certificates(
    context: DriverContext, interface: InterfaceType, delivery: PkiDelivery
) -> None:
    """Write what the authority answered, onto a card with the PINs and master keys of delivery.

    :raises DriverError: -14 certificates of another key, -51, -52, a status word of the card.
    """
    with _answered():
        session, client = _open(context, interface)
        delivery.write(client, delivery_master_key(session.division))


def parse_delivery(qmzs: str, jmzs: str, jmmy: str, glypin: str, zkmy: str) -> PkiDelivery:
    """The five texts of an authority.

    :raises DriverError: -14.
    """
    with _answered():
        return PkiDelivery.parse(qmzs, jmzs, jmmy, glypin, zkmy)


def _key(client: PkiClient) -> Sm2PublicKey:
    key = client.public_key()
    if key is None:
        raise DriverError(ReturnCode.KEY_NOT_FOUND, "the card has no signature key")
    return key


def _verify(client: PkiClient, pin: bytes) -> None:
    try:
        left = client.verify(pin)
    except CardStatusError as error:
        raise DriverError(-error.sw, str(error)) from None
    if left is not None:
        code = ReturnCode.PIN_WRONG if left else ReturnCode.PIN_LOCKED
        raise DriverError(code, f"PIN wrong, {left} left" if left else "PIN locked")


def _pin(digits: str) -> bytes:
    if not _PIN.fullmatch(digits):
        illegal = bool(digits) and not (digits.isascii() and digits.isdecimal())
        code = ReturnCode.ILLEGAL_CHARACTER if illegal else ReturnCode.PIN_LENGTH
        raise DriverError(code, "pUserPin: must be 4 to 16 digits")
    return pin_bytes(digits)
