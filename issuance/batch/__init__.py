# SPDX-License-Identifier: Apache-2.0
"""Many cards at once: chunks of holders, one patched template, a ledger that can be resumed."""

__all__ = [
    "check",
    "errors",
    "export",
    "pools",
    "run",
    "status",
    "synthesize",
]
