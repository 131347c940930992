# SPDX-License-Identifier: Apache-2.0
"""``sscard service``: applications for cards, from the counter to the batch of issue and back."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.standard.inputfile import open_regular
from sscard_cli.options import FILE, file_option, json_option, out_option, together
from sscard_cli.output import print_json, say
from sscard_cli.service.options import (
    centre_options,
    clerk_options,
    new_request,
    open_centre,
    request_option,
    show_answer,
)

_MOST_PHOTO: Final = 8 * 1024 * 1024
_back_office = together(
    click.option(
        "--clerk",
        metavar="NUMBER",
        default="0001",
        show_default=True,
        help="The clerk who does it.  Example: --clerk 0017",
    ),
    request_option,
    centre_options,
    json_option,
)
_receipt = click.argument("receipt", metavar="RECEIPT")
_batch = click.argument("name", metavar="BATCH")


def _ask(operation: str, subject: dict[str, str], details: dict[str, Any], given: Any) -> None:
    """One operation of the office, shown."""
    with open_centre(given["ledger_url"], given["key_path"], given["region_path"]) as centre:
        from sscard_service import SeenDocument, ServiceActor, ServiceEvidence
        from sscard_service.centre import checked_model
        from sscard_service.evidence import ServiceSubject

        document = None
        if "identity" in subject:
            document = SeenDocument(subject["identity"])
        answer = centre.perform(
            operation,
            checked_model(ServiceSubject, subject),
            ServiceActor("clerk", given["clerk"], "command line"),
            "office",
            ServiceEvidence(document=document, photo=given.get("photo") or ""),
            new_request(given["request_id"]),
            details,
        )
    show_answer(answer, given["as_json"])


@click.command()
@click.argument("identity", metavar="IDENTITY")
@click.option(
    "--replaces",
    type=click.Choice(["lost", "damaged", "expired", "data", "other"]),
    help="Why the card that there is gets a successor; without it a first card."
    "  Example: --replaces lost",
)
@click.option(
    "--document-to",
    metavar="YYYYMMDD",
    default="99991231",
    show_default=True,
    help="Until when the identity card is valid.  Example: --document-to 20360101",
)
@file_option(
    "--photo",
    "photo_path",
    "FILE.jpg",
    "The photo, as the region wants it.  Example: --photo a.jpg",
)
@clerk_options
def apply(
    identity: str, replaces: str | None, document_to: str, photo_path: Path | None, **given: Any
) -> None:
    """Apply for a card, or for a successor (申领, 补领, 换领); prints the voucher's number.

    \b
    Example:
      sscard service apply 990000200102030012 --replaces lost --photo lin.jpg \\
        --ledger city.db --service-keys service.keys
    """
    if photo_path is not None:
        with open_regular(photo_path) as stream:
            given["photo"] = base64.b64encode(stream.read(_MOST_PHOTO)).decode()
    details: dict[str, Any] = {"document_to": document_to}
    if replaces:
        details["reason"] = replaces
    _ask("replace" if replaces else "apply", {"identity": identity}, details, given)


@click.command()
@click.argument("identity", metavar="IDENTITY")
@_receipt
@clerk_options
def collect(identity: str, receipt: str, **given: Any) -> None:
    """Hand a card over (领卡): it pays from now on, and the card it replaces is void.

    \b
    Example:
      sscard service collect 990000200102030012 3F8K2M9QXW7V1T5C \\
        --ledger city.db --service-keys service.keys
    """
    _ask("collect", {"identity": identity}, {"receipt": receipt}, given)


@click.command()
@_receipt
@_back_office
def progress(receipt: str, **given: Any) -> None:
    """How far an application is (进度), by the number of its voucher.

    \b
    Example:
      sscard service progress 3F8K2M9QXW7V1T5C --ledger city.db --service-keys service.keys
    """
    _ask("progress", {"receipt": receipt}, {}, given)


@click.command()
@_receipt
@click.option("--reject", metavar="TEXT", help="Reject it, and why.  Example: --reject 'no face'")
@_back_office
def review(receipt: str, reject: str | None, **given: Any) -> None:
    """Accept an application, or reject it (审核).

    \b
    Example:
      sscard service review 3F8K2M9QXW7V1T5C --ledger city.db --service-keys service.keys
    """
    details = {"accepted": reject is None, "reason": reject or ""}
    _ask("review", {"receipt": receipt}, details, given)


@click.command()
@_receipt
@click.option("--point", metavar="TEXT", default="", help="Where it is.  Example: --point hall")
@click.option("--posted", is_flag=True, help="It was posted to the holder.")
@_back_office
def arrive(receipt: str, point: str, posted: bool, **given: Any) -> None:
    """A card that was made is at its point, or in the post.

    \b
    Example:
      sscard service arrive 3F8K2M9QXW7V1T5C --point hall \\
        --ledger city.db --service-keys service.keys
    """
    _ask("arrive", {"receipt": receipt}, {"point": point, "posted": posted}, given)


@click.group()
def batch() -> None:
    """Batches of issue: the list of holders out, the return file back in.

    \b
    Example:
      sscard service batch take june --out june.csv \\
        --ledger city.db --service-keys service.keys
      sscard batch run --generation 3 --keys roots.json --holders june.csv --out june
      sscard service batch report june june/return.csv \\
        --ledger city.db --service-keys service.keys
    """


@batch.command()
@_batch
@out_option("FILE.csv", "The list of holders for sscard batch run.", "june.csv")
@_back_office
def take(name: str, out: Path, **given: Any) -> None:
    """Put all reviewed applications into a batch, and write its list of holders.

    \b
    Example:
      sscard service batch take june --out june.csv \\
        --ledger city.db --service-keys service.keys
    """
    with open_centre(given["ledger_url"], given["key_path"], given["region_path"]) as centre:
        from sscard_service.batches import take_batch

        done = take_batch(centre, name, out, given["clerk"])
    if given["as_json"]:
        print_json({"batch": name, "holders": done.holders, "new": done.new})
    else:
        say(f"{out}: {done.holders} holders, {done.new} of them new")


@batch.command()
@_batch
@click.argument("path", metavar="RETURN.csv", type=FILE)
@_back_office
def report(name: str, path: Path, **given: Any) -> None:
    """Take the return file of a batch: cards that were made are registered, not activated.

    \b
    Example:
      sscard service batch report june june/return.csv \\
        --ledger city.db --service-keys service.keys
    """
    with open_centre(given["ledger_url"], given["key_path"], given["region_path"]) as centre:
        from sscard_service.batches import report_batch

        done = report_batch(centre, name, path, given["clerk"])
    if given["as_json"]:
        print_json(
            {"made": done.made, "failed": done.failed, "known": done.known, "others": done.others}
        )
    else:
        say(
            f"{done.made} cards made, {done.failed} failed, {done.known} known before,"
            f" {done.others} of other lists"
        )
