# SPDX-License-Identifier: Apache-2.0
"""``sscard conformance run``: put the cases to a card and write the reports."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.standard.dates import is_digits
from sscard_chip.standard.escape import escape
from sscard_chip.terminal.conformance import (
    LEVELS,
    CaseResult,
    CaseVerdict,
    ConnectionTarget,
    ImageTarget,
    ImplementationStatement,
    JudgedCard,
    Level,
    SuiteRun,
    run_suite,
)
from sscard_chip.terminal.conformance.document import (
    SuiteDocument,
    document_of,
    to_json,
    to_junit,
)
from sscard_chip.terminal.connection import Connection
from sscard_cli.errors import RefusedError
from sscard_cli.named import named_function
from sscard_cli.options import (
    FILE,
    GENERATION,
    INTERFACES,
    file_option,
    force_option,
    json_option,
    pin_option,
    reader_option,
)
from sscard_cli.output import refuse_to_overwrite, write_file
from sscard_cli.screen import listing, show
from sscard_cli.stores import keys_option, open_keys

_OWN: Final = 8
_METHODS: Final = ("atr", "power_on", "reset", "power_off", "transmit")
_SHOWN: Final = (CaseVerdict.FAIL, CaseVerdict.ERROR, CaseVerdict.WARN, CaseVerdict.INCONCLUSIVE)


@click.command()
@file_option(
    "--card",
    "card_path",
    "CARD.ssc",
    "A card image; it is copied and never changed.  Example: --card zhang.ssc",
)
@reader_option("A card in a PC/SC reader.")
@click.option(
    "--python",
    "factory",
    metavar="MODULE:FACTORY",
    help="A function that gives a Connection, see the page.  Example: --python mycard:connect",
)
@click.option(
    "--generation",
    type=GENERATION,
    help="What the card should be; without it what it says itself.  Example: --generation 3",
)
@click.option(
    "--interface",
    type=INTERFACES,
    default="contact",
    show_default=True,
    help="How the card is reached.  Example: --interface contactless",
)
@click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="read",
    show_default=True,
    help="How far cases may go; each level has those before it.  Example: --level session",
)
@keys_option(required=False, use=" of the card, for cases that need them")
@pin_option("The card's PIN. Without it none is ever sent.")
@click.option(
    "--only",
    metavar="ID",
    multiple=True,
    help="Only this case, or those whose identifiers begin so; may be repeated."
    "  Example: --only SSC-32.5-7.14",
)
@file_option(
    "--ics",
    "ics_path",
    "FILE",
    "Implementation statement (sscard-ics/1), TOML or JSON.  Example: --ics ics.toml",
)
@click.option(
    "--out",
    metavar="REPORT.html",
    type=FILE,
    help="Write the report as a page.  Example: --out report.html",
)
@click.option(
    "--junit",
    metavar="FILE.xml",
    type=FILE,
    help="Write the report as JUnit.  Example: --junit report.xml",
)
@click.option(
    "--json-out",
    metavar="FILE.json",
    type=FILE,
    help="Write the report as sscard-conformance/1.  Example: --json-out report.json",
)
@click.option(
    "--destroy",
    metavar="HEX16",
    help="The last 8 bytes of the ATR: needed for the level destructive on a card that is no"
    " image, which is then lost for use.  Example: --destroy 9951010711223344",
)
@force_option
@json_option
def run(
    card_path: Path | None,
    reader: str | None,
    factory: str | None,
    roots: str | None,
    passphrase_file: Path | None,
    pin: str | None,
    ics_path: Path | None,
    out: Path | None,
    junit: Path | None,
    json_out: Path | None,
    destroy: str | None,
    only: tuple[str, ...],
    level: str,
    interface: str,
    generation: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Judge a card. The exit code is 0 when no case failed, 1 when one did, 2 for wrong usage.

    An image is copied for every case. A card in a reader keeps what is done to it: the level read
    changes nothing on it, session gives the PIN and keys that you name, write puts back what it
    writes.

    \b
    Example:
      sscard conformance run --card zhang.ssc --out report.html
      sscard conformance run --reader 'PCD 00 00' --generation 2 --pin 135790 --level session
      sscard conformance run --python mycard:connect --keys roots.json --level write
    """
    if sum(one is not None for one in (card_path, reader, factory)) != 1:
        raise click.UsageError("one of --card, --reader and --python")
    if pin is not None and not is_digits(pin, *range(4, 17)):
        raise click.UsageError("--pin: must be 4 to 16 digits")
    for path in (out, junit, json_out):
        if path is not None:
            refuse_to_overwrite(path, force=force)
    statement = ImplementationStatement.load(ics_path) if ics_path else None
    with ExitStack() as stack:
        target = _target(stack, card_path, reader, factory, interface == "contactless")
        if LEVELS[level] is Level.DESTRUCTIVE and target.lasting:
            _consent(target.connect(), destroy)
        store = stack.enter_context(open_keys(roots, passphrase_file)) if roots else None
        with _progress(as_json) as observer:
            found = run_suite(
                target,
                interface=interface,
                generation=generation,
                statement=statement,
                pin=pin or "",
                store=store,
                level=LEVELS[level],
                only=only,
                observer=observer,
            )
    if not found.results:
        raise click.UsageError("--only: there is no such case, see sscard conformance list")
    document = document_of(found, importlib.metadata.version("sscard-chip"))
    _write(document, out, junit, json_out, force=force)
    if as_json:
        click.echo(to_json(document).decode(), nl=False)
    else:
        _show(found)
    if not found.passed:
        click.get_current_context().exit(1)


