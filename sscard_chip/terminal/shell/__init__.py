# SPDX-License-Identifier: Apache-2.0
"""The APDU shell: a short language for talking to a card over any connection.

``docs/shell.md`` has the grammar on one page.
"""

from __future__ import annotations

from sscard_chip.terminal.shell.grammar import GrammarError, parse_line
from sscard_chip.terminal.shell.history import ShellHistory
from sscard_chip.terminal.shell.masking import MaskedConnection, recorded_without_secrets
from sscard_chip.terminal.shell.secrets import holds_secret, without_secret
from sscard_chip.terminal.shell.shell import Reply, Shell

__all__ = [
    "GrammarError",
    "MaskedConnection",
    "Reply",
    "Shell",
    "ShellHistory",
    "holds_secret",
    "parse_line",
    "recorded_without_secrets",
    "without_secret",
]
