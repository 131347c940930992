# SPDX-License-Identifier: Apache-2.0
"""The parts of an XLSX package beside its sheet: workbook, styles, shared strings.

Each part is unpacked and parsed in blocks, with a limit for what it may measure unpacked.
"""

from __future__ import annotations

import re
import tempfile
from array import array
from collections.abc import Callable, Iterator
from functools import lru_cache
from posixpath import join, normpath
from typing import IO, Any, Final, NamedTuple
from xml.parsers.expat import ParserCreate
from zipfile import ZipFile

from issuance.holders.cells import LONGEST_ROW
from sscard_chip.closing import Closing
from sscard_chip.standard.errors import InputError

_BLOCK: Final = 1 << 16
_MAX_TOKEN: Final = 1 << 20
_MAX_DEPTH: Final = 64
_MAX_PART: Final = 8 << 20
_MAX_DIRECTORY: Final = 4 << 20
_MAX_STYLES: Final = 1 << 16
_MAX_STRINGS: Final = 8_000_000
_MAX_TEXT: Final = 1 << 29

_ROOT: Final = "_rels/.rels"
_ESCAPE: Final = re.compile("_x([0-9A-Fa-f]{4})_")
_DATES: Final = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
"""Formats of dates that need no code, those of Chinese spreadsheets too (clause 18.8.30)."""


class XlsxError(InputError):
    """What is wrong with a package; never a value."""


class Handlers(NamedTuple):
    """What a parser calls: with name and attributes, with a name, with characters."""

    start: Callable[[str, dict[str, str]], None]
    end: Callable[[str], None] = lambda name: None
    characters: Callable[[str], None] = lambda text: None


class Workbook(NamedTuple):
    """Names of parts; ``strings`` is empty in a package without shared strings.

    ``date_styles`` are the styles, as cells name them, that show a number as a date.
    """

    sheet: str
    strings: str
    date_styles: frozenset[str]
    from_1904: bool


def check_directory(stream: IO[bytes]) -> None:
    """See that the directory of an archive is one that may be read into memory.

    :raises XlsxError:
    """
    head = stream.read(8)
    if head == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise XlsxError("is no XLSX file but an older one, or has a password: save it as XLSX")
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 22 - (1 << 16)))
    tail = stream.read()
    at = tail.rfind(b"PK\5\6")
    stream.seek(0)
    if at < 0 or len(tail) < at + 22:
        raise XlsxError("is no XLSX file with a sheet")
    if b"PK\6\7" in tail[:at] or int.from_bytes(tail[at + 12 : at + 16], "little") > _MAX_DIRECTORY:
        raise XlsxError("has too many parts")


def local_name(name: str) -> str:
    """The name of an element without its prefix."""
    return name.rpartition(":")[2] if ":" in name else name


