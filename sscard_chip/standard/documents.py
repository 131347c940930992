# SPDX-License-Identifier: Apache-2.0
"""Documents of our own formats, JSON and TOML, read from files into typed models.

The models are those of :mod:`sscard_chip.standard.models`. Errors are one line with the file, and
of each finding the line where there is one, the field and the rule; never a value.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from typing import (
    Any,
    Final,
    Self,
)

from sscard_chip.standard.errors import InputError
from sscard_chip.standard.inputfile import open_input
from sscard_chip.standard.models import (
    NOT_JSON_OBJECT,
    Broken,
    Model,
    ModelT,
    RuleFinding,
    convert,
    find,
    rule,
)

__all__ = [
    "NOT_JSON_OBJECT",
    "Broken",
    "Document",
    "DocumentError",
    "Model",
    "RuleFinding",
    "convert",
    "find",
    "parse_json",
    "read_json",
    "rule",
]

MAX_SIZE: Final = 16 * 1024 * 1024
MAX_FINDINGS: Final = 20
"""How many findings an error lists; the others it counts."""


class DocumentError(InputError):
    """A document that cannot be used: file, line, item and rule of each finding, in one line."""

    def __init__(
        self, source: str, item: str, rule: str, line: int = 0, more: Sequence[RuleFinding] = ()
    ) -> None:
        """``item``, ``rule`` and ``line`` are those of the first finding."""
        super().__init__(source, item, rule, line, tuple(more))
        self.source = source
        self.item = item
        self.rule = rule
        self.line = line
        self.findings = (RuleFinding(item, rule, line), *more)

    @classmethod
    def of(cls, source: str, findings: Sequence[RuleFinding]) -> Self:
        """The error of at least one finding."""
        first, *more = findings
        return cls(source, *first, more)

    def __str__(self) -> str:
        texts = [str(one) for one in self.findings[:MAX_FINDINGS]]
        if len(self.findings) > MAX_FINDINGS:
            texts.append(f"and {len(self.findings) - MAX_FINDINGS} more")
        return ": ".join(part for part in (self.source, "; ".join(texts)) if part)


class Document:
    """A document that was read. ``text`` is that of a TOML file, in which lines can be found."""

    def __init__(
        self, source: str, value: Any, error: type[DocumentError] = DocumentError, text: str = ""
    ) -> None:
        """``error`` is what every method raises; ``source`` stands in it."""
        self.source = source
        self.value = value
        self._error = error
        self._text = text

    @classmethod
    def load(cls, path: str | os.PathLike[str], error: type[DocumentError] = DocumentError) -> Self:
        """The document in a file: TOML when its name ends in .toml, else JSON."""
        content, source = read_content(path, error), os.fspath(path)
        if source.lower().endswith(".toml"):
            return cls.toml(content, source, error)
        return cls(source, parse_json(content, source, error), error)

    @classmethod
    def toml(cls, content: bytes, source: str, error: type[DocumentError] = DocumentError) -> Self:
        """The document in the content of a TOML file."""
        value = parse_toml(content, source, error)
        return cls(source, value, error, content.decode("utf-8"))

    def check(self, model: type[Model], context: Any = None, *, separator: str = " ") -> None:
        """Raise all broken rules; ``separator`` joins the names of an item."""
        found = find(model, self.value, context, separator=separator)
        if found:
            raise self.refused(found)

    def to(self, model: type[ModelT], context: Any = None, *, separator: str = " ") -> ModelT:
        """The typed document. Raises all broken rules."""
        self.check(model, context, separator=separator)
        return convert(model, self.value)

    def error(self, item: str, rule: str) -> DocumentError:
        """The error of a rule that the caller has checked."""
        return self.refused([RuleFinding(item, rule)])

    def refused(self, findings: Iterable[RuleFinding]) -> DocumentError:
        """The error of findings, with their lines."""
        lines = [one._replace(line=line_of(self._text, one.item)) for one in findings]
        return self._error.of(self.source, lines)


class _DuplicateKeyError(ValueError):
    pass


def _object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateKeyError
    return members


def _no_constant(name: str) -> object:
    raise ValueError


_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape that may be half a character."""


