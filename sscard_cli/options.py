# SPDX-License-Identifier: Apache-2.0
"""Options and arguments that several commands share."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.types import IntParamType

from sscard_chip.profile.generations import generations
from sscard_chip.standard.amounts import MAX_FEN
from sscard_chip.standard.dates import parse_time
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4
from sscard_chip.standard.inputfile import NAMED_PIPE_RULE, is_named_pipe

_PIN: Final = "sscard.pin "
_LONGEST_LINE: Final = 256

_Function = TypeVar("_Function", bound=Callable[..., Any])


def require_name(
    kind: click.ParamType[Any], value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> None:
    """Refuse what names nothing: an empty text, or blanks alone."""
    if not os.fspath(value).strip():
        kind.fail("is empty: must be a name", param, ctx)


class NamedPath(click.Path):
    """A path that names something: an empty one would be the folder that one is in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See :meth:`click.ParamType.convert`."""
        require_name(self, value, param, ctx)
        if not self.file_okay and any("\ud800" <= one <= "\udfff" for one in os.fspath(value)):
            self.fail("is not UTF-8", param, ctx)  # tables in it are written by libraries
        return super().convert(value, param, ctx)


class FilePath(NamedPath):
    """A file; not a named pipe, on which a command would wait for somebody to write."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See :meth:`click.ParamType.convert`."""
        path: Any = super().convert(value, param, ctx)
        if is_named_pipe(path):
            self.fail(f"{path}: {NAMED_PIPE_RULE}", param, ctx)
        return path


FILE: Final = FilePath(dir_okay=False, path_type=Path)
FILE_OR_STDIN: Final = FilePath(dir_okay=False, allow_dash=True, path_type=Path)
FOLDER: Final = NamedPath(file_okay=False, path_type=Path)
ALGORITHMS: Final = click.Choice([ALGORITHM_3DES, ALGORITHM_SM4])
INTERFACES: Final = click.Choice(["contact", "contactless"])
FEN: Final = click.IntRange(0, MAX_FEN)

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON instead of text."
)
force_option: Final = click.option(
    "--force", is_flag=True, help="Replace the output file if it exists."
)
card_argument: Final = click.argument("card_path", metavar="CARD.ssc", type=FILE)
local_files_option: Final = click.option(
    "--local-files",
    "local_paths",
    metavar="FILE.toml",
    multiple=True,
    type=FILE,
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
    type=FILE,
    help="Whose card it is.  Example: --holder zhang.json",
)
algorithm_option: Final = click.option(
    "--algorithm",
    type=ALGORITHMS,
    help="Algorithm suite; the generation's own without it.  Example: --algorithm 3des",
)


