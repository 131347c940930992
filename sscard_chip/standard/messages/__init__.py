# SPDX-License-Identifier: Apache-2.0
"""Layouts of commands, answers, MAC inputs and records, as structs of ``construct``.

One module a subject; fields stand in the order of the standard. Trace, till, driver, PSAM client,
hosts, reconciliation and tests build and parse with them. The card itself does not: its fast path
has ``struct``, and a test proves that both say the same bytes. Nothing that the card imports may
import this package.

A field named ``..._fen`` is an amount, ``terminal`` the 6 bytes of 终端机编号, ``time`` the 7 bytes
of YYYYMMDDhhmmss.
"""

__all__ = [
    "directory",
    "fields",
    "medical",
    "psam",
    "purse",
    "security",
]
