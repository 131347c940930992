# SPDX-License-Identifier: Apache-2.0
"""All operations, one module a subject: importing this package declares them.

A new one is a function under :func:`sscard_service.work.operation`, a least level in
:data:`sscard_service.levels.LEAST`, and levels in the channels of the regions that offer it.
"""

from __future__ import annotations

from sscard_service.operations import (
    access,
    acting,
    applying,
    bills,
    ecard,
    enquiry,
    family,
    filing,
    insurance,
    level,
    loss,
    making,
    own_data,
    papers,
    policy,
    statements,
)
from sscard_service.work import OPERATIONS

__all__ = [
    "OPERATIONS",
    "access",
    "acting",
    "applying",
    "bills",
    "ecard",
    "enquiry",
    "family",
    "filing",
    "insurance",
    "level",
    "loss",
    "making",
    "own_data",
    "papers",
    "policy",
    "statements",
]
