# SPDX-License-Identifier: Apache-2.0
"""A group whose commands are imported when they are used; their one-line helps stand beside it.

What is typed as text is text: bytes that are none are refused by the name of their option, before a
database or a library chokes on them. Names of files may be any bytes, as the system allows.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final, cast

import click
from click.types import StringParamType


class _Text(StringParamType):
    """What is typed for an option or an argument that is no file."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See :meth:`click.ParamType.convert`."""
        text = super().convert(value, param, ctx)
        if any("\ud800" <= one <= "\udfff" for one in text):
            self.fail("is not UTF-8", param, ctx)
        return text


_TEXT: Final = _Text()


def _with_texts_checked(command: click.Command) -> None:
    for parameter in command.params:
        if type(parameter.type) is StringParamType:
            parameter.type = _TEXT
    if isinstance(command, click.Group):
        for one in command.commands.values():
            _with_texts_checked(one)


class LazyGroup(click.Group):
    """Imports a command's module when the command is used.

    ``lazy`` is command -> (module, attribute, one-line help).
    """

    def __init__(self, *, lazy: Mapping[str, tuple[str, str, str]], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of the help."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command.

        :raises ExtraMissingError: when its module needs what is not installed.
        """
        if cmd_name not in self._lazy:
            return None
        module, attribute, _ = self._lazy[cmd_name]
        command = cast(click.Command, getattr(importlib.import_module(module), attribute))
        _with_texts_checked(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of the help, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in self._lazy.items()])