def _target(
    stack: ExitStack,
    card_path: Path | None,
    reader: str | None,
    factory: str | None,
    contactless: bool,
) -> JudgedCard:
    if card_path is not None:
        return ImageTarget.load(card_path, contactless=contactless)
    if reader is not None:
        from sscard_chip.terminal.pcsc import PcscConnection

        return ConnectionTarget(stack.enter_context(PcscConnection(reader)), reader)
    name = factory or ""
    return ConnectionTarget(_made(name), name)


def _made(factory: str) -> Connection:
    """What a function of a module of the caller's gives; modules of the current folder count."""
    function = named_function("--python", factory, "MODULE:FACTORY")
    try:
        made: Any = function()
    except Exception as error:
        raise RefusedError(f"--python {escape(factory)}: {type(error).__name__}") from error
    missing = [method for method in _METHODS if not hasattr(made, method)]
    if missing:
        raise RefusedError(f"--python {escape(factory)}: gives no {', '.join(missing)}")
    connection: Connection = made
    return connection


def _consent(connection: Connection, destroy: str | None) -> None:
    """See that whoever wants to destroy a card has it before them."""
    own = bytes(connection.power_on())
    own = own[-_OWN - (len(own) > 1 and own[1] >> 7) :][:_OWN]
    if destroy is None or destroy.replace(" ", "").upper() != own.hex().upper():
        raise click.UsageError(
            "--level destructive spoils this card for good: name the last 8 historical bytes of"
            " its ATR with --destroy"
        )


@contextmanager
def _progress(quiet: bool) -> Iterator[Any]:
    """Shows each case that is not as it should be at once."""

    def observe(result: CaseResult) -> None:
        if result.verdict in _SHOWN:
            line = f"{result.verdict.value}: {result.case.identifier}: {result.case.title}"
            click.echo(escape(f"{line}: {result.reason} ({result.case.clause})"), err=True)

    yield None if quiet else observe


def _write(
    document: SuiteDocument,
    out: Path | None,
    junit: Path | None,
    json_out: Path | None,
    *,
    force: bool,
) -> None:
    if out is not None:
        from sscard_chip.terminal.conformance.page import render_report

        page = render_report(document).encode()
        write_file(out, lambda path: _put(path, page), force=force)
    if junit is not None:
        write_file(junit, lambda path: _put(path, to_junit(document)), force=force)
    if json_out is not None:
        write_file(json_out, lambda path: _put(path, to_json(document)), force=force)


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _show(found: SuiteRun) -> None:
    table = listing("verdict", "cases")
    for verdict in CaseVerdict:
        if found.counts[verdict]:
            table.add_row(verdict.value, str(found.counts[verdict]))
    subject = found.subject
    head = f"generation {subject.generation}, {subject.interface}, level {found.level.word}"
    show(f"{head}: {'passed' if found.passed else 'not passed'}", table)
    if found.stopped:
        click.echo(f"sscard: stopped: {found.stopped}", err=True)
