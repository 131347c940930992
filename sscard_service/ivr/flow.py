# SPDX-License-Identifier: Apache-2.0
"""The flow of the hotline: a TOML file, ``sscard-ivr-flow/1``: steps, keys, texts.

A step says something and then is one of: a ``menu``, an entry (``collect``), an ``operation`` of
the service centre, a ``transfer`` to an agent, or nothing more; ``next`` is where it goes on, and
without it the call ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

from sscard_chip.standard.documents import Document, DocumentError, Model, rule
from sscard_chip.standard.models import Broken
from sscard_service.errors import Code
from sscard_service.ivr.keypad import ENTRIES
from sscard_service.levels import LEAST
from sscard_service.region.model import RegionText, ServiceRegion

FORMAT: Final = "sscard-ivr-flow/1"
DEFAULT: Final = "default.toml"
DONE: Final = "DONE"
OTHER: Final = "other"
MONEY: Final = ("minus", "yuan", "fen")
"""Prompts that amounts are said with."""

_NAME: Final = re.compile("[a-z][a-z0-9_]{0,30}")
_VALUE: Final = re.compile("(money|date|choice):([a-z_]{1,30})")
_Step = Annotated[str, rule("must be the name of a step", pattern="[a-z][a-z0-9_]{0,30}|")]
_NamedStep = Annotated[str, rule("must be the name of a step", pattern="[a-z][a-z0-9_]{0,30}")]


class IvrFlowError(DocumentError):
    """A flow that cannot be used: lines, fields and rules in one line."""


def _say_rule(value: list[str]) -> str | None:
    if all(_NAME.fullmatch(one) or _VALUE.fullmatch(one) for one in value):
        return None
    return "must be prompts, money:, date: or choice: with the name of a value"


def _menu_rule(value: dict[str, str]) -> str | None:
    good = all(re.fullmatch("[0-9*]", key) and _NAME.fullmatch(step) for key, step in value.items())
    return None if good else "must be keys 0 to 9 or *, each with the name of a step"


def _uses_rule(value: list[str]) -> str | None:
    return None if set(value) <= ENTRIES.keys() else f"must be of {', '.join(ENTRIES)}"


def _on_rule(value: dict[str, str]) -> str | None:
    known = {DONE, OTHER, *map(str, Code)}
    good = value.keys() <= known and all(map(_NAME.fullmatch, value.values()))
    return None if good else "must be codes, DONE or other, each with the name of a step"


def _operation_rule(value: str) -> str | None:
    return None if not value or value in LEAST else "names an operation that there is not"


def _names_rule(value: dict[str, Any]) -> str | None:
    return None if all(map(_NAME.fullmatch, value)) else "must have names of lower-case letters"


class FlowStep(Model, frozen=True):
    """A step of a call.

    ``uses`` are the entries that an operation gets, ``on`` where each of its codes leads. ``say``
    has prompts, and after an operation values of its answer: ``money:balance_fen``, ``date:due``,
    ``choice:state`` (the prompt ``state_applied``, or ``state_other``).
    """

    say: Annotated[list[str], rule(check=_say_rule)] = []
    menu: Annotated[dict[str, str], rule(check=_menu_rule)] = {}
    collect: Literal["", "identity", "card_tail", "password", "receipt"] = ""
    operation: Annotated[str, rule(check=_operation_rule)] = ""
    uses: Annotated[list[str], rule(check=_uses_rule)] = []
    on: Annotated[dict[str, str], rule(check=_on_rule)] = {}
    next: _Step = ""
    language: Literal["", "chinese", "english"] = ""
    transfer: bool = False


class IvrFlow(Model, frozen=True):
    """The hotline of a region."""

    WHAT = "a flow of the hotline"

    format: Annotated[Literal["sscard-ivr-flow/1"], rule(f'must be "{FORMAT}"')]
    start: _NamedStep
    agent: Annotated[_NamedStep, rule(title="Where the key 0 leads")]
    failed: Annotated[_NamedStep, rule(title="Where too many wrong entries lead")]
    silent: Annotated[_NamedStep, rule(title="Where silence leads")]
    down: Annotated[_NamedStep, rule(title="Where it leads that the centre is away at each try")]
    wrong: Annotated[str, rule(title="The prompt after a wrong entry", pattern="[a-z0-9_]{1,31}")]
    steps: Annotated[dict[str, FlowStep], rule(check=_names_rule)]
    prompts: Annotated[dict[str, RegionText], rule(check=_names_rule)]
    channel: Annotated[str, rule(max_length=20)] = "ivr"
    tries: Annotated[int, rule(ge=1, le=9)] = 3
    silences: Annotated[int, rule(ge=1, le=9)] = 2
    silence_seconds: Annotated[int, rule(ge=1, le=60)] = 5

    @classmethod
    def check_together(cls, good: Mapping[str, Any], context: Any) -> Iterable[Broken]:
        """Every name leads somewhere, and no ring of steps goes round without the caller."""
        steps, prompts = good.get("steps"), good.get("prompts")
        if steps is None or prompts is None:
            return
        for name in ("start", "agent", "failed", "silent", "down"):
            if name in good and good[name] not in steps:
                yield ((name,), "names a step that there is not")
        for name in (*MONEY, good.get("wrong", MONEY[0])):
            if name not in prompts:
                yield (("prompts",), f"{name}: is needed")
        for name, step in steps.items():
            for broken in _step_rules(step, steps, prompts):
                yield (("steps", name), broken)
        if (ring := _ring(good, steps)) is not None:
            yield (("steps", ring), "leads back to itself and never asks the caller")


def _step_rules(
    step: Mapping[str, Any], steps: Mapping[str, Any], prompts: Mapping[str, Any]
) -> Iterator[str]:
    kinds = [one for one in ("menu", "collect", "operation", "transfer") if step.get(one)]
    if len(kinds) > 1:
        yield f"is {' and '.join(kinds)}: one of them"
    for one in step.get("say", ()):
        value = _VALUE.fullmatch(one)
        if value is None and one not in prompts:
            yield f"{one}: is no prompt"
        if value is not None and value[1] == "choice" and f"{value[2]}_{OTHER}" not in prompts:
            yield f"{one}: needs the prompt {value[2]}_{OTHER}"
        if value is not None and kinds:
            yield f"{one}: only a step that says something and no more has values"
    if {"menu", "collect"} & set(kinds) and not step.get("say"):
        yield "asks without saying anything"
    if kinds == ["collect"] and not step.get("next"):
        yield "next: is needed after an entry"
    if kinds == ["operation"] and not {DONE, OTHER} <= step.get("on", {}).keys():
        yield "on: DONE and other are needed"
    for target in _targets(step):
        if target not in steps:
            yield f"{target}: is no step"


def _targets(step: Mapping[str, Any]) -> list[str]:
    found = [*step.get("menu", {}).values(), *step.get("on", {}).values()]
    return [*found, step["next"]] if step.get("next") else found


def _ring(good: Mapping[str, Any], steps: Mapping[str, Any]) -> str | None:
    """A step that is reached from itself without an entry."""
    silent = {name: [] if step.get("menu") or step.get("collect") else _targets(step)
              for name, step in steps.items()}  # fmt: skip
    for name in steps:
        seen: set[str] = set()
        ahead = list(silent[name])
        while ahead:
            one = ahead.pop()
            if one == name:
                return str(name)
            if one not in seen:
                seen.add(one)
                ahead += silent.get(one, [])
    return None


def default_flow_text() -> str:
    """The document that ships."""
    return files(__package__).joinpath(DEFAULT).read_text("utf-8")


def load_flow(region: ServiceRegion, path: str | os.PathLike[str] | None = None) -> IvrFlow:
    """The flow in a TOML file, or the one that ships, for a region that offers its operations.

    :raises IvrFlowError: one line with all fields that break a rule.
    :raises OSError: the file cannot be read.
    """
    if path is None:
        document = Document.toml(default_flow_text().encode(), DEFAULT, IvrFlowError)
    else:
        document = Document.load(path, IvrFlowError)
    flow = document.to(IvrFlow, separator=".")
    channel = region.channels.get(flow.channel)
    if channel is None:
        raise document.error("channel", "is none of the region")
    for name, step in flow.steps.items():
        if step.operation and step.operation not in channel.levels:
            raise document.error(
                f"steps.{name}", f"{step.operation}: is not offered in the channel {flow.channel}"
            )
    return flow
