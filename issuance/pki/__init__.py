# SPDX-License-Identifier: Apache-2.0
"""Certificates of cards of generation 3: the application on the card, and a test authority."""

from issuance.pki.application import CertificateOptions, PkiIssueError, put_pki
from issuance.pki.authority import PkiAuthority, PkiAuthorityError, PkiSubject

__all__ = [
    "CertificateOptions",
    "PkiAuthority",
    "PkiAuthorityError",
    "PkiIssueError",
    "PkiSubject",
    "put_pki",
]
