# SPDX-License-Identifier: Apache-2.0
"""What commands write: files that are whole or absent, JSON, and the wish to overwrite."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sscard_chip.standard.escape import escape, escape_json
from sscard_chip.wholefile import file_beside, named
from sscard_cli.errors import RefusedError


def write_file(path: Path, save: Callable[[Path], None], *, force: bool) -> None:
    """Let ``save`` write a new file beside ``path``, then put it in place in one step.

    Nothing is left behind when ``save`` fails. With ``force`` a link stays, and what it names is
    replaced.

    :raises RefusedError: when ``path`` exists and ``force`` is not given.
    """
    with named(path):
        target = path.resolve() if force else path
        descriptor, name = file_beside(target)
    os.close(descriptor)
    temporary = Path(name)
    try:
        save(temporary)
        if force:
            with named(path):
                temporary.replace(target)
        else:
            _place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_to_overwrite(path: Path, *, force: bool) -> None:
    """Say early, before any work, that ``path`` is taken, or in a folder that is not there."""
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if not force and os.path.lexists(path):
        raise RefusedError(f"{path}: exists already, --force replaces it")


def _place(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)  # unlike rename, never onto an existing file
    except FileExistsError:
        refuse_to_overwrite(path, force=False)
        raise


def say(line: str, *, nl: bool = True, err: bool = False) -> None:
    """A line for people, on stdout: whatever a file, a card or a person in it is called, it is one
    line of characters that can be seen."""
    click.echo(escape(line), nl=nl, err=err)


def print_json(value: Any) -> None:
    """One JSON document on stdout, Chinese text readable."""
    click.echo(escape_json(json.dumps(value, ensure_ascii=False, indent=2)))
