# SPDX-License-Identifier: Apache-2.0
"""What the papers say, once: the lowest floor, imported by everybody, importing nobody."""

__all__ = [
    "amounts",
    "commands",
    "dates",
    "divisions",
    "errors",
    "identifiers",
    "keys",
    "messages",
    "pan",
    "purse_transactions",
    "settlement_mode",
    "status",
]
