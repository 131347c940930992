# SPDX-License-Identifier: Apache-2.0
"""Typed models of our own formats, and all that a document breaks of their rules, at once.

A format is a :class:`Model`, a ``msgspec`` Struct whose fields say in their annotations what they
may hold. The reader, the JSON Schema that ships and the page of the format come from it.

Why msgspec and not pydantic: importing it costs 7 ms beside the standard library, pydantic 52;
wheels of both are on PyPI for CPython 3.11 to 3.13, one of 0.2 MB against two of 2.5 MB. pydantic
lists all errors of a document, msgspec stops at the first. But its lists end before the rules
between fields, and its words are not those of an operator; so the adapter here converts a
document field by field, which with msgspec is cheap enough for the rows of a batch, and collects
a :class:`RuleFinding` for each. Findings never quote a value: it may be a key or a person's.

>>> class Shelf(Model, frozen=True):
...     "A shelf."
...     width_mm: Annotated[int, rule(ge=1, le=900)]
...     colour: Annotated[str, rule("must be one lower-case word", pattern="[a-z]+")] = "white"
>>> find(Shelf, {"width_mm": 901, "colour": "Red", "height": 1})
[RuleFinding(item='height', rule='is not a field of it', line=0), \
RuleFinding(item='width_mm', rule='must be a whole number from 1 to 900', line=0), \
RuleFinding(item='colour', rule='must be one lower-case word', line=0)]
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from sscard_chip.standard.amounts import MAX_FEN

NOT_JSON_OBJECT: Final = "must be a JSON object"

_LONGEST: Final = 2**31
_MANY: Final = 4096
"""Texts of a field that are remembered at most."""
_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")

Broken = tuple[tuple[str, ...], str]
"""Where inside a value a rule is broken, and the rule."""
Checker = Callable[[Any, Any], Sequence[Broken]]
"""Checks a value, with the context of its document."""
ModelT = TypeVar("ModelT", bound="Model")


class RuleFinding(NamedTuple):
    """A broken rule of one item of a document; ``line`` from 1, 0 where there is none."""

    item: str
    rule: str
    line: int = 0

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else ""
        return ": ".join(part for part in (where, self.item, self.rule) if part)


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document or an object inside one. The class variables are the words of its findings.

    ``UNKNOWN`` is said of the object in place of a name that is no field; ``EXACT`` says that all
    fields are needed, and lists them when one is not there.
    """

    WHAT: ClassVar[str] = "it"
    UNKNOWN_FIELD: ClassVar[str] = ""
    NOT_OBJECT: ClassVar[str] = "must be an object"
    UNKNOWN: ClassVar[str] = ""
    EXACT: ClassVar[bool] = False

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterable[Broken]:
        """Rules between fields. ``good`` has those right by themselves, defaults included."""
        return ()


def rule(
    text: str = "",
    *,
    title: str = "",
    pattern: str = "",
    check: Callable[..., str | None] | None = None,
    context: bool = False,
    unit: str = "",
    instead: str | None = None,
    few: bool = False,
    **limits: Any,
) -> msgspec.Meta:
    """What a field may hold, for its annotation.

    ``text`` is the rule that a finding says; without one it comes from the type. ``pattern`` must
    match a text as a whole. ``check`` gives the broken rule of a value of the right type, or None;
    with ``context`` it gets that as well. ``title`` is for the schema, ``unit`` for numbers,
    ``instead`` for a name that breaks the rule and must not be shown; ``limits`` (ge, le,
    max_length...) are those of ``msgspec.Meta``. ``few``: a batch has few texts in it, so a right
    one is remembered; for codes and days, not for what tells persons apart, nor with ``context``.
    """
    if few and context:
        raise ValueError("a rule with context may change its mind")
    words: dict[str, Any] = {"text": text, "pattern": pattern, "check": check, "unit": unit}
    words |= {"context": context, "few": few}
    if instead is not None:
        words["instead"] = (instead,)
    return msgspec.Meta(
        description=title or None,
        extra=words | limits,
        extra_json_schema={"pattern": f"^(?:{pattern})$"} if pattern else None,
        **limits,
    )


Fen = Annotated[int, rule(ge=0, le=MAX_FEN, unit=" of fen")]
"""An amount on a card: four bytes."""


# --- checking -------------------------------------------------------------------------------------


def find(
    model: type[Model],
    document: object,
    context: Any = None,
    *,
    separator: str = " ",
) -> list[RuleFinding]:
    """All broken rules of a document, empty for one that is right.

    ``separator`` joins the names of an item.
    """
    found = _object(model)(document, context)
    if not found:
        return []
    of_format = [one for one in found if one[0] == ("format",)]
    return [
        RuleFinding(separator.join(filter(None, place)), text) for place, text in of_format or found
    ]


