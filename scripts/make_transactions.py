# SPDX-License-Identifier: Apache-2.0
"""Write ``docs/transactions.md``: every transaction of the platform, from its declaration.

``python scripts/make_transactions.py``; a test fails when the page is not what they give.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sscard_chip.settlement.platform.dictionaries import DICTIONARIES
from sscard_chip.settlement.platform.fields import ENVELOPE, FieldKind, FieldRule, FieldRules
from sscard_chip.settlement.platform.transactions import (
    TRANSACTIONS,
    Keeps,
    NodeRule,
    TransactionRule,
)

PAGE: Final = Path(__file__).parent.parent / "docs" / "transactions.md"
_HEAD: Final = """\
# Transactions of the platform

Every transaction that `sscard settle serve` takes, as it is declared; this page is written by
`scripts/make_transactions.py`. How messages travel, what a lenient centre takes and what it keeps:
[platform.md](platform.md). All values are text; an amount is yuan with two decimals, a quantity
has up to four, a price up to six. `Y`: must be there. Members that are not listed are taken and
left alone.
"""
_WORDS: Final = {
    FieldKind.AMOUNT: "amount",
    FieldKind.QUANTITY: "quantity",
    FieldKind.PRICE: "price",
    FieldKind.RATIO: "ratio 0 to 1",
    FieldKind.COUNT: "whole number",
    FieldKind.DAY: "yyyy-MM-dd",
    FieldKind.TIME: "yyyy-MM-dd HH:mm:ss",
}


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield "| number | is | kept |"
    yield "|---|---|---|"
    for one in TRANSACTIONS.values():
        yield f"| [{one.infno}](#{_anchor(one)}) | {one.chinese}, {one.english} | {_kept(one)} |"
    yield "\n## Envelope\n"
    yield from _fields(ENVELOPE)
    yield "| input | object | Y | nodes as below, 40,000 characters (9101: 4 MiB more) |"
    for one in TRANSACTIONS.values():
        yield f"\n## {one.infno} {one.english}\n"
        yield f"{one.chinese}. " + (
            f"State: {one.state}." if one.state else "It asks only, and changes nothing."
        )
        for title, nodes in (("Input", one.input), ("Output", one.output)):
            for node in nodes:
                yield f"\n{title} {_named(node)}:\n"
                yield from _fields(node.fields)
                for inner in node.inner:
                    yield f"\n{title} {_named(inner)}, in each line of `{node.name}`:\n"
                    yield from _fields(inner.fields)
        if not one.output:
            yield "\nNo output."
    yield "\n## Dictionaries\n"
    yield "1901 answers these; a code that is not listed is taken, since regions add their own.\n"
    yield "| type | codes |"
    yield "|---|---|"
    for name, codes in DICTIONARIES.items():
        yield f"| {name} | {' · '.join(f'{code} {text}' for code, text in codes.items())} |"


def _kept(one: TransactionRule) -> str:
    return one.state if one.keeps is Keeps.MESSAGE else ""


def _anchor(one: TransactionRule) -> str:
    return f"{one.infno}-{one.english}".lower().replace(" ", "-").replace(",", "")


def _named(node: NodeRule) -> str:
    if not node.name:
        return "without a node"
    many = f", a list of at most {node.most}" if node.most else ""
    return f"`{node.name}`{many}{'' if node.must else ', may be missing or empty'}"


def _fields(fields: FieldRules) -> Iterator[str]:
    yield "| member | holds | must | |"
    yield "|---|---|---|---|"
    for one in fields:
        yield f"| {one.name} | {_holds(one)} | {'Y' if one.must else ''} | {_note(one)} |"


def _holds(one: FieldRule) -> str:
    return _WORDS.get(one.kind, f"text, {one.length}")


def _note(one: FieldRule) -> str:
    if one.dictionary:
        return f"[{one.dictionary}](#dictionaries)"
    return f"{one.otherwise} where it is left out" if one.otherwise else ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
