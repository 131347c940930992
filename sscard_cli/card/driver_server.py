# SPDX-License-Identifier: Apache-2.0
"""``sscard driver-server`` and ``sscard driver-dlls``: the terminal for Windows programs."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import click

from sscard_chip.standard.errors import require
from sscard_cli.options import FOLDER, file_option, json_option, pin_option, reader_option
from sscard_cli.output import print_json, say
from sscard_driver.configuration import FILE_VARIABLE, PREFIX, Configuration, load_configuration


def driver_environment(
    config: Path | None, options: Mapping[str, str | os.PathLike[str] | None]
) -> tuple[dict[str, str], Configuration]:
    """The environment with a file of options and options of the command line, and what it says.

    :raises ConfigurationError:
    :raises ExtraMissingError: a card in a reader, and no ``pcsc``.
    """
    environment = dict(os.environ)
    if config is not None:
        environment[FILE_VARIABLE] = os.fspath(config)
    for name, value in options.items():
        if value is not None:
            environment[PREFIX + name.upper()] = os.fspath(value)
    configuration = load_configuration(environment)
    if configuration.reader or configuration.psam_reader:
        require("pcsc", "a card in a reader", "smartcard")
    return environment, configuration


@click.command("driver-server")
@file_option(
    "--config",
    "config",
    "FILE.toml",
    "Options of the libraries (docs/native.md); those below replace its rows."
    "  Example: --config driver.toml",
)
@file_option("--card", "card", "CARD.ssc", "Card image.  Example: --card z.ssc")
@reader_option("PC/SC reader with the card, by its name or part of it.", "'PCD 00 00'")
@file_option("--psam", "psam", "PSAM.ssc", "PSAM image.  Example: --psam p.ssc")
@reader_option("PC/SC reader with the PSAM.", "'PCD 00 01'", name="--psam-reader")
@pin_option("What is typed at the PIN pad.")
@pin_option("What is typed when a new PIN is asked for.", "--new-pin", "246802")
@click.option(
    "--listen",
    default="127.0.0.1:33033",
    show_default=True,
    metavar="HOST:PORT",
    help="Where the libraries call; port 0 takes a free one.  Example: --listen 127.0.0.1:0",
)
@file_option(
    "--token",
    "token_path",
    "FILE",
    "A line that every library must show; other machines need one.  Example: --token driver.token",
)
def driver_server(
    config: Path | None,
    card: Path | None,
    reader: str | None,
    psam: Path | None,
    psam_reader: str | None,
    pin: str | None,
    new_pin: str | None,
    listen: str,
    token_path: Path | None,
) -> None:
    """Serve a terminal to SSCardDriver.dll and its neighbours until Ctrl-C or SIGTERM.

    Cards, PSAM, PIN pad and keys as for the libraries of Linux: a file, SSCARD_DRIVER_… in the
    environment, or the options. Many programs may call; their calls wait for each other.

    \b
    Example:
      sscard driver-server --card zhang.ssc --psam psam.ssc --pin 135790
    """
    from sscard_driver.server import DriverServer, read_token

    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 0xFFFF:
        raise click.UsageError("--listen: must be HOST:PORT")
    options = {
        "card": card,
        "reader": reader,
        "psam": psam,
        "psam_reader": psam_reader,
        "pin": pin,
        "new_pin": new_pin,
    }
    environment, _ = driver_environment(config, options)
    token = read_token(token_path) if token_path else b""
    server = DriverServer(host.strip("[]"), int(port), token=token, environment=environment)

    def end(*_: object) -> None:
        threading.Thread(target=server.stop).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    shown, number = server.address
    say(f"serving the terminal at {shown}:{number}")
    server.run()


@click.command("driver-dlls")
@click.argument("directory", type=FOLDER, metavar="DIRECTORY")
@json_option
def driver_dlls(directory: Path, as_json: bool) -> None:
    """Write the Windows libraries, their headers and settings into DIRECTORY.

    win32 and win64 have SSCardDriver.dll, HeaSecReadInfo.dll, SSCard.dll, NationECCode.dll and
    dcrf32.dll for stdcall programs, win32-cdecl the same for cdecl ones. Copy one folder beside
    the program; SSCardDriver.ini in it says where sscard driver-server is.

    \b
    Example:
      sscard driver-dlls windows/
    """
    from sscard_driver.windows.files import write_files

    paths = write_files(directory)
    if as_json:
        print_json([os.fspath(path) for path in paths])
    else:
        for path in paths:
            say(os.fspath(path))
