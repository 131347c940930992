# SPDX-License-Identifier: Apache-2.0
"""``sscard service region``: a region's document."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_cli.options import FILE
from sscard_cli.output import say


@click.command()
@click.argument("path", metavar="[FILE.toml]", required=False, type=FILE)
def region(path: Path | None) -> None:
    """Print the region that ships, to be changed; or check a region's own document.

    \b
    Example:
      sscard service region > my.toml
      sscard service region my.toml
    """
    from sscard_service.region import default_text, load_region

    if path is None:
        click.echo(default_text(), nl=False)
        return
    found = load_region(path)
    say(f"{path}: {len(found.channels)} channels, good")
