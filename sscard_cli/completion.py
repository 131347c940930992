# SPDX-License-Identifier: Apache-2.0
"""``sscard completion``: the script that teaches a shell our commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Example:
      eval "$(sscard completion bash)"
      sscard completion fish > ~/.config/fish/completions/sscard.fish
    """
    generator = get_completion_class(shell)
    if generator is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(
        generator(
            click.get_current_context().find_root().command, {}, "sscard", "_SSCARD_COMPLETE"
        ).source()
    )
