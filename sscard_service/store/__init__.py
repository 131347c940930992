# SPDX-License-Identifier: Apache-2.0
"""What the service keeps in the ledger's database: one module a subject, no rules of a region."""

from __future__ import annotations

__all__ = [
    "applications",
    "audit",
    "cards",
    "clients",
    "outbox",
    "persons",
    "proofs",
    "records",
    "secrets",
]
