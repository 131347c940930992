# SPDX-License-Identifier: Apache-2.0
"""Options and arguments that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from click.types import IntParamType

from sscard_chip.profile.generations import generations
from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.dates import parse_time
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4

FILE: Final = click.Path(dir_okay=False, path_type=Path)
FEN: Final = click.IntRange(0, MAX_FEN)

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of text."
)
force_option: Final = click.option(
    "--force", is_flag=True, help="Replace the output file if it exists."
)
card_argument: Final = click.argument(
    "card_path", metavar="CARD.ssc", type=click.Path(dir_okay=False, path_type=Path)
)
local_files_option: Final = click.option(
    "--local-files",
    "local_paths",
    metavar="FILE.toml",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A region's own files; may be repeated.  Example: --local-files hunan.toml",
)


class GenerationNumber(IntParamType):
    """The number of a generation of the card that is known, by default 1, 2 or 3."""

    name = "generation"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(self._known())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if str(value) not in self._known():
            self.fail(f"{value!r} is not one of {', '.join(self._known())}.", param, ctx)
        return super().convert(value, param, ctx)

    def _known(self) -> list[str]:
        return [str(generation.number) for generation in generations()]


GENERATION: Final = GenerationNumber()
generation_option: Final = click.option(
    "--generation",
    required=True,
    type=GENERATION,
    help="Which card, by 规范版本: 3 is 3.00.  Example: --generation 3",
)
holder_option: Final = click.option(
    "--holder",
    "holder_path",
    required=True,
    metavar="HOLDER.json",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Whose card it is.  Example: --holder zhang.json",
)
algorithm_option: Final = click.option(
    "--algorithm",
    type=click.Choice([ALGORITHM_3DES, ALGORITHM_SM4]),
    help="Algorithm suite; the generation's own without it.  Example: --algorithm 3des",
)
INTERFACES: Final = click.Choice(["contact", "contactless"])


def hex_bytes(length: int | None = None) -> Callable[[str], bytes]:
    """The type of an option: bytes in hexadecimal, blanks allowed.

    An error tells the rule and never the value, which may hold a PIN.
    """

    def convert(value: str) -> bytes:
        text = re.sub(r"\s", "", value)
        if not re.fullmatch(r"([0-9A-Fa-f]{2})*", text):
            raise click.BadParameter("not hexadecimal with two digits a byte")
        data = bytes.fromhex(text)
        if length is not None and len(data) != length:
            raise click.BadParameter(f"{len(data)} bytes, {length} are needed")
        return data

    return convert


def host_port(value: str) -> tuple[str, int]:
    """The type of an option ``HOST:PORT``."""
    host, _, port = value.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 0x10000:
        raise click.BadParameter(f"{value!r} is not HOST:PORT")
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


def check_time(text: str | None) -> str | None:
    """``--time`` as it is, when it is a time."""
    if text is not None and parse_time(text) is None:
        raise click.UsageError("--time: must be a time as YYYYMMDDhhmmss")
    return text
