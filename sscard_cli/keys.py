# SPDX-License-Identifier: Apache-2.0
"""``sscard keys``: files of root keys."""

from __future__ import annotations

from pathlib import Path

import click

from sscard_cli.options import force_option, json_option


@click.group()
def keys() -> None:
    """Root keys (根密钥) that the keys of all cards are derived from.

    \b
    Example:
      sscard keys create roots.json
    """


@keys.command()
@click.argument("roots_path", metavar="ROOTS.json", type=click.Path(path_type=Path))
@force_option
@json_option
def create(roots_path: Path, force: bool, as_json: bool) -> None:
    """Create random root keys, all names, both algorithm suites, for tests.

    The file is plain text and readable by its owner alone. Keys of real cards belong into an
    encrypted store or a hardware module.

    \b
    Example:
      sscard keys create roots.json
    """
    from issuance.roots import create_roots
    from sscard_cli.output import print_json, refuse_to_overwrite, write_file

    refuse_to_overwrite(roots_path, force=force)
    roots = create_roots()
    write_file(roots_path, roots.save, force=force)
    if as_json:
        print_json({"roots": str(roots_path)})
    else:
        click.echo(f"{roots_path}: random root keys for 3des and sm4, for tests only")
