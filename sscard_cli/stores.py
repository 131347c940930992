# SPDX-License-Identifier: Apache-2.0
"""Options for stores of root keys, and where their passphrases come from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from click.types import StringParamType

from issuance.stores import RootStore, open_store
from sscard_cli.options import FILE, _Function, require_name, together

PASSPHRASE_VARIABLE: Final = "SSCARD_PASSPHRASE"
NEW_PASSPHRASE_VARIABLE: Final = "SSCARD_NEW_PASSPHRASE"
STORE_METAVAR: Final = "ROOTS"


class StoreLocation(StringParamType):
    """The path of a store of root keys or its ``pkcs11:`` address, never an empty one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        require_name(self, value, param, ctx)
        return str(super().convert(value, param, ctx))


STORE: Final = StoreLocation()

passphrase_option: Final = click.option(
    "--passphrase-file",
    metavar="FILE",
    type=FILE,
    help="Has the passphrase of an encrypted file, or the PIN of a token, in its first line;"
    f" else {PASSPHRASE_VARIABLE}, else a prompt.  Example: --passphrase-file /run/secrets/roots",
)
new_passphrase_option: Final = click.option(
    "--new-passphrase-file",
    metavar="FILE",
    type=FILE,
    help=f"The same for a store that is written; else {NEW_PASSPHRASE_VARIABLE}, else a prompt."
    "  Example: --new-passphrase-file /run/secrets/new",
)


def keys_option(*, required: bool = True, use: str = "") -> Callable[[_Function], _Function]:
    """``--keys ROOTS`` with ``--passphrase-file``: any store of root keys."""
    keys = click.option(
        "--keys",
        "roots",
        required=required,
        type=STORE,
        metavar=STORE_METAVAR,
        help=f"Root keys{use}: a plain or encrypted file, or a token, see sscard keys."
        "  Example: --keys roots.json",
    )
    return together(keys, passphrase_option)


def open_keys(location: str, passphrase_file: Path | None) -> RootStore:
    """The store at a path or ``pkcs11:`` address.

    :raises KeyStoreError:
    """
    return open_store(location, passphrase_source(passphrase_file, PASSPHRASE_VARIABLE))


class AskedOnce:
    """A source of a passphrase that is asked once; ``given`` is for whoever opens it again."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask
        self.given: str | None = None

    def __call__(self, purpose: str) -> str:
        if self.given is None:
            self.given = self._ask(purpose)
        return self.given


def passphrase_source(
    file: Path | None, variable: str, *, new: bool = False
) -> Callable[[str], str]:
    """What a store calls for its passphrase; an empty answer means that there is none.

    Never a command line argument: those are shown to every user of the machine.
    """

    def ask(purpose: str) -> str:
        if file is not None:
            return _first_line(file)
        if variable in os.environ:
            return os.environ[variable]
        if not sys.stdin.isatty():
            return ""
        answer: str = click.prompt(
            purpose, hide_input=True, confirmation_prompt=new, err=True, type=str
        )
        return answer

    return ask


def _first_line(file: Path) -> str:
    try:
        lines = file.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:  # its text would show the passphrase
        lines = None
    if lines is None:
        raise click.UsageError(f"{file}: must be UTF-8 text")
    return lines[0] if lines else ""
