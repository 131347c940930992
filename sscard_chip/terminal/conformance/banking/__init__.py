# SPDX-License-Identifier: Apache-2.0
"""The suite for the bank application: what a strict terminal reads, and transactions against our
issuer's host, with contacts or without.

>>> run = run_bank_suite(target, store=bank_roots, level=Level.WRITE)
>>> run.passed
True
"""

from __future__ import annotations

from sscard_chip.terminal.conformance.banking.catalogue import bank_catalogue
from sscard_chip.terminal.conformance.banking.run import run_bank_suite
from sscard_chip.terminal.conformance.banking.subject import BankSubject

__all__ = ["BankSubject", "bank_catalogue", "run_bank_suite"]