def unescaped(text: str) -> str:
    """A text whose ``_x000D_`` are the characters that XML cannot write (clause 22.9.2.19)."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def part_blocks(archive: ZipFile, name: str, limit: int) -> Iterator[bytes]:
    """The content of a part.

    :raises XlsxError: it is longer than ``limit`` bytes.
    """
    size = 0
    with archive.open(name) as part:
        while block := part.read(_BLOCK):
            size += len(block)
            if size > limit:
                raise XlsxError(f"has a part of more than {limit >> 20} MiB")
            yield block


def parse_part(
    archive: ZipFile, name: str, handlers: Handlers, limit: int = _MAX_PART
) -> Iterator[None]:
    """Parse a part, and give the caller its turn after each block.

    :raises XlsxError: too long, too deep, or with a document type, whose entities unfold.
    """
    parser = ParserCreate()
    depth, fed = 0, 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise XlsxError("has elements too deep inside each other")
        handlers.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        handlers.end(tag)

    def doctype(*_: Any) -> None:
        raise XlsxError("has a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handlers.characters
    parser.StartDoctypeDeclHandler = doctype
    for block in part_blocks(archive, name, limit):
        parser.Parse(block)
        fed += len(block)
        if fed - max(parser.CurrentByteIndex, 0) > _MAX_TOKEN:
            raise XlsxError(f"has an element of more than {_MAX_TOKEN >> 20} MiB")
        yield
    parser.Parse(b"", True)
    yield


def read_workbook(archive: ZipFile) -> Workbook:
    """Where the first sheet that is shown lies, and what its styles are.

    :raises XlsxError:
    """
    names = set(archive.namelist())
    books = [part for kind, part in _relations(archive, "").values() if kind == "officeDocument"]
    book = books[0] if books else "xl/workbook.xml"
    if book not in names:
        raise XlsxError("is no XLSX file with a sheet")
    sheets: list[tuple[bool, str]] = []
    from_1904 = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal from_1904
        tag = local_name(name)
        if tag == "workbookPr":
            from_1904 = attributes.get("date1904") in ("1", "true")
        elif tag == "sheet" and len(sheets) < _MAX_STYLES:
            hidden = attributes.get("state", "visible") != "visible"
            found = [value for key, value in attributes.items() if key.endswith(":id")]
            sheets.append((hidden, found[0] if found else ""))

    for _ in parse_part(archive, book, Handlers(start)):
        pass
    relations = _relations(archive, book)
    parts = [(hidden, relations.get(one, ("", ""))) for hidden, one in sheets]
    tables = [(hidden, part) for hidden, (kind, part) in parts if kind == "worksheet"]
    shown = [part for hidden, part in tables if not hidden] or [part for _, part in tables]
    if not shown or shown[0] not in names:
        raise XlsxError("is no XLSX file with a sheet")
    by_kind = {kind: part for kind, part in relations.values() if part in names}
    strings, styles = (by_kind.get(kind, f"xl/{kind}.xml") for kind in ("sharedStrings", "styles"))
    return Workbook(
        shown[0],
        strings if strings in names else "",
        _date_styles(archive, styles) if styles in names else frozenset(),
        from_1904,
    )


def _relations(archive: ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Kind and name of the parts that a part refers to, by identifier."""
    folder, _, name = part.rpartition("/")
    where = join(folder, "_rels", f"{name}.rels") if part else _ROOT
    found: dict[str, tuple[str, str]] = {}
    if where not in archive.namelist():
        return found

    def start(element: str, attributes: dict[str, str]) -> None:
        if local_name(element) == "Relationship" and len(found) < _MAX_STYLES:
            kind = attributes.get("Type", "").rpartition("/")[2]
            target = normpath(join("/", folder, attributes.get("Target", ""))).lstrip("/")
            found[attributes.get("Id", "")] = kind, target

    for _ in parse_part(archive, where, Handlers(start)):
        pass
    return found


def _date_styles(archive: ZipFile, part: str) -> frozenset[str]:
    from openpyxl.styles.numbers import is_date_format

    dates = {str(number) for number in _DATES}
    styles: list[str] = []
    inside = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        tag = local_name(name)
        if tag == "numFmt" and is_date_format(attributes.get("formatCode", "")[:255]):
            dates.add(attributes.get("numFmtId", ""))
        elif tag == "cellXfs":
            inside = True
        elif tag == "xf" and inside:
            if len(styles) >= _MAX_STYLES:
                raise XlsxError(f"has more than {_MAX_STYLES} styles")
            styles.append(attributes.get("numFmtId", "0"))

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and local_name(name) != "cellXfs"

    for _ in parse_part(archive, part, Handlers(start, end)):
        pass
    return frozenset(str(at) for at, number in enumerate(styles) if number in dates)


class SharedStrings(Closing):
    """The shared strings of a package, in a temporary file; ``get`` gives one by its number."""

    def __init__(self, archive: ZipFile, part: str) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._ends = array("Q", [0])
        self._parts: list[str] = []
        self._size = 0
        self._reading = self._phonetic = False
        self.get = lru_cache(maxsize=1024)(self._get)
        try:
            if part:
                handlers = Handlers(self._start, self._end, self._characters)
                for _ in parse_part(archive, part, handlers, _MAX_TEXT):
                    pass
            self._file.flush()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()

    def _get(self, number: str) -> str:
        at = int(number) if len(number) < 10 else len(self._ends)
        if at + 1 >= len(self._ends):
            raise XlsxError("names a shared string that it does not have")
        begin, end = self._ends[at : at + 2]
        self._file.seek(begin)
        return unescaped(self._file.read(end - begin).decode("utf-8", "surrogatepass"))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = local_name(name)
        if tag == "t":
            self._reading = not self._phonetic
        elif tag == "rPh":
            self._phonetic = True

    def _end(self, name: str) -> None:
        tag = local_name(name)
        if tag == "t":
            self._reading = False
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "si":
            if len(self._ends) > _MAX_STRINGS:
                raise XlsxError(f"has more than {_MAX_STRINGS} shared strings")
            text = "".join(self._parts).encode("utf-8", "surrogatepass")
            self._file.write(text)
            self._ends.append(self._ends[-1] + len(text))
            self._parts.clear()
            self._size = 0

    def _characters(self, text: str) -> None:
        # What is longer than a row may be is told by its length; the rest of it is not kept.
        if self._reading and self._size <= LONGEST_ROW:
            self._parts.append(text)
            self._size += len(text)
