# SPDX-License-Identifier: Apache-2.0
"""``sscard service ivr``: the hotline, for Asterisk or in a terminal."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import sys
from pathlib import Path
from typing import Any

import click

from sscard_cli.options import FILE, listen_port
from sscard_cli.output import say
from sscard_cli.service.options import centre_options, open_centre


def _show_flow(context: click.Context, _parameter: Any, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from sscard_service.ivr import default_flow_text

        click.echo(default_flow_text(), nl=False)
        context.exit()


def _sounds(_context: click.Context, _parameter: Any, value: str) -> str:
    if not re.fullmatch("[0-9A-Za-z_./-]{1,100}", value):
        raise click.BadParameter("must be a folder of letters, digits and / . _ -")
    return value.rstrip("/")


@click.command()
@centre_options
@click.option(
    "--flow",
    "flow_path",
    type=FILE,
    metavar="FILE.toml",
    help="The flow; the one that ships without it.  Example: --flow my-flow.toml",
)
@click.option(
    "--show-flow",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_flow,
    help="Print the flow that ships, with all prompts, and end.",
)
@click.option("--text", "as_text", is_flag=True, help="Play one call in this terminal.")
@click.option(
    "--caller",
    default="",
    metavar="NUMBER",
    help="The number that a call with --text comes from.  Example: --caller 19900001234",
)
@click.option(
    "--listen",
    type=listen_port,
    default="127.0.0.1:4573",
    show_default=True,
    metavar="HOST:PORT",
    help="Where it takes calls, only of this machine; port 0 takes a free one."
    "  Example: --listen 127.0.0.1:4574",
)
@click.option(
    "--sounds",
    default="sscard",
    show_default=True,
    metavar="FOLDER",
    callback=_sounds,
    help="Asterisk's folder of the prompts: FOLDER/zh/ID, FOLDER/en/ID.  Example: --sounds hotline",
)
def ivr(
    ledger_url: str,
    key_path: Path,
    region_path: Path | None,
    flow_path: Path | None,
    as_text: bool,
    caller: str,
    listen: tuple[str, int],
    sounds: str,
) -> None:
    """The hotline 12333 (电话自助): a FastAGI server until Ctrl-C or SIGTERM, or one call as text.

    With --text each line that is typed is what the caller keys in: an empty one is silence, the
    end of the input hangs up.

    \b
    Example:
      sscard service ivr --ledger city.db --service-keys service.keys
      sscard service ivr --text --ledger city.db --service-keys service.keys
    """
    with open_centre(ledger_url, key_path, region_path) as centre:
        from sscard_service.ivr import IvrCall, IvrServer, TextLine, load_flow

        flow = load_flow(centre.region, flow_path)
        if as_text:
            line = TextLine(flow, lambda: sys.stdin.readline() or None, click.echo)
            asyncio.run(IvrCall(flow, centre, line, caller=caller[:64]).play())
            return
        logging.basicConfig(format="sscard: %(message)s", level=logging.WARNING)
        asyncio.run(_serve(IvrServer(flow, centre, sounds=sounds), listen))
    click.echo("ended, every request answered")


async def _serve(server: Any, listen: tuple[str, int]) -> None:
    """Serve until a signal."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)

    def ready(host: str, port: int) -> None:
        say(f"taking calls at agi://{host}:{port}/")

    await server.serve(*listen, stop, ready)
