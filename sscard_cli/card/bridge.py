# SPDX-License-Identifier: Apache-2.0
"""``sscard bridge``: cards for the pages of hospitals, over WebSocket and HTTP."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_chip.standard.errors import require
from sscard_cli.card.driver_server import driver_environment
from sscard_cli.options import FILE, file_option, pin_option, reader_option


@click.command("bridge")
@click.option(
    "--card",
    "cards",
    multiple=True,
    type=FILE,
    metavar="CARD.ssc",
    help="Card image; several times for cards to swap, the first lies in the slot."
    "  Example: --card z.ssc",
)
@reader_option("PC/SC reader with the card, by its name or part of it.", "'PCD 00 00'")
@file_option("--psam", "psam", "PSAM.ssc", "PSAM image.  Example: --psam p.ssc")
@reader_option("PC/SC reader with the PSAM.", "'PCD 00 01'", name="--psam-reader")
@file_option(
    "--keys", "keys", "ROOTS.json", "Root keys of the HSM (iHSM_Answer).  Example: --keys r.json"
)
@pin_option("What is typed at the PIN pad; without it the tester is waited for.")
@file_option(
    "--config",
    "config",
    "FILE.toml",
    "Options of the libraries (docs/native.md); those here replace its rows."
    "  Example: --config driver.toml",
)
@click.option(
    "--listen",
    multiple=True,
    default=("127.0.0.1:12342",),
    show_default=True,
    metavar="HOST:PORT",
    help="Where pages ask; several times, this machine only.  Example: --listen 127.0.0.1:8321",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Pages that may ask, in place of those of localhost; null: pages from files."
    "  Example: --origin https://his.example",
)
@click.option(
    "--centre",
    default="",
    metavar="URL",
    help="The insurance platform, for POST /api/....  Example: --centre http://127.0.0.1:8097/fsi",
)
@file_option(
    "--token",
    "token_path",
    "FILE",
    "A line that opens the control page; else it is random.  Example: --token bridge.token",
)
def bridge(
    cards: tuple[Path, ...],
    reader: str | None,
    psam: Path | None,
    psam_reader: str | None,
    keys: Path | None,
    pin: str | None,
    config: Path | None,
    listen: tuple[str, ...],
    origins: tuple[str, ...],
    centre: str,
    token_path: Path | None,
) -> None:
    """Let pages in a browser read cards, over WebSocket and HTTP, until Ctrl-C or SIGTERM.

    Every port speaks all dialects (docs/bridge.md). The control page inserts, removes and swaps
    cards, presses a PIN and sets the next fault; its address has a token.

    \b
    Example:
      sscard bridge --card zhang.ssc --card li.ssc --psam psam.ssc
    """
    require("bridge", "bridge", "uvicorn", "websockets")
    from sscard_driver.browser.server import BrowserBridge
    from sscard_driver.server import read_token

    if cards and reader:
        raise click.UsageError("not both --card and --reader")
    if centre and not centre.startswith(("http://", "https://")):
        raise click.UsageError("--centre: must be the URL of an HTTP service")
    options = {
        "card": cards[0] if cards else None,
        "reader": reader,
        "psam": psam,
        "psam_reader": psam_reader,
        "keys": keys,
        "pin": pin,
    }
    environment, configuration = driver_environment(config, options)
    token = read_token(token_path) if token_path else b""
    images = cards or ((Path(configuration.card),) if configuration.card else ())
    served = BrowserBridge(
        environment, images, listen=listen, origins=origins, centre=centre, token=token
    )

    def say() -> None:
        for host, port in served.addresses:
            click.echo(f"serving pages at {host}:{port}")
        click.echo(f"control page: {served.control_page}")

    served.run(say)
