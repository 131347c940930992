# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a list of holders as a whole."""

from __future__ import annotations

from sscard_chip.standard.documents import DocumentError


class HolderListError(DocumentError):
    """A table or mapping file that cannot be used: one line, file, place and rule, no value."""
