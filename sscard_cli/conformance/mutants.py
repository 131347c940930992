# SPDX-License-Identifier: Apache-2.0
"""``sscard conformance mutants`` and ``coverage``: that the suite can fail, and where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Final

import click

from issuance.mutants import MUTANTS, run_mutant
from issuance.roots import create_roots
from sscard_chip.terminal.conformance import catalogue
from sscard_chip.terminal.conformance.banking import bank_catalogue
from sscard_chip.terminal.conformance.case import Case
from sscard_chip.terminal.conformance.psam import psam_catalogue
from sscard_chip.terminal.conformance.tills import terminal_catalogue
from sscard_cli.options import json_option
from sscard_cli.output import print_json
from sscard_cli.screen import listing, show

CATALOGUES: Final[dict[str, Callable[[], tuple[Case, ...]]]] = {
    "card": catalogue,
    "psam": psam_catalogue,
    "bank": bank_catalogue,
    "terminal": terminal_catalogue,
}
"""The cases by what is judged."""


@click.command()
@click.option(
    "--only",
    "names",
    metavar="NAME",
    multiple=True,
    help="Only this one; may be repeated.  Example: --only atr-with-tck",
)
@click.option(
    "--of",
    "judged",
    type=click.Choice(["card", "psam", "bank", "terminal"]),
    help="Only faulty ones of a kind.  Example: --of terminal",
)
@click.option("--whole", is_flag=True, help="Put every case to each, not the one that names it.")
@json_option
def mutants(names: tuple[str, ...], judged: str | None, whole: bool, as_json: bool) -> None:
    """Put the suite to faulty cards, PSAMs, bank applications and terminals.

    Each must fail the case that is named for it.

    The cards are issued for it, with keys of their own. The exit code is 1 when one is not caught.

    \b
    Example:
      sscard conformance mutants
      sscard conformance mutants --of terminal
      sscard conformance mutants --only challenge-twice --whole
    """
    unknown = [name for name in names if name not in MUTANTS]
    if unknown:
        raise click.UsageError(f"there is no mutant {unknown[0]!r}")
    store = create_roots()
    rows = []
    for name in names or MUTANTS:
        if judged not in (None, MUTANTS[name].judged):
            continue
        found = run_mutant(MUTANTS[name], store, whole=whole)
        result = found.result
        rows.append(
            {
                "name": name,
                "wrong": found.mutant.wrong,
                "judged": found.mutant.judged,
                "kind": found.mutant.kind,
                "caught": found.caught,
                "case": result.case.identifier,
                "clause": result.case.clause,
                "verdict": result.verdict.value,
                "reason": result.reason,
            }
        )
    missed = [row for row in rows if not row["caught"]]
    if as_json:
        print_json({"mutants": rows})
    else:
        table = listing("mutant", "caught", "case", "what is wrong")
        for row in rows:
            caught = "yes" if row["caught"] else "no"
            table.add_row(str(row["name"]), caught, str(row["case"]), str(row["wrong"]))
        show(table, f"{len(rows) - len(missed)} of {len(rows)} caught")
    if missed:
        click.get_current_context().exit(1)


@click.command()
@json_option
def coverage(as_json: bool) -> None:
    """Show which cases and mutants every clause has.

    \b
    Example:
      sscard conformance coverage
      sscard conformance coverage --json
    """
    cases = defaultdict(list)
    every = (case for cases in CATALOGUES.values() for case in cases())
    names = {case.identifier: case.clause for case in every}
    for identifier, clause in names.items():
        cases[clause].append(identifier)
    caught = defaultdict(list)
    for mutant in MUTANTS.values():
        caught[names[mutant.caught_by]].append(mutant.name)
    if as_json:
        print_json(
            {
                "clauses": [
                    {"clause": clause, "cases": found, "mutants": caught.get(clause, [])}
                    for clause, found in cases.items()
                ]
            }
        )
        return
    table = listing("clause", "cases", "mutants")
    for clause, found in cases.items():
        table.add_row(clause, str(len(found)), ", ".join(caught.get(clause, [])))
    show(table, f"{len(cases)} clauses, {len(names)} cases, {len(MUTANTS)} mutants")