def hex_bytes(length: int | None = None) -> Callable[[str], bytes]:
    """The type of an option: bytes in hexadecimal, blanks allowed.

    An error shows the rule and never the value, which may hold a PIN.
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
    host, port = listen_port(value)
    if not port:
        raise click.BadParameter(f"{value!r} is not HOST:PORT")
    return host, port


def listen_port(value: str) -> tuple[str, int]:
    """The type of an option ``HOST:PORT`` where something listens; port 0 takes a free one."""
    host, _, port = value.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) >= 0x10000:
        raise click.BadParameter(f"{value!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def together(*options: Callable[[Any], Any]) -> Callable[[_Function], _Function]:
    """A block of options, listed in this order."""

    def apply(command: _Function) -> _Function:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


def out_option(
    metavar: str, what: str, example: str, variable: str = "out", kind: click.Path = FILE
) -> Callable[[_Function], _Function]:
    """``--out``, the file or folder that a command writes."""
    return click.option(
        "--out",
        variable,
        required=True,
        metavar=metavar,
        type=kind,
        help=f"{what}  Example: --out {example}",
    )


def file_option(
    name: str, variable: str, metavar: str, help: str, *, required: bool = False
) -> Callable[[_Function], _Function]:
    """An option that names a file."""
    return click.option(name, variable, required=required, metavar=metavar, type=FILE, help=help)


def reader_option(
    what: str, example: str = "'PCD 00 00'", name: str = "--reader"
) -> Callable[[_Function], _Function]:
    """``--reader``, a slot of a PC/SC reader."""
    return click.option(name, metavar="NAME", help=f"{what}  Example: {name} {example}")


def pin_option(
    what: str, name: str = "--pin", example: str = "135790"
) -> Callable[[_Function], _Function]:
    """``--pin``, what the holder types, or ``--pin-file``, where nobody else can read it.

    A command gets ``pin``, from whichever is given.
    """
    return together(
        click.option(
            name,
            metavar="DIGITS",
            callback=_given_pin,
            help=f"{what} Others on this machine can see it, see {name}-file."
            f"  Example: {name} {example}",
        ),
        click.option(
            f"{name}-file",
            metavar="FILE|-",
            type=FILE_OR_STDIN,
            expose_value=False,
            is_eager=True,
            callback=_read_pin,
            help="Has it in the first line; - is standard input."
            f"  Example: {name}-file /run/secrets/pin",
        ),
    )


def _read_pin(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    """The first line of a file, for :func:`_given_pin`. An error never quotes it."""
    if path is None or context.resilient_parsing:
        return
    if str(path) == "-":
        line = sys.stdin.readline(_LONGEST_LINE)
    else:
        with path.open("rb") as stream:
            line = stream.readline(_LONGEST_LINE).decode("utf-8-sig", "replace")
    if not line.strip():
        raise click.UsageError(f"{parameter.opts[0]}: the first line is empty")
    context.meta[f"{_PIN}{parameter.opts[0].removesuffix('-file')}"] = line.strip()


def _given_pin(context: click.Context, parameter: click.Parameter, pin: str | None) -> str | None:
    name = parameter.opts[0]
    read = context.meta.get(f"{_PIN}{name}")
    if read is None:
        return pin
    if pin is not None:
        raise click.UsageError(f"one of {name} and {name}-file")
    return str(read)


def time_option(what: str) -> Callable[[_Function], _Function]:
    """``--time``, for :func:`check_time`."""
    return click.option(
        "--time",
        "when",
        metavar="YYYYMMDDhhmmss",
        help=f"{what}; now without it.  Example: --time 20260315101112",
    )


def amount_option(
    what: str, example: str = "1000", fen: click.IntRange = FEN
) -> Callable[[_Function], _Function]:
    """``--amount-fen``."""
    return click.option(
        "--amount-fen",
        type=fen,
        required=True,
        metavar="N",
        help=f"{what}, fen.  Example: --amount-fen {example}",
    )


def serial_option(what: str) -> Callable[[_Function], _Function]:
    """``--serial`` of a card, 4 bytes."""
    return click.option(
        "--serial",
        metavar="HEX8",
        type=hex_bytes(4),
        help=f"{what}  Example: --serial 00C0FFEE",
    )


NEW_SERIAL: Final = "Serial number, the last 4 bytes of the ATR; else random."

transport_options: Final = together(
    click.option(
        "--transport-key-file",
        metavar="FILE",
        type=FILE,
        help="Has the transport key (传输密钥) in its first line, 32 hex digits; without it the key"
        " is 16 bytes 00.  Example: --transport-key-file transport.key",
    ),
    click.option(
        "--transport-algorithm",
        type=ALGORITHMS,
        default=ALGORITHM_3DES,
        show_default=True,
        help="Algorithm of the transport key.  Example: --transport-algorithm sm4",
    ),
)
trace_options: Final = together(
    click.option(
        "--trace",
        is_flag=True,
        help="Show every exchange on stderr: time, command, parameters, status word in words;"
        " of secrets and citizens' data the length alone.",
    ),
    click.option(
        "--unsafe-trace",
        is_flag=True,
        help="Like --trace, with PINs, cryptograms and citizens' data in the clear.",
    ),
    file_option(
        "--pcapng",
        "pcapng_path",
        "FILE",
        "Write every exchange to a new file for Wireshark, PINs and citizens' data in the clear."
        "  Example: --pcapng card.pcapng",
    ),
)


def check_time(text: str | None) -> str | None:
    """``--time`` as it is, when it is a time."""
    if text is not None and parse_time(text) is None:
        raise click.UsageError("--time: must be a time as YYYYMMDDhhmmss")
    return text


policy_option: Final = file_option(
    "--policy",
    "policy_path",
    "FILE",
    "What the region decides (sscard-policy/1, see sscard schema policy); safe defaults without"
    " it.  Example: --policy policy.toml",
)
