# SPDX-License-Identifier: Apache-2.0
"""Writing a file of secrets: readable by its owner alone, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_private(path: str | os.PathLike[str], content: bytes) -> None:
    """Put ``content`` into ``path`` in one step, mode 0600, on disk when this returns.

    Raises OSError when the folder cannot be written; then nothing is left behind and an older
    file is as it was.
    """
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.chmod(temporary, 0o600)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
