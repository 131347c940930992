# SPDX-License-Identifier: Apache-2.0
"""The part of JSON Schema that the vectors' schemas use; an unknown keyword is an error."""

from __future__ import annotations

import re
from typing import Any, Final

_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
_KNOWN: Final = {
    "$comment", "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default",
    "description", "enum", "items", "maximum", "minItems", "minLength", "minimum", "pattern",
    "properties", "propertyNames", "required", "title", "type",
}  # fmt: skip


def errors(document: Any, schema: dict[str, Any]) -> list[str]:
    """Every place where ``document`` breaks ``schema``: a JSON path and the rule."""
    return _errors(document, schema, schema, "$")


def _errors(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str) -> list[str]:
    unknown = schema.keys() - _KNOWN
    if unknown:
        raise ValueError(f"schema keywords {sorted(unknown)} are not supported")
    if "$ref" in schema:
        return _errors(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, path)
    if "anyOf" in schema:
        if any(not _errors(value, option, root, path) for option in schema["anyOf"]):
            return []
        return [f"{path}: none of the alternatives"]
    if "const" in schema and value != schema["const"]:
        return [f"{path}: must be {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{path}: must be one of {schema['enum']}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (kind == "integer" and value is True)):
        return [f"{path}: must be of type {kind}"]
    if isinstance(value, dict):
        return _object_errors(value, schema, root, path)
    if isinstance(value, list):
        found = [] if len(value) >= schema.get("minItems", 0) else [f"{path}: too few items"]
        for index, item in enumerate(value):
            found += _errors(item, schema.get("items", {}), root, f"{path}[{index}]")
        return found
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            return [f"{path}: too short"]
        if not re.search(schema.get("pattern", ""), value):
            return [f"{path}: does not match {schema['pattern']}"]
    if isinstance(value, int) and value < schema.get("minimum", value):
        return [f"{path}: too small"]
    if isinstance(value, int) and value > schema.get("maximum", value):
        return [f"{path}: too large"]
    return []


def _object_errors(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], path: str
) -> list[str]:
    found = [
        f"{path}: {name} is missing" for name in schema.get("required", ()) if name not in value
    ]
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name, item in value.items():
        found += _errors(name, schema.get("propertyNames", {}), root, f"{path}: name {name}")
        if name in properties:
            found += _errors(item, properties[name], root, f"{path}.{name}")
        elif others is False:
            found.append(f"{path}: {name} is unknown")
        elif isinstance(others, dict):
            found += _errors(item, others, root, f"{path}.{name}")
    return found
