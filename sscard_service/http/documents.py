# SPDX-License-Identifier: Apache-2.0
"""What OpenAPI says of each address: bodies out of the typed models, answers, problems."""

from __future__ import annotations

from typing import Any, Final

from sscard_chip.standard.models import Model, schema
from sscard_service.errors import Code
from sscard_service.evidence import ServiceEvidence, ServiceSubject
from sscard_service.http.routes import Route
from sscard_service.work import NoDetails

_OBJECT: Final = {"type": "object"}
_ANSWER: Final = {
    "type": "object",
    "required": ["code", "operation", "request", "level", "repeated", "data"],
    "properties": {
        "code": {"const": "DONE"},
        "operation": {"type": "string"},
        "request": {"type": "string"},
        "level": {"type": "integer", "minimum": 0, "maximum": 4},
        "repeated": {"type": "boolean"},
        "data": _OBJECT,
    },
}
_PROBLEM: Final = {
    "type": "object",
    "required": ["code", "title", "title_en", "detail", "request"],
    "properties": {
        "code": {"enum": [str(one) for one in Code]},
        "title": {"type": "string"},
        "title_en": {"type": "string"},
        "detail": _OBJECT,
        "request": {"type": "string"},
    },
}
_STATUSES: Final = ("401", "403", "404", "409", "422", "429", "503")


def describe(
    route: Route | None, *, body: bool = True, media: str = "", path: str = ""
) -> dict[str, Any]:
    """What is added to the description of an address; one that answers no JSON says its
    ``media`` type, and ``path`` the name that stands in its path."""
    answers: dict[str, Any] = {
        one: {
            "description": "Not done",
            "content": {"application/problem+json": {"schema": _PROBLEM}},
        }
        for one in _STATUSES
    }
    if not media:
        other = "text/tab-separated-values"
        media = "application/json" if body or route is not None else other
    shown = _ANSWER if media == "application/json" else {"type": "string"}
    if media == "text/html":  # people get a page also of what is not there
        for one in _STATUSES:
            answers[one]["content"][media] = {"schema": shown}
    answers["200"] = {"description": "Done", "content": {media: {"schema": shown}}}
    found: dict[str, Any] = {"responses": answers}
    parameters = [_header("X-Client"), _header("X-Time"), _header("X-Nonce"),
                  _header("X-Signature"), _header("Authorization")]  # fmt: skip
    details: type[Model] = NoDetails if route is None else route.found.details
    if route is not None and "{receipt}" in route.path:
        parameters.append(_parameter("receipt", "path", {"type": "string"}, required=True))
    if route is None and body:
        parameters.append(_parameter("operation", "path", {"type": "string"}, required=True))
    if path:
        parameters.append(_parameter(path, "path", {"type": "string"}, required=True))
    elif route is None and not body:
        parameters.append(_parameter("after", "query", {"type": "string"}))
    if route is not None and route.found.changes:
        parameters.append(_header("Idempotency-Key", required=True))
    reads = route is not None and route.method in ("GET", "DELETE")
    if reads and details is not NoDetails:
        for name, one in _inline(details)["properties"].items():
            parameters.append(_parameter(name, "query", one))
    if body and not reads:
        parts = {
            "subject": _inline(ServiceSubject),
            "evidence": _inline(ServiceEvidence),
            "details": _OBJECT if route is None else _inline(details),
        }
        content = {"schema": {"type": "object", "properties": parts, "additionalProperties": False}}
        found["requestBody"] = {"content": {"application/json": content}}
    return found | {"parameters": parameters}


def _inline(model: type[Model]) -> dict[str, Any]:
    """A model's schema with its parts put in their places."""
    document = schema(model)
    parts = document.pop("$defs", {})
    document.pop("$schema", None)

    def resolved(value: Any) -> Any:
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name in parts:
                return resolved(parts[name])
            return {key: resolved(one) for key, one in value.items()}
        return [resolved(one) for one in value] if isinstance(value, list) else value

    found: dict[str, Any] = resolved(document)
    return found


def _header(name: str, *, required: bool = False) -> dict[str, Any]:
    return _parameter(name, "header", {"type": "string", "maxLength": 128}, required=required)


def _parameter(
    name: str, place: str, described: dict[str, Any], *, required: bool = False
) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": described}
