# SPDX-License-Identifier: Apache-2.0
"""The C source of what a library exports, over the function ``call`` of its glue.

It is the same for the libraries of Linux (glue.c) and of Windows (windows/client.c).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sscard_driver.exports import Export
from sscard_driver.libraries import Library

_DONE: Final = '"0000"'
_FAILED: Final = '"9999"'


def source(library: Library, head: Callable[[str], str] = str) -> str:
    """All functions of a library in C. ``head`` may change the head of each."""
    functions = [_function(export, head) for export in library.exports.values()]
    functions += [_empty(signature, head) for signature in library.others.values()]
    return "\n".join(functions)


def _function(export: Export, head: Callable[[str], str]) -> str:
    """A function: a NULL pointer, or no room in a buffer, is SSCARD_E_PARAMETER."""
    buffers = ", ".join(f"{{{out.name}, {out.length or out.size}}}" for out in export.outs)
    arguments = ", ".join(
        _argument(parameter.name, parameter.name in export.optional)
        if parameter.type is str
        else f"{{{parameter.name}, NULL}}"
        for parameter in export.parameters
    )
    missing = [
        f"{parameter.name} == NULL"
        for parameter in export.parameters
        if parameter.type is str and parameter.name not in export.optional
    ]
    missing += [f"{out.name} == NULL" for out in export.outs]
    missing += [f"{out.length} <= 0" for out in export.outs if out.length]
    lines = [head(export.signature), "{"]
    if arguments:
        lines.append(f"    struct sscard_argument arguments[] = {{{arguments}}};")
    if buffers:
        lines.append(f"    struct sscard_buffer buffers[] = {{{buffers}}};")
    given = f"{'arguments' if arguments else 'NULL'}, {len(export.parameters)}"
    room = f"{'buffers' if buffers else 'NULL'}, {len(export.outs)}"
    lines.append("")
    if missing:
        lines.append(f"    if ({' || '.join(missing)})")
        lines.append(f"        return {_result(export, f'no_parameter({room})')};")
    called = f'call("{export.name}", {given}, {room})'
    lines += [f"    return {_result(export, called)};", "}", ""]
    return "\n".join(lines)


def _argument(name: str, optional: bool) -> str:
    return f'{{0, {name} == NULL ? "" : {name}}}' if optional else f"{{0, {name}}}"


def _result(export: Export, code: str) -> str:
    if export.result == "char *":
        return f"{code} == 0 ? {_DONE} : {_FAILED}"
    return f"(int){code}" if export.result == "int" else code


def _empty(signature: str, head: Callable[[str], str]) -> str:
    names = signature.partition("(")[2].rstrip(")").split(",")
    unused = [name.split()[-1].lstrip("*") for name in names if name != "void"]
    ignored = "".join(f"    (void){name};\n" for name in unused)
    return f"{head(signature)}\n{{\n{ignored}    return 0;\n}}\n"