def convert(model: type[ModelT], document: object) -> ModelT:
    """The typed document. Only for one in which :func:`find` finds nothing."""
    return msgspec.convert(document, model)


def _checker(hint: Any) -> Checker:
    """What checks a value of an annotated type."""
    bare, *metas = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    words = _words(hint)
    origin = get_origin(bare)
    if origin in (Union, types.UnionType):
        inner = [one for one in get_args(bare) if one is not type(None)]
        if len(inner) == 1:
            checked = _checker(Annotated[(inner[0], *metas)] if metas else inner[0])
            return lambda value, context: () if value is None else checked(value, context)
        if any(get_origin(one) in (list, dict) for one in inner):
            return _alternatives(inner, words)
    elif isinstance(bare, type) and issubclass(bare, Model):
        return lambda value, context: _object(bare)(value, context)  # late: it may hold itself
    elif origin in (dict, list) and get_args(bare) not in _PLAIN_MEMBERS:
        return _members(bare, words)
    return _leaf(hint, bare, words)


def _alternatives(inner: Sequence[Any], words: Mapping[str, Any]) -> Checker:
    """One of a list, an object or a text, which a value's own type tells apart."""
    kinds = {get_origin(one) if get_origin(one) in (list, dict) else str: one for one in inner}
    checked = {kind: _checker(one) for kind, one in kinds.items()}
    wrong = (((), words["text"]),)

    def alternatives(value: object, context: Any) -> Sequence[Broken]:
        check = checked.get(type(value))
        return wrong if check is None else check(value, context)

    return alternatives


def _leaf(hint: Any, bare: Any, words: Mapping[str, Any]) -> Checker:
    wrong = (((), words.get("text") or _type_rule(bare, words)),)
    right = _right(hint, bare, words)
    check, with_context = words.get("check"), words.get("context")
    if bare is str and check is not None and not words.get("pattern"):
        judge: Callable[[str, Any], str | None] = check if with_context else lambda v, _: check(v)

        def text(value: Any, context: Any) -> Sequence[Broken]:
            if not right(value):
                return wrong
            broken = judge(value, context)
            return (((), broken),) if broken else ()

        return text

    def leaf(value: object, context: Any) -> Sequence[Broken]:
        if not right(value):
            return wrong
        if check is None:
            return ()
        broken = check(value, context) if with_context else check(value)
        return (((), broken),) if broken else ()

    return leaf


