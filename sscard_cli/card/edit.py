# SPDX-License-Identifier: Apache-2.0
"""``sscard edit``: a card image changed by what ``sscard info --json`` says of it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from sscard_chip import Card
from sscard_chip.profile.edit import CardEditError, edit_card
from sscard_chip.profile.local import load_local_file
from sscard_chip.standard.documents import MAX_SIZE, parse_json, read_json
from sscard_cli.images import replace_image
from sscard_cli.options import FILE_OR_STDIN, card_argument, json_option, local_files_option
from sscard_cli.output import print_json
from sscard_cli.screen import listing, show


@click.command()
@card_argument
@click.option(
    "--from",
    "document_path",
    required=True,
    metavar="FILE.json|-",
    type=FILE_OR_STDIN,
    help="What sscard info --json printed, edited; - is standard input."
    "  Example: --from zhang.json",
)
@click.option("--dry-run", is_flag=True, help="Show the changes and leave the card as it is.")
@local_files_option
@json_option
def edit(
    card_path: Path,
    document_path: Path,
    dry_run: bool,
    local_paths: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Change CARD.ssc to what a document says of it, all at once or not at all.

    The document is that of sscard info --json, whole or only the parts that change. Items (text or
    raw), bodies of transparent files, tries of PIN and keys, blocked, life_cycle and the medical
    account may change; keys, rights, bank, purse and transport may not. No right is asked for: the
    last column says which one the command would need.

    \b
    Example:
      sscard info zhang.ssc --json > zhang.json
      sscard edit zhang.ssc --from zhang.json --dry-run
    """
    source = str(document_path)
    if source == "-":
        content = sys.stdin.buffer.read(MAX_SIZE + 1)
        if len(content) > MAX_SIZE:
            raise CardEditError("-", "", f"is longer than {MAX_SIZE} bytes")
        document = parse_json(content, "-", CardEditError)
    else:
        document = read_json(document_path, CardEditError)
    local_files = [load_local_file(path) for path in local_paths]
    with Card.open(card_path) as card:
        memory, changes = edit_card(
            card.files.memory, document, source=source, local_files=local_files
        )
        if changes and not dry_run:
            replace_image(card_path, memory)
    if as_json:
        print_json({"card": str(card_path), "changes": [asdict(change) for change in changes]})
        return
    if not changes:
        click.echo("no changes")
        return
    table = listing("place", "was", "is" if not dry_run else "would be", "right of the command")
    for change in changes:
        table.add_row(change.place, change.before, change.after, change.right)
    show(table)
