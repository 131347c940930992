# SPDX-License-Identifier: Apache-2.0
"""Options for the root keys of a transport issuer (交通联合)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from issuance.stores import open_store
from issuance.transport import TransportIssuer
from sscard_cli.options import FILE, _Function, together
from sscard_cli.stores import STORE, STORE_METAVAR, passphrase_source

TRANSPORT_PASSPHRASE_VARIABLE: Final = "SSCARD_TRANSPORT_PASSPHRASE"

transport_passphrase_option: Final = click.option(
    "--transport-passphrase-file",
    metavar="FILE",
    type=FILE,
    help="Has the passphrase of the transport issuer's store, or the PIN of its token, in its"
    f" first line; else {TRANSPORT_PASSPHRASE_VARIABLE}, else a prompt."
    "  Example: --transport-passphrase-file /run/transport",
)


def transport_options(*, required: bool = False) -> Callable[[_Function], _Function]:
    """``--transport-keys`` with its passphrase."""
    keys = click.option(
        "--transport-keys",
        "transport_roots",
        required=required,
        type=STORE,
        metavar=STORE_METAVAR,
        help="The transport issuer's root keys: a file or a token, see sscard keys create"
        " --transport.  Example: --transport-keys transport.json",
    )
    return together(keys, transport_passphrase_option)


@contextmanager
def open_transport(roots: str, passphrase_file: Path | None) -> Iterator[TransportIssuer]:
    """The transport issuer behind the options.

    :raises KeyStoreError:
    """
    passphrase = passphrase_source(passphrase_file, TRANSPORT_PASSPHRASE_VARIABLE)
    with open_store(roots, passphrase) as store:
        yield TransportIssuer(store)
