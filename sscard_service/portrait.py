# SPDX-License-Identifier: Apache-2.0
"""A photo of nobody: drawn, of the size, weight and background that a region wants of a photo.

It is for demonstrations and for trying an application; a face it has not.
"""

from __future__ import annotations

import io
import random
from typing import Any

from sscard_chip.standard.errors import importing
from sscard_service.region.model import PhotoRules

_SKIN = (231, 196, 168)
_HAIR = (40, 34, 32)
_COAT = (52, 74, 112)


def invented_photo(rules: PhotoRules, *, seed: int = 0) -> bytes:
    """A JPEG that :func:`~sscard_service.photo.checked_photo` takes; the same for the same values.

    Its grain gives it the weight of a photograph: the best quality that is not too heavy is taken.

    :raises ExtraMissingError: the extra ``service`` is not installed.
    """
    with importing("service", "a photo"):
        from PIL import Image, ImageChops, ImageDraw
    width, height = size = (rules.width, rules.height)
    middle, top, across, down = width / 2, height * 0.13, width * 0.23, height * 0.3
    if rules.head_width:
        middle = (rules.middle_from + rules.middle_to) / 2
        top = (rules.hair_from + rules.hair_to) / 2
        across = rules.head_width * 0.56
        down = (height - rules.eyes_above) * 0.75 - top
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)

    def ellipse(left: float, above: float, half: float, high: float, colour: Any) -> None:
        draw.ellipse((left - half, above, left + half, above + 2 * high), fill=colour)

    ellipse(middle, height * 0.82, width * 0.4, height * 0.3, _COAT)
    ellipse(middle, top + down, across * 0.4, down * 0.8, _SKIN)
    ellipse(middle, top, across, down * 0.95, _HAIR)
    ellipse(middle, top + down * 0.25, across * 0.88, down * 0.85, _SKIN)
    person = Image.eval(picture.convert("L"), lambda value: 0 if value > 250 else 255)
    noise = Image.frombytes("L", size, random.Random(seed).randbytes(width * height))
    grain = Image.composite(
        noise.point([value // 8 for value in range(256)]), Image.new("L", size), person
    )
    picture = ImageChops.subtract(picture, Image.merge("RGB", (grain, grain, grain)))
    content = b""
    for quality in range(95, 5, -5):
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality, dpi=(rules.dpi or 350,) * 2)
        content = stream.getvalue()
        if len(content) <= rules.most_bytes:
            break
    return content
