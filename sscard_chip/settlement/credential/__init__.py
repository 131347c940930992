# SPDX-License-Identifier: Apache-2.0
"""The electronic credential (医保电子凭证): tokens and codes of cards, and the counter's service.

::

    store = CredentialStore(ledger)
    code = store.new_code(card_sn)                      # 28 digits, for 60 s, once
    service = CredentialService(store, persons)
    service.answer("/localcfc/api/hsecfc/localQrCodeQuery", body)
"""

from __future__ import annotations

from sscard_chip.settlement.credential.service import CredentialService, serves_credentials
from sscard_chip.settlement.credential.store import (
    CredentialCard,
    CredentialError,
    CredentialStore,
    ShownCode,
)

__all__ = [
    "CredentialCard",
    "CredentialError",
    "CredentialService",
    "CredentialStore",
    "ShownCode",
    "serves_credentials",
]
