# SPDX-License-Identifier: Apache-2.0
"""``sscard service perform``: any operation of any channel, its request a JSON document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sscard_chip.standard.documents import DocumentError, read_json
from sscard_cli.options import FILE, json_option
from sscard_cli.service.options import (
    centre_options,
    new_request,
    open_centre,
    request_option,
    show_answer,
)


@click.command()
@click.argument("operation")
@click.argument("path", metavar="REQUEST.json", type=FILE)
@click.option(
    "--channel",
    default="office",
    show_default=True,
    metavar="NAME",
    help="The channel that it is asked in.  Example: --channel site",
)
@request_option
@centre_options
@json_option
def perform(
    operation: str,
    path: Path,
    channel: str,
    request_id: str | None,
    ledger_url: str,
    key_path: Path,
    region_path: Path | None,
    as_json: bool,
) -> None:
    """Do one operation as a channel asks for it.

    REQUEST.json has the objects subject, actor, evidence and details. What is shown as evidence
    is taken as the channel says it: so this is for whoever may speak for the channel.

    \b
    Example:
      sscard service perform balance balance.json --channel site \\
        --ledger city.db --service-keys service.keys
    """
    value = read_json(path)
    parts = ("subject", "actor", "evidence", "details")
    if not isinstance(value, dict) or not value.keys() <= set(parts):
        raise DocumentError(str(path), "", f"must be an object of {', '.join(parts)}")
    with open_centre(ledger_url, key_path, region_path) as centre:
        from sscard_service import ServiceActor, ServiceEvidence, ServiceSubject
        from sscard_service.centre import checked_model

        given: dict[str, Any] = {name: value.get(name, {}) for name in parts}
        answer = centre.perform(
            operation,
            checked_model(ServiceSubject, given["subject"]),
            checked_model(ServiceActor, given["actor"]),
            channel,
            checked_model(ServiceEvidence, given["evidence"]),
            new_request(request_id),
            given["details"],
        )
    show_answer(answer, as_json)
