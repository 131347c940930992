# SPDX-License-Identifier: Apache-2.0
"""Reading a JSON file of secrets or citizens' data: errors never quote what is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from sscard_chip.standard.errors import InputError

MAX_SIZE: Final = 16 * 1024 * 1024


class JsonFileError(InputError):
    """One line saying why a file is no JSON; without its content and without its name."""


class _DuplicateKeyError(ValueError):
    pass


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateKeyError
    return members


def _no_constant(name: str) -> object:
    raise ValueError


def parse_json(content: bytes) -> object:
    """The document in ``content``, UTF-8 with or without a byte order mark.

    Raises :class:`JsonFileError`. A name that stands twice in one object is an error: one of
    its values would be lost.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None
    if text is None:
        raise JsonFileError("must be UTF-8 text")
    fault = ""
    try:
        document: object = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except _DuplicateKeyError:
        fault = "an object has the same name twice"
    except json.JSONDecodeError as error:
        fault = f"is not JSON (line {error.lineno}, column {error.colno})"
    except (ValueError, RecursionError):
        fault = "is not JSON"
    if fault:  # raised here, so that no cause with the text hangs on the error
        raise JsonFileError(fault)
    return document


def read_json(path: Path) -> object:
    """The document in a file. Raises :class:`JsonFileError`, also when it cannot be read."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SIZE + 1)
    except OSError as error:
        raise JsonFileError(f"cannot be read ({error.strerror or 'input/output error'})") from None
    if len(content) > MAX_SIZE:
        raise JsonFileError(f"is longer than {MAX_SIZE} bytes")
    return parse_json(content)
