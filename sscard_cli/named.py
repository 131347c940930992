# SPDX-License-Identifier: Apache-2.0
"""Functions that an option names as ``MODULE:FUNCTION``, from the current folder or installed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sscard_chip.standard.escape import escape
from sscard_cli.errors import RefusedError


def named_function(option: str, text: str, form: str = "MODULE:FUNCTION") -> Callable[..., Any]:
    """The function that an option names; ``form`` is what the option says of itself.

    :raises RefusedError: the module cannot be imported, or has no function of that name.
    """
    module, _, name = text.partition(":")
    if not module or not name:
        raise click.UsageError(f"{option}: must be {form}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise RefusedError(f"{option} {escape(text)}: {type(error).__name__}") from error
    finally:
        sys.path.pop(0)
    if not callable(found):
        raise RefusedError(f"{option} {escape(text)}: is no function")
    function: Callable[..., Any] = found
    return function
