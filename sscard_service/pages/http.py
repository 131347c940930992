# SPDX-License-Identifier: Apache-2.0
"""What all pages do around a request: forms, cookies, headers, templates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sscard_chip.standard.errors import InputError

MOST_FORM: Final = 16 * 1024
"""Bytes of a form, at most."""
_MOST_FIELDS: Final = 20
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


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form.

    :raises FormError: too long, not a form, a field twice.
    """
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_FORM:
            raise FormError("the form is too long")
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
