# SPDX-License-Identifier: Apache-2.0
"""A photo of nobody: drawn, of the size, weight and background that a region wants of a photo.

It is for demonstrations and for trying an application; a face it has not.
"""

from __future__ import annotations

import io
import random

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
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width * 0.10, height * 0.80, width * 0.90, height * 1.35), fill=_COAT)
    draw.rectangle((width * 0.41, height * 0.62, width * 0.59, height * 0.86), fill=_SKIN)
    draw.ellipse((width * 0.27, height * 0.13, width * 0.73, height * 0.72), fill=_HAIR)
    draw.ellipse((width * 0.295, height * 0.20, width * 0.705, height * 0.74), fill=_SKIN)
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
