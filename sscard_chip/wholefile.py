# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all, and that only their owner may read.

Ledgers, verdicts and statements have citizens' data: what is new is of mode 0600, a folder of mode
0700, however generous the umask."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def file_beside(path: str | os.PathLike[str]) -> tuple[int, str]:
    """A new file of mode 0600 in the folder of ``path``: its descriptor and its name.

    :raises OSError: it names ``path``, which is what somebody has asked for; a device or a pipe is
        there, which no file may take the place of.
    """
    target = Path(path).absolute()
    with named(path):
        if target.exists() and not (target.is_file() or target.is_dir()):
            raise OSError(errno.EINVAL, "a device or a pipe, no file")
        return tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")


@contextmanager
def named(path: str | os.PathLike[str]) -> Iterator[None]:
    """A block about a file beside ``path``: an error of the system names ``path``."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None


@contextmanager
def whole_file(path: str | os.PathLike[str], *, durable: bool = False) -> Iterator[Path]:
    """A new file to write, mode 0600, that takes the place of ``path`` when the block ends well.

    When it does not, nothing is left behind and an older file is as it was. Of a link it is what
    that names. ``durable``: it is on the disk when the block has ended.

    :raises OSError:
    """
    with named(path):
        target = Path(path).resolve()
        handle, name = file_beside(target)
    os.close(handle)
    try:
        yield Path(name)
        if durable:
            _sync(name)
        with named(path):
            os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if durable:
        _sync(target.parent)


def staged_file(path: str | os.PathLike[str], content: bytes) -> str:
    """Write a file beside ``path``, mode 0600, on disk when this returns; its name.

    Whoever has the say puts it in its place, with ``os.replace``.

    :raises OSError:
    """
    handle, name = file_beside(path)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(handle)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return name


def private_opener(path: str, flags: int) -> int:
    """The ``opener`` of :func:`open` for a new file of mode 0600."""
    return os.open(path, flags, 0o600)


def private_folder(path: str | os.PathLike[str]) -> None:
    """See that a folder is there; it and those above it are of mode 0700 where they are new.

    :raises OSError:
    """
    folder = Path(path)
    if not folder.is_dir():
        if folder.parent != folder:
            private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _sync(path: str | os.PathLike[str]) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
