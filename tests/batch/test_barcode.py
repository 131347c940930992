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
