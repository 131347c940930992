# SPDX-License-Identifier: Apache-2.0
"""Issuing cards: root keys, holders, personalisation, fixtures for pytest."""
