# SPDX-License-Identifier: Apache-2.0
"""The signature of a paper: PDF with CMS over the whole file, by pyHanko."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from sscard_chip.standard.errors import importing
from sscard_service.store.authority import PaperAuthority

FIELD: Final = "Seal"


def sign_paper(pdf: bytes, authority: PaperAuthority, reason: str, place: str) -> bytes:
    """The file with its signature; nothing of it may change any more.

    :raises ExtraMissingError: the extra ``papers`` is not installed.
    """
    with importing("papers", "papers"):
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import fields, signers

    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD, md_algorithm="sha256", reason=reason, location=place, certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
    )  # fmt: skip
    signed = signers.sign_pdf(
        IncrementalPdfFileWriter(BytesIO(pdf)), metadata, signer=_signer(authority)
    )
    return bytes(signed.getvalue())


def _signer(authority: PaperAuthority) -> Any:
    from pyhanko.keys import load_certs_from_pemder_data, load_private_key_from_pemder_data
    from pyhanko.sign import signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    chain: Any = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    for one in (authority.authority, *authority.others):
        chain.register_multiple(load_certs_from_pemder_data(one.encode()))
    (own,) = load_certs_from_pemder_data(authority.certificate.encode())
    key = load_private_key_from_pemder_data(authority.key.encode(), None)
    return signers.SimpleSigner(own, key, chain)
