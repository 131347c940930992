# SPDX-License-Identifier: Apache-2.0
"""Issuing cards: root keys, holders, personalisation, fixtures for pytest."""

__all__ = [
    "bank",
    "batch",
    "ceremony",
    "holder",
    "holders",
    "keyfile",
    "personalise",
    "plan",
    "psam",
    "pytest_plugin",
    "region",
    "roots",
    "stores",
]
