# SPDX-License-Identifier: Apache-2.0
"""``sscard shell``: talk to a card in short lines, or run a file of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from getpass import getpass
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip import Card
from sscard_chip.profile.local import load_local_file
from sscard_chip.terminal.connection import Connection, connect_card
from sscard_chip.terminal.pcsc import PcscConnection
from sscard_chip.terminal.recording import Recording, Replay
from sscard_chip.terminal.shell import (
    GrammarError,
    MaskedConnection,
    Shell,
    ShellHistory,
    parse_line,
    recorded_without_secrets,
    without_secret,
)
from sscard_cli.errors import RefusedError
from sscard_cli.options import (
    INTERFACES,
    NamedPath,
    file_option,
    local_files_option,
    reader_option,
)
from sscard_cli.output import say
from sscard_cli.stores import keys_option, open_keys

_STYLES: Final[dict[str, dict[str, Any]]] = {"!": {"fg": "red"}, ">": {"dim": True}}


@click.command()
@file_option(
    "--card",
    "card_path",
    "CARD.ssc",
    "A card image, in process; what the lines change is saved.  Example: --card zhang.ssc",
)
@click.option(
    "--interface",
    type=INTERFACES,
    help="How --card is reached; contact without it.  Example: --interface contactless",
)
@reader_option("A PC/SC reader by its name or a part of it.", "'Virtual PCD 00 00'")
@file_option(
    "--replay",
    "replay_path",
    "FILE",
    "A session that --record made.  Example: --replay session.jsonl",
)
@file_option(
    "--record",
    "record_path",
    "FILE",
    "Record the session in a new file, PINs as FF.  Example: --record session.jsonl",
)
@keys_option(required=False, use=" for ea and for checking ia")
@click.option(
    "-c",
    "--commands",
    "script",
    metavar="FILE",
    type=NamedPath(dir_okay=False, allow_dash=True),
    help="Run the lines of a file, - for stdin, up to the first that fails."
    "  Example: --commands check.txt",
)
@click.option("-k", "--keep-going", is_flag=True, help="With -c, run the lines behind it too.")
@click.option(
    "--no-identify",
    is_flag=True,
    help="Send nothing of our own; the generation is learnt from what the card answers.",
)
@click.option(
    "--unsafe", is_flag=True, help="Show PINs and keys in commands, and record them as they are."
)
@local_files_option
def shell(
    card_path: Path | None,
    interface: str | None,
    reader: str | None,
    replay_path: Path | None,
    record_path: Path | None,
    roots: str | None,
    passphrase_file: Path | None,
    script: str | None,
    keep_going: bool,
    no_identify: bool,
    unsafe: bool,
    local_paths: tuple[Path, ...],
) -> None:
    """Talk to a card: names instead of hexadecimal, decoded answers, expected status words.

    A line is a command by name, or an APDU; help lists them. With -c the exit code is 1 when a
    line could not be run or its status word was not the expected one.

    \b
    Example:
      sscard shell --card zhang.ssc --keys roots.json
      sscard shell --reader "Virtual PCD" -c check.txt
    """
    if [card_path, reader, replay_path].count(None) != 2:
        raise click.UsageError("give one of --card, --reader and --replay")
    if interface and not card_path:
        raise click.UsageError("--interface goes with --card")
    # Grammar first: a wrong line must not be found with half of a card written.
    lines = _script(script or "-") if script or not sys.stdin.isatty() else None
    if keep_going and lines is None:
        raise click.UsageError("--keep-going goes with --commands")
    if unsafe:
        click.echo("sscard: warning: PINs and keys are shown", err=True)
    with ExitStack() as stack:
        connection, require_end = _connect(stack, card_path, interface, reader, replay_path)
        if record_path:
            recording = stack.enter_context(Recording(record_path))
            if unsafe:
                connection = recording.connection(connection)
            else:
                connection = recorded_without_secrets(recording, connection)
        keys = stack.enter_context(open_keys(roots, passphrase_file)) if roots else None
        session = Shell(
            connection,
            keys=keys,
            local_files=[load_local_file(path) for path in local_paths],
            unsafe=unsafe,
            ask=_ask if lines is None else None,
        )
        _print(session.start(identify=not no_identify).lines)
        if lines is None:
            _interact(session)
        else:
            _run(session, lines, keep_going)
        require_end()


def _connect(
    stack: ExitStack,
    card_path: Path | None,
    interface: str | None,
    reader: str | None,
    replay_path: Path | None,
) -> tuple[Connection, Callable[[], None]]:
    """The connection, and what to call at the end of the session."""
    if card_path:
        card = stack.enter_context(Card.open(card_path))
        return connect_card(card, contactless=interface == "contactless"), lambda: None
    if replay_path:
        replayed = Replay(replay_path).connection()
        return MaskedConnection(replayed), replayed.require_finished
    return stack.enter_context(PcscConnection(reader or "")), lambda: None


# --- lines from a file --------------------------------------------------------------------------


def _script(source: str) -> list[tuple[int, str]]:
    """The numbered lines of a file that are commands; a usage error for one that is none."""
    name = "stdin" if source == "-" else source
    try:
        with click.open_file(source, encoding="utf-8-sig") as file:
            texts = file.read().splitlines()
    except UnicodeDecodeError:
        raise click.UsageError(f"{name}: is not UTF-8") from None
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            if parse_line(text).command is not None:
                lines.append((number, text))
        except GrammarError as error:
            raise click.UsageError(f"{name} line {number}: {error}") from None
    return lines


def _run(session: Shell, lines: list[tuple[int, str]], keep_going: bool) -> None:
    """Raises RefusedError when a line fails: at once, or at the end."""
    failed = []
    for number, text in lines:
        click.echo(f"\n[{number}] {without_secret(text.strip())}")
        reply = session.run_line(text)
        _print(reply.lines)
        if not reply.passed:
            failed.append(number)
        if reply.finished or (failed and not keep_going):
            break
    if failed:
        plural = "lines" if len(failed) > 1 else "line"
        raise RefusedError(f"shell: {plural} {', '.join(map(str, failed))} failed")


# --- lines from a person ------------------------------------------------------------------------


def _ask(question: str) -> str:
    try:
        return getpass(question)
    except EOFError:
        return ""


def _history_path() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "sscard" / "shell_history"


def _interact(session: Shell) -> None:
    history = ShellHistory(_history_path(), _prepare_readline(session))
    try:
        while True:
            try:
                line = input(f"sscard {session.prompt}> ")
            except EOFError:
                click.echo()
                break
            except KeyboardInterrupt:
                click.echo()
                continue
            history.add(line)
            reply = session.run_line(line)
            _print(reply.lines)
            if reply.finished:
                break
    finally:
        try:
            history.save()
        except OSError as error:
            say(f"sscard: the history is not kept: {error.strerror}", err=True)


def _prepare_readline(session: Shell) -> Callable[[str], None]:
    """Set completion up and return what keeps a line for the arrow keys."""
    try:
        import readline
    except ImportError:  # a Python built without it: no editing, no completion
        return lambda _: None
    found: list[str] = []

    def completer(_: str, state: int) -> str | None:
        if state == 0:
            before = readline.get_line_buffer()[: readline.get_endidx()]
            found[:] = session.complete(before)
            if len(found) == 1:  # readline adds no blank by itself in Python
                found[0] += " "
        return found[state] if state < len(found) else None

    readline.set_completer(completer)
    readline.set_completer_delims(" ")
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
    # Otherwise every line is kept for the arrow keys, also one with a PIN.
    readline.set_auto_history(False)
    return readline.add_history


def _print(lines: tuple[str, ...]) -> None:
    for line in lines:
        style = _STYLES.get(line[:1])
        click.echo(click.style(line, **style) if style else line)
