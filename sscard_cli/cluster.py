# SPDX-License-Identifier: Apache-2.0
"""``--cluster`` and how the way to it is secured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.workers import ClusterAccess
from sscard_cli.options import FILE, _Function, together

_META: Final = "sscard.cluster "


def cluster_option(what: str) -> Callable[[_Function], _Function]:
    """``--cluster`` with its TLS options; a command gets ``cluster``, a ClusterAccess or None."""
    address = click.option(
        "--cluster",
        metavar="ADDRESS",
        callback=_access,
        help=f"{what} Its results are code that runs here: see docs/batch.md."
        "  Example: --cluster tls://10.0.0.1:8786",
    )
    return together(
        address,
        _tls("--cluster-ca", "Certificate of the authority that signs the cluster's, PEM.", "ca"),
        _tls("--cluster-cert", "Certificate of this side, PEM.", "client"),
        _tls("--cluster-key", "Private key of this side's certificate, PEM.", "client.key"),
        click.option(
            "--insecure-cluster",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_note,
            help="Ask a scheduler on another machine without TLS, in a closed network.",
        ),
    )


def _tls(name: str, what: str, example: str) -> Callable[[_Function], _Function]:
    return click.option(
        name,
        metavar="FILE",
        type=FILE,
        is_eager=True,
        expose_value=False,
        callback=_note,
        help=f"{what}  Example: {name} {example}.pem",
    )


def _note(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    context.meta[f"{_META}{parameter.opts[0]}"] = value


def _access(
    context: click.Context, _parameter: click.Parameter, address: str | None
) -> ClusterAccess | None:
    given = {name: context.meta.get(f"{_META}{name}") for name in _NAMES}
    if address is None:
        for name, value in given.items():
            if value:
                raise click.UsageError(f"{name} goes with --cluster")
        return None
    if context.resilient_parsing:
        return None
    ca, certificate, key, insecure = given.values()
    for path in (ca, certificate, key):
        if path is not None and not Path(path).is_file():
            raise click.UsageError(f"{path}: is no file")
    return ClusterAccess(address, ca, certificate, key, insecure=bool(insecure)).checked()


_NAMES: Final = ("--cluster-ca", "--cluster-cert", "--cluster-key", "--insecure-cluster")
