# SPDX-License-Identifier: Apache-2.0
"""Opening a file that somebody names: never one on which reading waits for nobody.

A named pipe (FIFO) keeps its reader waiting until somebody writes, perhaps for ever. A pipe
that a shell has made, as ``<(command)`` or standard input, has its writer already.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO, Final

NAMED_PIPE_RULE: Final = "is a named pipe"


def is_named_pipe(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to a named pipe; False when nothing is there."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    # Of a shell's pipe the real path is "/proc/PID/fd/pipe:[...]", which is no name of a file.
    return stat.S_ISFIFO(mode) and os.path.lexists(os.path.realpath(path))


def open_input(path: str | os.PathLike[str]) -> BinaryIO:
    """A file opened for reading.

    :raises OSError: also for a named pipe.
    """
    if is_named_pipe(path):
        raise OSError(errno.EINVAL, NAMED_PIPE_RULE, os.fspath(path))
    return open(path, "rb")


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """A regular file opened for reading, whatever is put in its place meanwhile.

    :raises OSError: also for anything else: a folder, a pipe, a device.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no regular file", os.fspath(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
