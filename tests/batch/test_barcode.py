# SPDX-License-Identifier: Apache-2.0
"""Code 128 (ISO/IEC 15417): symbol values worked out by hand from the tables of the standard."""

from __future__ import annotations

import io
from importlib import import_module
from xml.etree import ElementTree

import pytest

from issuance.batch.barcode import barcode_png, barcode_svg, code128, modules


@pytest.mark.parametrize(
    ("text", "values"),
    [
        # Start B, P J J 1 2 3 C, check: 104 + 48 + 2*42 + 3*42 + 4*17 + 5*18 + 6*19 + 7*35 = 879
        ("PJJ123C", (104, 48, 42, 42, 17, 18, 19, 35, 879 % 103, 106)),
        # Z, code C, four pairs: 104 + 58 + 2*99 + 6*13 = 438
        ("Z00000013", (104, 58, 99, 0, 0, 0, 13, 438 % 103, 106)),
        # No digits at the end: 104 + 58 + 16*20 + 17*7 + 16*8 + 56*9 = 1233
        ("Z0000010X", (104, 58, 16, 16, 16, 16, 16, 17, 16, 56, 1233 % 103, 106)),
    ],
)
def test_symbol_values(text: str, values: tuple[int, ...]) -> None:
    assert code128(text) == values


@pytest.mark.parametrize("text", ["", "林", "a\n", "x" * 41])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        code128(text)


# Bars of python-barcode for the same symbol values.
PJJ123C = (
    "11010010000111011101101011011100010110111000100111001101100111001011001011100100010001101110"
    "100011011000111010" + "11"
)
NUMBER = (
    "110100100001110110001010111011110110110011001101100110011011001100100110111001110010011011"
    "000111010" + "11"
)


@pytest.mark.parametrize(("text", "bars"), [("PJJ123C", PJJ123C), ("Z00000013", NUMBER)])
def test_bars(text: str, bars: str) -> None:
    assert modules(text) == bars


def test_svg_has_the_bars_and_quiet_zones() -> None:
    root = ElementTree.fromstring(barcode_svg("Z00000013"))
    assert root.get("viewBox") == f"0 0 {len(NUMBER) + 20} 1"
    assert root.get("width") == f"{(len(NUMBER) + 20) * 0.25:g}mm"
    ground, *bars = root
    assert ground.get("fill") == "#fff"
    row = ["0"] * (len(NUMBER) + 20)
    for bar in bars:
        start, width = int(bar.get("x", "")), int(bar.get("width", ""))
        row[start : start + width] = ["1"] * width
    assert "".join(row) == "0" * 10 + NUMBER + "0" * 10


def test_png_has_the_bars_and_quiet_zones() -> None:
    image = import_module("PIL.Image").open(io.BytesIO(barcode_png("Z00000013", scale=2)))
    image.load()
    assert image.size == (2 * (len(NUMBER) + 20), 120)
    expected = "0" * 10 + NUMBER + "0" * 10
    for line in (0, 119):
        pixels = [image.getpixel((at, line)) for at in range(image.size[0])]
        dark = "".join("0" if pixel else "1" for pixel in pixels)
        assert dark == "".join(2 * module for module in expected)
