# SPDX-License-Identifier: Apache-2.0
"""What all pages do around a request: forms, cookies, headers, templates."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from sscard_chip.standard.errors import InputError

MOST_FORM: Final = 16 * 1024
"""Bytes of a form, at most."""
MOST_UPLOAD: Final = 4 * 1024 * 1024
"""The same of one with pictures."""
_MOST_FIELDS: Final = 20
FORM_SECONDS: Final = 30
"""How long a form may take to come."""
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
_TYPES: Final = {"pages.css": "text/css; charset=utf-8", "pages.js": "text/javascript"}


class FormError(InputError):
    """A form that no page of ours has sent."""


class _InMemory(MultiPartParser):
    """Nothing of an upload is ever written to a disk."""

    spool_max_size = MOST_UPLOAD + 1


async def read_form(request: Request, *, uploads: bool = False) -> dict[str, str]:
    """The fields of a form; with ``uploads`` also one with files, each of them as Base64.

    :raises FormError: too long, too slow, not whole, not a form, a field twice.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    with_files = uploads and kind == "multipart/form-data"
    most = MOST_UPLOAD if with_files else MOST_FORM
    content = bytearray()
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for part in request.stream():
                content += part
                if len(content) > most:
                    raise FormError("the form is too long")
    except (TimeoutError, ClientDisconnect):
        raise FormError("the form did not come whole") from None
    if with_files:
        return await _read_uploads(request, bytes(content))
    try:
        pairs = parse_qsl(
            content.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS,
            errors="strict",
        )  # fmt: skip
    except ValueError:
        raise FormError("not a form") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormError("a field stands twice")
    return found


async def _read_uploads(request: Request, content: bytes) -> dict[str, str]:
    """The fields of a form with files."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield content

    parser = _InMemory(
        request.headers, stream(), max_files=_MOST_FIELDS, max_fields=_MOST_FIELDS,
        max_part_size=MOST_FORM,
    )  # fmt: skip
    try:
        pairs = (await parser.parse()).multi_items()
    except (MultiPartException, ValueError, KeyError):
        raise FormError("not a form") from None
    found = {}
    for name, value in pairs:
        if name in found:
            raise FormError("a field stands twice")
        if isinstance(value, UploadFile):
            found[name] = base64.b64encode(await value.read()).decode()
            await value.close()
        else:
            found[name] = value
    return found


def page(name: str, status: int = 200, **values: Any) -> Response:
    """A page out of a template."""
    text = _environment().get_template(f"{name}.html").render(**values)
    return Response(text, status, dict(HEADERS), "text/html; charset=utf-8")


def go(address: str) -> Response:
    """See another page (303)."""
    return RedirectResponse(address, 303, dict(HEADERS))


def static(name: str) -> Response | None:
    """A style or script of the pages."""
    if name not in _TYPES:
        return None
    return Response(_static(name), 200, dict(HEADERS), _TYPES[name])


@cache
def _static(name: str) -> bytes:
    return files("sscard_service.pages").joinpath("static", name).read_bytes()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("sscard_service.pages"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
