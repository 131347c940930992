# SPDX-License-Identifier: Apache-2.0
"""Writing a file of secrets: readable by its owner only, whole or not at all."""

from __future__ import annotations

import os

from sscard_chip.wholefile import whole_file


def write_private(path: str | os.PathLike[str], content: bytes) -> None:
    """Put ``content`` into ``path`` in one step, mode 0600, on disk when this returns.

    :raises OSError: when the folder cannot be written; then nothing is left behind and an older
        file is as it was.
    """
    with whole_file(path, durable=True) as new:
        new.write_bytes(content)