def _right(hint: Any, bare: Any, words: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Whether a value is of a type. Texts and choices, most of a batch, are seen to at once."""
    if get_origin(bare) is Literal and all(type(one) is str for one in get_args(bare)):
        choices = frozenset(get_args(bare))
        return lambda value: type(value) is str and value in choices
    if bare is str:
        if words.get("pattern"):
            matches = re.compile(words["pattern"]).fullmatch
            return lambda value: type(value) is str and matches(value) is not None
        if "max_length" in words or "min_length" in words:
            lengths = range(words.get("min_length", 0), words.get("max_length", _LONGEST) + 1)
            return lambda value: type(value) is str and len(value) in lengths
        return lambda value: type(value) is str

    def converts(value: object) -> bool:
        try:
            msgspec.convert(value, hint)
        except msgspec.ValidationError:
            return False
        return True

    return converts


def _type_rule(bare: Any, words: Mapping[str, Any]) -> str:
    """The rule of a type that nobody has words for."""
    if bare is int and "le" in words:
        unit = words.get("unit", "")
        return f"must be a whole number{unit} from {words.get('ge', 0)} to {words['le']}"
    if get_origin(bare) is Literal:
        return f"must be one of {', '.join(map(str, get_args(bare)))}"
    if bare is str and "max_length" in words:
        return f"must be a text of at most {words['max_length']} characters"
    known = {str: "must be a text", bool: "must be true or false", int: "must be a whole number"}
    return known.get(bare, "must be a list" if get_origin(bare) is list else "must be an object")


_PLAIN_MEMBERS: Final = {(str,), (str, str), (str, Any), (Any,)}
"""Members of lists and objects that need no rule of their own."""


def _members(bare: Any, words: Mapping[str, Any]) -> Checker:
    """A list, whose objects count from 1, or an object with names of one's own."""
    kind, *names, member = get_origin(bare), *get_args(bare)
    checked = _checker(member)
    check_name = _checker(names[0]) if names else None
    named = _words(names[0]) if names else {}
    instead = named.get("instead")
    tables = isinstance(member, type) and issubclass(member, Model)
    text = (
        "must be an object" if names else f"must be {'an array of tables' if tables else 'a list'}"
    )
    wrong = (((), words.get("text") or text),)
    check = words.get("check")

    def members(value: Any, context: Any) -> Sequence[Broken]:
        if not isinstance(value, kind):
            return wrong
        found: list[Broken] = []
        if check_name is None:
            for number, one in enumerate(value, 1):
                broken = checked(one, context)
                found += [((str(number), *place) if place else (), rule) for place, rule in broken]
        else:
            for name, one in value.items():
                broken = check_name(name, context)
                known = name if named and not broken else _shown(name)
                shown = instead if broken and instead else (known,)
                broken = broken or checked(one, context)
                found += [((*shown, *place), rule) for place, rule in broken]
        fault = check(value) if check and not found else None
        return [((), fault)] if fault else list(dict.fromkeys(found))

    return members


@lru_cache(maxsize=256)
def _object(model: type[Model]) -> Checker:
    """What checks an object of a model, compiled once."""
    hints = get_type_hints(model, include_extras=True)
    fields = [
        (
            one.encode_name,
            _missing(hints[one.name], one.required),
            _checker(hints[one.name]),
            set[object]() if _words(hints[one.name]).get("few") else None,
        )
        for one in msgspec.structs.fields(model)
    ]
    known = {name for name, *_ in fields}
    defaults = {
        one.encode_name: one.default
        if one.default_factory is msgspec.NODEFAULT
        else one.default_factory()
        for one in msgspec.structs.fields(model)
        if not one.required
    }
    exact = f"must be an object of {', '.join(sorted(known))}" if model.EXACT else ""
    not_object = (((), exact or model.NOT_OBJECT),)
    no_field = model.UNKNOWN_FIELD or f"is not a field of {model.WHAT}"
    unknown, together = model.UNKNOWN, model.check_together
    silent = together.__func__ is Model.check_together.__func__  # type: ignore[attr-defined]

    def check(value: object, context: Any) -> Sequence[Broken]:
        if not isinstance(value, dict) or (exact and value.keys() != known):
            return not_object
        found: list[Broken] = []
        if not value.keys() <= known:
            for name in value:
                if name not in known:
                    text = f"{no_field}{_meant(name, known)}"
                    found.append(((), unknown) if unknown else ((_shown(name),), text))
        wrong = []
        for name, missing, checked, right in fields:
            if name not in value:
                if missing:
                    found.append(((name,), missing))
                continue
            one = value[name]
            if right is not None and type(one) is str and one in right:
                continue
            broken = checked(one, context)
            if broken:
                wrong.append(name)
                found += [((name, *place), rule) for place, rule in broken]
            elif right is not None and type(one) is str and len(right) < _MANY:
                right.add(one)
        if silent:
            return found
        good = {**defaults, **value}
        for name in wrong:
            del good[name]
        found += together(good, context)
        return found

    return check


def _missing(hint: Any, required: bool) -> str:
    """What is said when a field is not there; the name of a format is known."""
    if not required:
        return ""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    fixed = get_origin(bare) is Literal and len(get_args(bare)) == 1
    return (fixed and _words(hint).get("text")) or "is required"


def _words(hint: Any) -> dict[str, Any]:
    """What the annotations of a type say, the last one first of all."""
    words: dict[str, Any] = {}
    for meta in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
        words |= {name: value for name, value in (meta.extra or {}).items() if value}
    return words


def _shown(name: str) -> str:
    """The name of a field for an error, unless it may be a value in the wrong place."""
    return name if _PLAIN_NAME.fullmatch(name) else "a name"


def _meant(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name[:40], known, 1, 0.7)
    return f" (is {close[0]} meant?)" if close else ""


# --- the JSON Schema ------------------------------------------------------------------------------


def schema(model: type[Model]) -> dict[str, Any]:
    """The JSON Schema of a format, for editors and other programs; its title is the docstring's."""
    (reference,), parts = msgspec.json.schema_components([model], ref_template="#/$defs/{name}")
    for part in parts.values():
        # An empty text stands for a default that is worked out; the description says how.
        for one in part["properties"].values():
            if one.get("default") == "":
                del one["default"]
        part["title"] = part.pop("description").partition("\n")[0].rstrip(".")
    root = parts.pop(reference["$ref"].rpartition("/")[2])
    found: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **root}
    return found | ({"$defs": parts} if parts else {})
