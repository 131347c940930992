# SPDX-License-Identifier: Apache-2.0
"""``sscard conformance``: judge a card by the standard."""

from __future__ import annotations

from typing import Final

import click

from sscard_chip.terminal.conformance import LEVELS, Case
from sscard_chip.terminal.conformance.groups import GROUPS
from sscard_cli.conformance.mutants import CATALOGUES, coverage, mutants
from sscard_cli.conformance.others import bank, psam, terminal
from sscard_cli.conformance.run import run
from sscard_cli.options import GENERATION, json_option
from sscard_cli.output import print_json
from sscard_cli.screen import listing, show

_CASE: Final = "SSC-"


@click.group()
def conformance() -> None:
    """Judge a card by the standard: an image, a card in a reader, or one of your own program.

    Also a PSAM, the bank application of a card, and a terminal.

    \b
    Example:
      sscard conformance run --card zhang.ssc --out report.html
      sscard conformance list --clause 32.5-7.11
    """


for _command in (run, psam, bank, terminal, coverage, mutants):
    conformance.add_command(_command)


@conformance.command("list")
@click.option(
    "--clause",
    metavar="TEXT",
    help="Only cases of a clause, by its number or the beginning of their identifiers."
    "  Example: --clause 32.5-7.3",
)
@click.option(
    "--generation",
    type=GENERATION,
    help="Only those for cards of a generation.  Example: --generation 3",
)
@click.option(
    "--level", type=click.Choice(list(LEVELS)), help="Only those of a level.  Example: --level read"
)
@click.option(
    "--of",
    "judged",
    type=click.Choice(list(CATALOGUES)),
    default="card",
    show_default=True,
    help="What is judged.  Example: --of psam",
)
@json_option
def list_cases(
    clause: str | None, generation: int | None, level: str | None, judged: str, as_json: bool
) -> None:
    """List the cases: identifier, level, title.

    \b
    Example:
      sscard conformance list --level write
      sscard conformance list --clause 32.6-DF04 --json
      sscard conformance list --of terminal
    """
    chosen = [
        case
        for case in CATALOGUES[judged]()
        if _about(case, clause)
        and (generation is None or generation in case.generations)
        and (level is None or case.level is LEVELS[level])
    ]
    if as_json:
        print_json({"cases": [_document(case) for case in chosen]})
        return
    table = listing("case", "level", "title")
    for case in chosen:
        table.add_row(case.identifier, case.level.word, case.title)
    show(table, f"{len(chosen)} cases")


def _about(case: Case, clause: str | None) -> bool:
    """Whether a case is of a clause: 32.5-7.3 and not 32.5-7.30."""
    if clause is None:
        return True
    beginning = _CASE + clause.removeprefix(_CASE)
    rest = case.identifier.removeprefix(beginning)
    if case.identifier.startswith(beginning) and not rest[:1].isdigit():
        return True
    return any(clause == part or part.startswith(f"{clause} ") for part in case.clauses)


def _document(case: Case) -> dict[str, object]:
    return {
        "id": case.identifier,
        "title": case.title,
        "clauses": list(case.clauses),
        "group": GROUPS[case.group],
        "level": case.level.word,
        "confidence": case.confidence.value,
        "generations": sorted(case.generations),
        "interfaces": sorted(case.interfaces),
        "needs": sorted(case.needs),
    }
