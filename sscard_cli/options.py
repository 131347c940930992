# SPDX-License-Identifier: Apache-2.0
"""Options and arguments that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of text."
)
force_option: Final = click.option(
    "--force", is_flag=True, help="Replace the output file if it exists."
)
card_argument: Final = click.argument(
    "card_path", metavar="CARD.ssc", type=click.Path(dir_okay=False, path_type=Path)
)
INTERFACES: Final = click.Choice(["contact", "contactless"])


class HexBytes(click.ParamType):
    """Bytes in hexadecimal, blanks allowed. An error tells the place, never the value."""

    name = "hex"

    def __init__(self, length: int | None = None) -> None:
        self.length = length

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        if isinstance(value, bytes):
            return value
        text = re.sub(r"\s", "", value)
        if not re.fullmatch(r"([0-9A-Fa-f]{2})*", text):
            self.fail("not hexadecimal with two digits a byte", param, ctx)
        data = bytes.fromhex(text)
        if self.length is not None and len(data) != self.length:
            self.fail(f"{len(data)} bytes, {self.length} are needed", param, ctx)
        return data


class HostPort(click.ParamType):
    """``HOST:PORT``."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = value.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 0x10000:
            self.fail(f"{value!r} is not HOST:PORT", param, ctx)
        return host.strip("[]"), int(port)


def trace_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--trace`` and ``--unsafe-trace``."""
    unsafe = click.option(
        "--unsafe-trace",
        is_flag=True,
        help="Like --trace, with PINs, cryptograms and citizens' data in the clear.",
    )
    safe = click.option(
        "--trace",
        is_flag=True,
        help="Show every exchange on stderr: time, command, parameters, status word in words;"
        " of secrets and citizens' data the length alone.",
    )
    return safe(unsafe(command))