def parse_json(content: bytes, source: str = "", error: type[DocumentError] = DocumentError) -> Any:
    """The document in ``content``, UTF-8 with or without a byte order mark.

    A name that stands twice in one object is an error: one of its values would be lost. So is an
    escape of half a character (``\\ud800`` without its other half), which is no text.

    :raises DocumentError: or ``error``.
    """
    fault = ""
    try:
        text = content.decode("utf-8-sig")
        found = json.loads(text, object_pairs_hook=_object_of, parse_constant=_no_constant)
        if _HALF.search(text):
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except UnicodeDecodeError:
        fault = "must be UTF-8 text"
    except UnicodeEncodeError:
        fault = "has half a character"
    except _DuplicateKeyError:
        fault = "an object has the same name twice"
    except json.JSONDecodeError as broken:
        fault = f"is not JSON (line {broken.lineno}, column {broken.colno})"
    except (ValueError, RecursionError):
        fault = "is not JSON"
    # Raised here, so that no cause with the text hangs on the error.
    raise error(source, "", fault)


def parse_toml(content: bytes, source: str = "", error: type[DocumentError] = DocumentError) -> Any:
    """The document in ``content``, UTF-8.

    :raises DocumentError: or ``error``, with the line of a fault.
    """
    fault, line = "", 0
    try:
        return tomllib.loads(content.decode("utf-8").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        fault = "must be UTF-8"
    except tomllib.TOMLDecodeError as broken:
        match = re.search(r"^(.*) \(at line (\d+), column \d+\)$", str(broken))
        fault, line = (match[1], int(match[2])) if match else (str(broken), 0)
        fault = f"is no TOML: {fault}"
    except RecursionError:
        fault = "is no TOML: it is nested too deeply"
    raise error(source, "", fault, line)


def read_content(path: str | os.PathLike[str], error: type[DocumentError] = DocumentError) -> bytes:
    """The bytes of a file, at most :data:`MAX_SIZE`.

    :raises DocumentError: or ``error``.
    """
    fault = ""
    try:
        with open_input(path) as stream:
            content = stream.read(MAX_SIZE + 1)
        if len(content) <= MAX_SIZE:
            return content
        fault = f"is longer than {MAX_SIZE} bytes"
    except OSError as broken:
        fault = f"cannot be read ({broken.strerror or 'input/output error'})"
    raise error(os.fspath(path), "", fault)


def read_json(path: str | os.PathLike[str], error: type[DocumentError] = DocumentError) -> Any:
    """The JSON document in a file.

    :raises DocumentError: or ``error``, also when it cannot be read.
    """
    return parse_json(read_content(path, error), os.fspath(path), error)


def line_of(text: str, name: str) -> int:
    """The line on which a dotted field of TOML is set, that of its table when it is not, else 0."""
    found: dict[str, int] = {}
    table = ""
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?", line)
        if head:
            *above, last = head[2].split(".")
            table = ""
            for part in above:  # inside arrays of tables: the one that stands last
                table = f"{table}.{part}".lstrip(".")
                table += f".{counts[table]}" if table in counts else ""
            table = f"{table}.{last}".lstrip(".")
            if head[1] == "[[":
                counts[table] = counts.get(table, 0) + 1
                table = f"{table}.{counts[table]}"
            found.setdefault(table, number)
            continue
        assignment = re.match(r"""\s*(?:"([^"]+)"|'([^']+)'|([\w.-]+))\s*=""", line)
        if assignment:
            key = next(part for part in assignment.groups() if part)
            found.setdefault(f"{table}.{key}".lstrip("."), number)
    parts = re.split("[. ]", name)
    for end in range(len(parts), 0, -1):
        line_number = found.get(".".join(parts[:end]))
        if line_number:
            return line_number
    return 0
