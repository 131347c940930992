# SPDX-License-Identifier: Apache-2.0
"""``sscard service serve``: the HTTP interface and the website."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from sscard_cli.options import FOLDER, file_option, listen_port
from sscard_cli.output import say
from sscard_cli.service.options import centre_options, open_centre


@click.command()
@centre_options
@click.option(
    "--listen",
    type=listen_port,
    default="127.0.0.1:8098",
    show_default=True,
    metavar="HOST:PORT",
    help="Where it listens; port 0 takes a free one.  Example: --listen 0.0.0.0:8098",
)
@file_option(
    "--tls-certificate",
    "certificate",
    "FILE",
    "Serve HTTPS with this chain (PEM), and --tls-key.  Example: --tls-certificate chain.pem",
)
@file_option(
    "--tls-key", "key", "FILE", "The certificate's private key (PEM).  Example: --tls-key key.pem"
)
@click.option(
    "--outbox",
    "outbox",
    type=FOLDER,
    metavar="FOLDER",
    help="Write messages to holders and banks into this folder, and issue hotlists."
    "  Example: --outbox outbox",
)
@click.option(
    "--per-minute",
    type=click.IntRange(1, 1_000_000),
    default=600,
    show_default=True,
    metavar="N",
    help="Requests of an address a minute.  Example: --per-minute 6000",
)
def serve(
    ledger_url: str,
    key_path: Path,
    region_path: Path | None,
    listen: tuple[str, int],
    certificate: Path | None,
    key: Path | None,
    outbox: Path | None,
    per_minute: int,
) -> None:
    """Serve the website (/) and the interface /v1 over HTTP until Ctrl-C or SIGTERM.

    Its addresses are described at /v1/openapi.json. Beyond one machine, use HTTPS.

    \b
    Example:
      sscard service serve --ledger city.db --service-keys service.keys --outbox outbox
    """
    if (certificate is None) != (key is None):
        raise click.UsageError("--tls-certificate and --tls-key go together")
    from contextlib import ExitStack

    from sscard_chip.settlement.serve import TlsFiles, serve_application
    from sscard_service.http import create_application
    from sscard_service.pages import Site
    from sscard_service.worker import OutboxWorker

    tls = TlsFiles(certificate, key) if certificate and key else None
    logging.basicConfig(format="sscard: %(message)s", level=logging.WARNING)
    with ExitStack() as stack:
        centre = stack.enter_context(open_centre(ledger_url, key_path, region_path))

        def ready(host: str, port: int) -> None:
            if outbox is not None:
                stack.enter_context(OutboxWorker(centre, outbox))
            shown = f"[{host}]" if ":" in host else host
            scheme = "https" if tls else "http"
            say(f"serving {centre.ledger.name} at {scheme}://{shown}:{port}/v1")

        application = create_application(centre, per_minute=per_minute)
        site = Site(centre, secure=tls is not None, per_minute=per_minute)
        application.router.routes.extend(site.routes)
        serve_application(application, *listen, tls=tls, ready=ready, extra="service")
    click.echo("ended, every request answered")
