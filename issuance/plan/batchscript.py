# SPDX-License-Identifier: Apache-2.0
"""Scripts of many cards as templates and what differs from them, a line each (JSON lines).

::

    {"format": "sscard-personalisation-batch/1", "template": 1, "generation": 3, "keys": {...},
     "steps": [{..., "command": "84D4000B34{value:0}{mac:TEMPORARY}", ...}, ...]}
    {"template": 1, "historical_bytes": HEX, "values": [HEX, ...]}

A card's script is its template with ``{value:N}`` replaced by its value N, from 0; all else is as
in :mod:`issuance.plan.script`. A template stands before the first card that has it; cards with
other steps, such as those with a photo, have another one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from issuance.plan.script import FORMAT as SCRIPT_FORMAT
from sscard_chip.standard.errors import InputError

FORMAT: Final = "sscard-personalisation-batch/1"

_GROUP: Final = 100
"""Cards that are compared with each other at once."""
_TOKENS: Final = re.compile(r"\{[^}]*\}|[^{]+")
_VALUE: Final = re.compile(r"\{value:([0-9]+)\}")
_HEX_PARTS: Final = ("command", "answer")

_ScriptDocument = Mapping[str, Any]
_Texts = list[str]
"""The hex of all steps of a card, in order, without placeholders."""


class BatchScriptError(InputError):
    """A file of scripts that cannot be read; one line without any of its data."""


def encode_scripts(documents: Iterable[_ScriptDocument]) -> bytes:
    """The lines of the scripts of many cards, documents as of ``plan_document``, in their order."""
    lines: list[bytes] = []
    rest, templates = iter(documents), 0
    while group := list(islice(rest, _GROUP)):
        shapes: dict[str, list[int]] = {}
        parts = []
        for index, document in enumerate(group):
            shape, own = _taken_apart(document)
            parts.append(own)
            shapes.setdefault(shape, []).append(index)
        number_of, values = {}, dict[int, _Texts]()
        for indexes in shapes.values():
            templates += 1
            common, differing = _compared([parts[index] for index in indexes])
            number_of[indexes[0]] = templates, _template(group[indexes[0]], common, templates)
            for index, own in zip(indexes, differing, strict=True):
                values[index] = own
                number_of.setdefault(index, (templates, {}))
        for index, document in enumerate(group):
            number, template = number_of[index]
            if template:
                lines.append(_line(template))
            card = {"template": number, "historical_bytes": document["historical_bytes"]}
            lines.append(_line(card | {"values": values[index]}))
    return b"".join(lines)


def read_scripts(path: Path) -> Iterator[dict[str, Any]]:
    """The scripts of a file, each a whole document of :mod:`issuance.plan.script`.

    :raises BatchScriptError:
    :raises OSError:
    """
    template: dict[int, dict[str, Any]] = {}
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            document = None
            try:
                found = json.loads(line)
                if "format" in found:
                    if found["format"] == FORMAT:
                        template[found["template"]] = found
                        continue
                else:
                    document = _filled(template[found["template"]], found)
            except (ValueError, KeyError, TypeError, IndexError):
                pass
            if document is None:
                raise BatchScriptError(f"{path}: line {number}: is no script of a card")
            yield document


def _taken_apart(document: _ScriptDocument) -> tuple[str, _Texts]:
    """What cards with the same steps have in common by their kind, and the hex in the steps."""
    parts: _Texts = []
    steps = []
    for step in document["steps"]:
        shape = dict(step)
        for name in _HEX_PARTS:
            if name in step:
                tokens = _TOKENS.findall(step[name])
                shape[name] = [token if token[0] == "{" else "" for token in tokens]
                parts += [token for token in tokens if token[0] != "{"]
        steps.append(shape)
    own = {"steps": steps, "keys": document["keys"], "generation": document["generation"]}
    return json.dumps(own), parts


def _compared(cards: Sequence[_Texts]) -> tuple[_Texts, list[_Texts]]:
    """What all cards have, with placeholders for the rest; and the rest of each card."""
    common: _Texts = []
    columns: list[_Texts] = []
    for column in zip(*cards, strict=True):
        start = _common(column)
        if all(part == column[0] for part in column):
            common.append(column[0])
            continue
        rests = [part[len(start) :] for part in column]
        end = _common([rest[::-1] for rest in rests])[::-1]
        common.append(f"{start}{{value:{len(columns)}}}{end}")
        columns.append([rest[: len(rest) - len(end)] for rest in rests])
    return common, [list(values) for values in zip(*columns, strict=True)] or [[] for _ in cards]


def _common(texts: Sequence[str]) -> str:
    """The bytes of hex that all texts begin with."""
    first, last = min(texts), max(texts)
    pairs = zip(first, last, strict=False)
    length = next((at for at, (one, other) in enumerate(pairs) if one != other), len(first))
    return first[: length // 2 * 2]


def _template(document: _ScriptDocument, common: _Texts, number: int) -> dict[str, Any]:
    parts = iter(common)

    def with_places(text: str) -> str:
        tokens = _TOKENS.findall(text)
        return "".join(token if token[0] == "{" else next(parts) for token in tokens)

    steps = []
    for step in document["steps"]:
        steps.append(step | {name: with_places(step[name]) for name in _HEX_PARTS if name in step})
    return {
        "format": FORMAT,
        "template": number,
        "generation": document["generation"],
        "keys": document["keys"],
        "steps": steps,
    }


def _filled(template: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    values = card["values"]

    def filled(text: str) -> str:
        return _VALUE.sub(lambda place: str(values[int(place[1])]), text)

    return {
        "format": SCRIPT_FORMAT,
        "generation": template["generation"],
        "historical_bytes": card["historical_bytes"],
        "keys": template["keys"],
        "steps": [
            step | {name: filled(step[name]) for name in _HEX_PARTS if name in step}
            for step in template["steps"]
        ],
    }


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
