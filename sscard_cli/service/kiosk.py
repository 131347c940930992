# SPDX-License-Identifier: Apache-2.0
"""``sscard service kiosk``: the self-service terminal in a browser."""

from __future__ import annotations

import ipaddress
import logging
from contextlib import ExitStack
from pathlib import Path

import click

from sscard_cli.options import FOLDER, file_option, listen_port, reader_option
from sscard_cli.output import say
from sscard_cli.service.options import centre_options, open_centre
from sscard_cli.stores import keys_option, open_keys


@click.command()
@file_option(
    "--card",
    "card_path",
    "CARD.ssc",
    "Image of a card, put in and taken out on the page.  Example: --card lin.ssc",
)
@reader_option("PC/SC reader that holders put their card into, by its name or part of it.")
@file_option("--psam", "psam_path", "PSAM.ssc", "Image of the PSAM.  Example: --psam psam.ssc")
@reader_option("PC/SC reader with the PSAM.", "'PCD 00 01'", name="--psam-reader")
@keys_option(required=False, use=" of the HSM that proves cards, without a PSAM")
@click.option(
    "--listen",
    type=listen_port,
    default="127.0.0.1:8099",
    show_default=True,
    metavar="HOST:PORT",
    help="Where the browser of this machine finds it; port 0 takes a free one."
    "  Example: --listen 127.0.0.1:8080",
)
@click.option(
    "--device",
    default="kiosk-1",
    show_default=True,
    metavar="TEXT",
    help="Number of the terminal, in the audit.  Example: --device hall-3",
)
@click.option(
    "--papers",
    type=FOLDER,
    metavar="FOLDER",
    help="Folder that papers are printed into as PDF.  Example: --papers printer",
)
@file_option(
    "--camera",
    "camera",
    "FILE.jpg",
    "What the simulated camera sees, read at each photo.  Example: --camera lin.jpg",
)
@file_option(
    "--scanner",
    "scanner",
    "FILE",
    "What lies on the simulated scanner: JPEG, PNG or PDF.  Example: --scanner id.png",
)
@centre_options
def kiosk(
    ledger_url: str,
    key_path: Path,
    region_path: Path | None,
    card_path: Path | None,
    reader: str | None,
    psam_path: Path | None,
    psam_reader: str | None,
    roots: str | None,
    passphrase_file: Path | None,
    listen: tuple[str, int],
    device: str,
    papers: Path | None,
    camera: Path | None,
    scanner: Path | None,
) -> None:
    """Serve a self-service terminal (自助服务终端) to this machine's browser, until Ctrl-C.

    It asks the centre in the channel kiosk. A card proves itself by internal authentication with
    the PSAM, or with --keys, and its PIN.

    \b
    Example:
      sscard service kiosk --card lin.ssc --psam psam.ssc --ledger city.db \\
        --service-keys service.keys
      chromium --kiosk http://127.0.0.1:8099/
    """  # fmt: skip
    if (card_path is None) == (reader is None):
        raise click.UsageError("one of --card and --reader")
    if [psam_path, psam_reader, roots].count(None) != 2:
        raise click.UsageError(
            "one of --psam, --psam-reader and --keys proves that cards are genuine"
        )
    if not _is_loopback(listen[0]):
        raise click.UsageError("--listen: a kiosk listens to this machine alone (127.0.0.1)")
    if papers is not None and not papers.is_dir():
        raise click.UsageError(f"{papers}: is no folder")
    from sscard_chip import Card
    from sscard_chip.settlement.serve import serve_application
    from sscard_chip.terminal.connection import Connection, Slots
    from sscard_chip.terminal.hsm import Hsm
    from sscard_chip.terminal.pcsc import PcscConnection
    from sscard_service.pages import ImagePort, Kiosk, KioskSlot, ReaderPort

    logging.basicConfig(format="sscard: %(message)s", level=logging.WARNING)
    with ExitStack() as stack:
        centre = stack.enter_context(open_centre(ledger_url, key_path, region_path))
        psam: Connection | None = None
        if psam_path is not None:
            psam = Slots.of_card(stack.enter_context(Card.open(psam_path))).contact
        elif psam_reader is not None:
            psam = stack.enter_context(PcscConnection(psam_reader))
        hsm = None
        if roots is not None:
            hsm = Hsm(stack.enter_context(open_keys(roots, passphrase_file)))
        port: ReaderPort | ImagePort
        if reader is not None:
            port = ReaderPort(reader)
            port.check()
        else:
            port = ImagePort(Path(str(card_path)))
        slot = KioskSlot(port, psam=psam, hsm=hsm)
        pages = stack.enter_context(
            Kiosk(centre, slot, device=device, papers=papers, camera=camera, scanner=scanner)
        )

        def ready(host: str, number: int) -> None:
            shown = f"[{host}]" if ":" in host else host
            say(f"the terminal {device} is at http://{shown}:{number}/")

        serve_application(pages.application(), *listen, ready=ready, extra="service")
    click.echo("ended, nothing of a visitor is kept")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
