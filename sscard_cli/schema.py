# SPDX-License-Identifier: Apache-2.0
"""``sscard schema``: the formats of this project's files, and what each may hold."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

import click

from sscard_cli.options import json_option
from sscard_cli.output import print_json
from sscard_cli.screen import listing, show

_KINDS: Final = (".schema.json", ".table.json")


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@json_option
def schema(name: str | None, as_json: bool) -> None:
    """List the formats of files, or print one: a JSON Schema, or the columns of a table.

    \b
    Example:
      sscard schema
      sscard schema holder > holder.schema.json
      sscard schema day
    """
    known = _documents()
    if name is None:
        rows = [(name, one["$comment"], one["title"]) for name, one in known.items()]
        if as_json:
            fields = ("name", "kind", "title")
            print_json({"formats": [dict(zip(fields, row, strict=True)) for row in rows]})
            return
        table = listing("name", "kind", "what it is")
        for row in rows:
            table.add_row(*row)
        show(table)
        return
    if name not in known:
        raise click.UsageError(f"there is no format {name!r}; sscard schema lists them")
    document = known[name]
    if as_json or "rows" not in document:
        print_json(document)
        return
    table = listing("row", "column", "holds")
    for row, columns in document["rows"].items():
        for column, holds in columns.items():
            table.add_row(row, column, holds)
    show(f"{document['title']}; {document['$comment']}", table)


def _documents() -> dict[str, dict[str, Any]]:
    """What ships in the package, by name."""
    found = {}
    for file in (files("issuance") / "schemas").iterdir():
        for suffix in _KINDS:
            if file.name.endswith(suffix):
                document = json.loads(file.read_text(encoding="utf-8"))
                found[file.name.removesuffix(suffix)] = document
    return dict(sorted(found.items()))
