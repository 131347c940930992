# SPDX-License-Identifier: Apache-2.0
"""``sscard keys``: files of root keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sscard_cli.options import force_option, json_option, local_files_option

if TYPE_CHECKING:
    from sscard_chip.profile import Profile
    from sscard_chip.profile.local import LocalFile


@click.group()
def keys() -> None:
    """Root keys (根密钥) that the keys of all cards are derived from.

    \b
    Example:
      sscard keys create roots.json
    """


@keys.command()
@click.argument("roots_path", metavar="ROOTS.json", type=click.Path(path_type=Path))
@local_files_option
@force_option
@json_option
def create(roots_path: Path, local_paths: tuple[Path, ...], force: bool, as_json: bool) -> None:
    """Create random root keys for tests: all names, both algorithm suites.

    With --local-files, also those that a region's own files name.

    The file is plain text and readable by its owner alone. Keys of real cards belong into an
    encrypted store or a hardware module.

    \b
    Example:
      sscard keys create roots.json
    """
    from issuance.roots import create_roots
    from sscard_chip.profile.local import load_local_file
    from sscard_cli.output import print_json, refuse_to_overwrite, write_file

    refuse_to_overwrite(roots_path, force=force)
    local_files = [load_local_file(path) for path in local_paths]
    roots = create_roots(extra=_extended_profiles(local_files))
    write_file(roots_path, roots.save, force=force)
    if as_json:
        print_json({"roots": str(roots_path)})
    else:
        click.echo(f"{roots_path}: random root keys for 3des and sm4, for tests only")


def _extended_profiles(local_files: list[LocalFile]) -> list[Profile]:
    """The profiles of those generations that the local files fit; LocalFileError for none."""
    from sscard_chip.profile import for_generation
    from sscard_chip.profile.generations import GENERATIONS
    from sscard_chip.profile.local import LocalFileError

    profiles, misfit = [], None
    for generation in GENERATIONS:
        try:
            profiles.append(for_generation(generation, local_files=local_files))
        except LocalFileError as error:
            misfit = error
    if misfit and not profiles:
        raise misfit
    return profiles
