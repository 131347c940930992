# SPDX-License-Identifier: Apache-2.0
"""The photo of a card: checked before anything of it is decoded, and kept without its metadata.

358 × 441 pixels, 350 dpi, 24-bit RGB JPEG of 14 to 40 KB on white, the hair's top 7 to 21 pixels
below the edge, a face of 179 at least, its middle 162 to 196 from the left [H]; all are the
region's. No face is recognised here: what is not white above the eye line is taken for the head,
so hair counts as its width, and the greatest width of a face (255) is for a clerk to see [L].
"""

from __future__ import annotations

import base64
import io
from typing import Any, Final

from sscard_chip.standard.errors import importing
from sscard_service.errors import Code, ServiceRefusedError
from sscard_service.region.model import PhotoRules

_JPEG: Final = b"\xff\xd8\xff"
_CORNER: Final = 8
"""Pixels of a corner that are looked at, each way."""
_DPI_OFF: Final = 1.0
_DARK: Final = 200
"""What is darker is no background."""


def checked_photo(rules: PhotoRules, text: str) -> bytes:
    """The photo in Base64 as JPEG bytes with nothing but the picture (no EXIF, nothing behind).

    :raises ServiceRefusedError: FORMAT with the rule that it breaks.
    :raises ExtraMissingError: the extra ``service`` is not installed.
    """
    content = base64.b64decode(text)
    if not rules.least_bytes <= len(content) <= rules.most_bytes:
        raise _refused(f"must be {rules.least_bytes} to {rules.most_bytes} bytes")
    if not content.startswith(_JPEG):
        raise _refused("must be a JPEG")
    with importing("service", "a photo"):
        from PIL import Image, ImageFile
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # what prints papers has Pillow take cut ones
    fault = ""
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
            fault = _header_rule(rules, picture)  # looks at the header, decodes nothing
            if not fault:
                picture.load()
                fault = _background_rule(rules, picture) or _head_rule(rules, picture)
            if not fault:
                clean = io.BytesIO()
                picture.save(clean, "JPEG", quality="keep", dpi=(rules.dpi or 350,) * 2)
                return clean.getvalue()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        fault = "must be a whole JPEG"
    raise _refused(fault)


_SCANS: Final = (_JPEG, b"\x89PNG\r\n\x1a\n", b"%PDF-")


def checked_scan(name: str, text: str, most: int) -> None:
    """See that a document in Base64 is a picture or a PDF by its first bytes, and not too long.

    :raises ServiceRefusedError: FORMAT; ``name`` is the field's.
    """
    content = base64.b64decode(text)
    if len(content) > most:
        raise ServiceRefusedError(Code.FORMAT, field=name, rule=f"must be at most {most} bytes")
    if not content.startswith(_SCANS):
        raise ServiceRefusedError(Code.FORMAT, field=name, rule="must be a JPEG, PNG or PDF")


def _header_rule(rules: PhotoRules, picture: Any) -> str:
    if picture.size != (rules.width, rules.height):
        return f"must be {rules.width} x {rules.height} pixels"
    if picture.mode != "RGB":
        return "must be RGB of 24 bits"
    across, down = picture.info.get("dpi", (0, 0))
    off = max(abs(across - rules.dpi), abs(down - rules.dpi))
    if rules.dpi and off > _DPI_OFF:
        return f"must say {rules.dpi} dpi"
    return ""


def _background_rule(rules: PhotoRules, picture: Any) -> str:
    """Both upper corners are white."""
    width = picture.size[0]
    for left in (0, width - _CORNER):
        corner = picture.crop((left, 0, left + _CORNER, _CORNER)).convert("L")
        if rules.white and corner.getextrema()[0] < rules.white:
            return "must have a white background"
    return ""


def _head_rule(rules: PhotoRules, picture: Any) -> str:
    """The outline of what is not white above the eye line."""
    width, height = picture.size
    grey = picture.crop((0, 0, width, height - rules.eyes_above)).convert("L")
    box = grey.point([255 if value < _DARK else 0 for value in range(256)]).getbbox()
    if not rules.head_width:
        return ""
    if box is None:
        return "must show a face"
    left, top, right, _ = box
    if left == 0 or right == width:
        return "must have no frame, and white on both sides"
    if not rules.hair_from <= top <= rules.hair_to:
        return f"must have the hair's top {rules.hair_from} to {rules.hair_to} pixels down"
    if right - left < rules.head_width:
        return f"must have a face {rules.head_width} pixels wide at least"
    if not rules.middle_from <= (left + right) // 2 <= rules.middle_to:
        return f"must have the face {rules.middle_from} to {rules.middle_to} pixels from the left"
    return ""


def _refused(rule: str) -> ServiceRefusedError:
    return ServiceRefusedError(Code.FORMAT, field="photo", rule=rule)
