# SPDX-License-Identifier: Apache-2.0
"""The round seal of a paper, 42 mm [L], as SVG; it says 测试专用章, whatever the agency."""

from __future__ import annotations

import math
from typing import Final

from markupsafe import Markup, escape

WORDING: Final = "测试专用章"
_RED: Final = "#d7261e"
_RADIUS: Final = 200.0
_TEXT_RADIUS: Final = 152.0
_MOST_DEGREES: Final = 216.0
_LETTER_DEGREES: Final = 25.0
_MOST_LETTERS: Final = 24


def round_seal(agency: str, family: str) -> Markup:
    """A ring with the agency around a star, and :data:`WORDING` below it."""
    letters = agency.replace("（测试）", "")[:_MOST_LETTERS]
    step = min(_LETTER_DEGREES, _MOST_DEGREES / max(1, len(letters) - 1))
    size = min(46.0, step * 1.85)
    ring = Markup("").join(
        _letter(one, (at - (len(letters) - 1) / 2) * step, size) for at, one in enumerate(letters)
    )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-210 -210 420 420" fill="{red}"'
        ' font-family="{family}" font-weight="700" text-anchor="middle">'
        '<circle r="{radius}" fill="none" stroke="{red}" stroke-width="10"/>'
        '<path d="{star}"/>{ring}'
        '<text x="0" y="128" font-size="38" letter-spacing="2">{wording}</text></svg>'
    ).format(red=_RED, family=family, radius=_RADIUS, star=_star(62.0), ring=ring, wording=WORDING)


def _letter(letter: str, degrees: float, size: float) -> Markup:
    angle = math.radians(degrees)
    x, y = _TEXT_RADIUS * math.sin(angle), -_TEXT_RADIUS * math.cos(angle)
    return Markup(
        '<text transform="translate({:.2f} {:.2f}) rotate({:.2f})" y="{:.2f}"'
        ' font-size="{:.2f}">{}</text>'
    ).format(x, y, degrees, size * 0.36, size, escape(letter))


def _star(radius: float) -> str:
    points = []
    for at in range(10):
        length = radius if at % 2 == 0 else radius * 0.382
        angle = math.radians(36 * at)
        points.append(f"{length * math.sin(angle):.2f} {-length * math.cos(angle):.2f}")
    return f"M{' L'.join(points)}Z"
