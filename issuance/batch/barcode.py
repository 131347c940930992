# SPDX-License-Identifier: Apache-2.0
"""The bar code of a card number on the card's body: Code 128 (ISO/IEC 15417).

Letters and digits of code set B; runs of four digits or more at the end take code set C, two
digits a symbol, where that is shorter. As an image it has a quiet zone of ten modules on each side.

>>> code128("Z00000013")
(104, 58, 99, 0, 0, 0, 13, 26, 106)
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sscard_chip.wholefile import private_folder, private_opener

START_B: Final = 104
CODE_C: Final = 99
STOP: Final = 106

QUIET: Final = 10
"""Modules of the quiet zone on each side."""

_MODULUS: Final = 103
_TEXT: Final = re.compile(r"[ -~]{1,40}")


def code128(text: str) -> tuple[int, ...]:
    """Symbol values: start, data, check symbol, stop.

    :raises ValueError: for other characters.
    """
    if not _TEXT.fullmatch(text):
        raise ValueError("a bar code takes 1 to 40 printable ASCII characters")
    digits = re.search(r"(?:[0-9]{2}){2,}\Z", text)
    head, tail = (text[: digits.start()], digits[0]) if digits else (text, "")
    values = [START_B, *(ord(character) - 32 for character in head)]
    if tail:
        values.append(CODE_C)
        values += [int(tail[at : at + 2]) for at in range(0, len(tail), 2)]
    check = values[0] + sum(place * value for place, value in enumerate(values[1:], 1))
    return (*values, check % _MODULUS, STOP)


_WIDTHS: Final = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132"
    "122231113222123122123221223211221132221231213212223112312131311222321122321221312212"
    "322112322211212123212321232121111323131123131321112313132113132311211313231113231311"
    "112133112331132131113123113321133121313121211331231131213113213311213131311123311321"
    "331121312113312311332111314111221411431111111224111422121124121421141122141221112214"
    "112412122114122411142112142211241211221114413111241112134111111242121142121241114212"
    "124112124211411212421112421211212141214121412121111143111341131141114113114311411113"
    "4113111131411141313111414111312114122112142112322331112"
)
"""Widths of bars and spaces in modules, a bar first: six of each symbol, seven of the stop."""


def modules(text: str) -> str:
    """The bar code as a row of modules, 1 dark and 0 light, without quiet zones.

    :raises ValueError: as :func:`code128`.
    """
    widths = "".join(_WIDTHS[6 * at : 6 * at + 6 + (at == STOP)] for at in code128(text))
    return "".join(str((at + 1) % 2) * int(width) for at, width in enumerate(widths))


def barcode_svg(text: str, *, module_mm: float = 0.25, height_mm: float = 10.0) -> str:
    """The bar code as an SVG image, ``module_mm`` the width of a module.

    :raises ValueError: as :func:`code128`.
    """
    row = modules(text)
    width = len(row) + 2 * QUIET
    bars = "".join(
        f'<rect x="{QUIET + bar.start()}" width="{len(bar[0])}" height="1"/>'
        for bar in re.finditer("1+", row)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * module_mm:g}mm"'
        f' height="{height_mm:g}mm" viewBox="0 0 {width} 1" preserveAspectRatio="none"'
        f' shape-rendering="crispEdges"><rect width="{width}" height="1" fill="#fff"/>{bars}'
        "</svg>\n"
    )


def barcode_png(text: str, *, scale: int = 3, height: int = 120) -> bytes:
    """The bar code as a PNG image of black and white, ``scale`` pixels a module, ``height`` pixels.

    :raises ValueError: as :func:`code128`.
    """
    row = "0" * QUIET + modules(text) + "0" * QUIET
    light = "".join("10"[int(module)] * scale for module in row)
    line = b"\0" + int(light.ljust(-(-len(light) // 8) * 8, "0"), 2).to_bytes(-(-len(light) // 8))
    size = struct.pack(">IIBBBBB", len(light), height, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", size), (b"IDAT", zlib.compress(line * height)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def write_barcodes(folder: Path, cards: Iterable[tuple[int, str]]) -> None:
    """Write ``NUMBER.svg`` and ``NUMBER.png`` of each card into a folder for each chunk.

    :raises OSError:
    """
    for chunk, number in cards:
        place = folder / f"{chunk:06d}"
        private_folder(place)
        images = {"svg": barcode_svg(number).encode("ascii"), "png": barcode_png(number)}
        for suffix, content in images.items():
            with open(place / f"{number}.{suffix}", "wb", opener=private_opener) as stream:
                stream.write(content)
