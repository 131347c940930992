# SPDX-License-Identifier: Apache-2.0
"""The bank's side of a payment: terminal and issuer, for tests and benches.

A payment terminal's kernel runs a whole transaction over any connection, with contacts
(:mod:`~sscard_chip.terminal.bank.kernel`) and without
(:mod:`~sscard_chip.terminal.bank.contactless`). The issuer's host
(:mod:`~sscard_chip.terminal.bank.host`) verifies the card's cryptogram, answers with its own and
sends scripts.
"""

__all__ = [
    "contactless",
    "data",
    "errors",
    "host",
    "kernel",
    "purse_host",
    "purse_sam",
    "purse_terminal",
    "results",
    "terminal",
]
