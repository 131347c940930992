# SPDX-License-Identifier: Apache-2.0
"""What the papers say, once: the lowest floor, imported by everybody, importing nobody."""

__all__ = [
    "amounts",
    "commands",
    "dates",
    "divisions",
    "documents",
    "errors",
    "escape",
    "identifiers",
    "insurance",
    "keys",
    "messages",
    "models",
    "pan",
    "purse_transactions",
    "settlement_mode",
    "status",
]
