# SPDX-License-Identifier: Apache-2.0
"""``sscard service loss``, ``lift``, ``formal``: what a clerk does at the counter of an office."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sscard_cli.service.options import clerk_options, new_request, open_centre, show_answer


def _at_counter(operation: str, identity: str, given: dict[str, Any]) -> None:
    """One operation of the office, with the holder's document before the clerk."""
    ledger_url: str = given["ledger_url"]
    key_path: Path = given["key_path"]
    with open_centre(ledger_url, key_path, given["region_path"]) as centre:
        from sscard_service import SeenDocument, ServiceActor, ServiceEvidence, ServiceSubject

        details = {"reason": given["reason"]}
        if given.get("when"):
            details["time"] = given["when"]
        answer = centre.perform(
            operation,
            ServiceSubject(identity=identity, card=given["card"] or ""),
            ServiceActor(kind="clerk", name=given["clerk"], device="command line"),
            "office",
            ServiceEvidence(document=SeenDocument(identity), second_clerk=given["second_clerk"]),
            new_request(given["request_id"]),
            details,
        )
    show_answer(answer, given["as_json"])


_identity = click.argument("identity", metavar="IDENTITY")
_card = click.option("--card", metavar="NUMBER", help="Which card.  Example: --card Z00000013")
_time = click.option(
    "--time",
    "when",
    metavar="YYYYMMDDhhmmss",
    help="From when on; back by more than an hour takes two clerks and a reason."
    "  Example: --time 20261130090000",
)


@click.command()
@_identity
@_card
@_time
@clerk_options
def loss(identity: str, **given: Any) -> None:
    """Report the card of a person lost (临时挂失): nothing is paid with it any more.

    It lapses by the region's rule, or is lifted.

    \b
    Example:
      sscard service loss 990000200102030012 --ledger city.db --service-keys service.keys
    """
    _at_counter("loss", identity, given)


@click.command()
@_identity
@_card
@_time
@clerk_options
def lift(identity: str, **given: Any) -> None:
    """Withdraw a temporary report (解挂): the card pays again.

    \b
    Example:
      sscard service lift 990000200102030012 --ledger city.db --service-keys service.keys
    """
    _at_counter("lift", identity, given)


@click.command()
@_identity
@_card
@_time
@clerk_options
def formal(identity: str, **given: Any) -> None:
    """Report the card of a person lost for good (正式挂失); it cannot be withdrawn.

    \b
    Example:
      sscard service formal 990000200102030012 --ledger city.db --service-keys service.keys
    """
    _at_counter("formal", identity, given)
