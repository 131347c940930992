# SPDX-License-Identifier: Apache-2.0
"""The terminal's half of the certificate application (证书应用) of generation 3.

:class:`PkiClient` sends its commands, :class:`PkiDelivery` is what an authority answers and writes
it, :class:`CardCertificate` reads certificates. They work over any connection.
"""

from sscard_chip.terminal.pki.blob import EnvelopedKey
from sscard_chip.terminal.pki.certificate import CardCertificate, CertificateError
from sscard_chip.terminal.pki.client import PkiClient, PkiHolder
from sscard_chip.terminal.pki.delivery import PkiDelivery, PkiDeliveryError, request_key

__all__ = [
    "CardCertificate",
    "CertificateError",
    "EnvelopedKey",
    "PkiClient",
    "PkiDelivery",
    "PkiDeliveryError",
    "PkiHolder",
    "request_key",
]
