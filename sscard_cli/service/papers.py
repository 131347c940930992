# SPDX-License-Identifier: Apache-2.0
"""``sscard service``: papers with a seal, made and verified, and what signs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import click

from sscard_chip.standard.inputfile import open_regular
from sscard_cli.errors import RefusedError
from sscard_cli.options import file_option, force_option, json_option, out_option
from sscard_cli.output import print_json, say, write_file
from sscard_cli.service.options import (
    centre_options,
    keys_option,
    new_request,
    open_centre,
    request_option,
)

_KINDS: Final = ("rights", "participation", "voucher", "progress")
_CODE: Final = re.compile("[0-9A-Za-z -]{20,40}")


@click.command()
@click.option(
    "--person",
    "identity",
    required=True,
    metavar="IDENTITY",
    help="Whose paper.  Example: --person 990000200102030012",
)
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    help="权益记录单, 参保证明, 领卡证明, progress of an application.  Example: --kind rights",
)
@click.option(
    "--year", metavar="YYYY", default="", help="Of a rights record.  Example: --year 2025"
)
@click.option(
    "--months",
    type=click.Choice(["12", "24", "36"]),
    default="12",
    show_default=True,
    help="Of a participation certificate.  Example: --months 24",
)
@click.option(
    "--receipt", metavar="RECEIPT", default="", help="Of an application.  Example: --receipt 3F8K…"
)
@click.option(
    "--code", metavar="CODE", help="Print one again that was made: as 副本.  Example: --code 7K2M9…"
)
@click.option(
    "--clerk",
    metavar="NUMBER",
    default="0001",
    show_default=True,
    help="The clerk who has seen the document.  Example: --clerk 0017",
)
@out_option("FILE.pdf", "The paper, A4, signed.", "rights.pdf")
@force_option
@request_option
@centre_options
@json_option
def paper(identity: str, kind: str | None, out: Path, force: bool, **given: Any) -> None:
    """Make a paper with seal, QR and signature (权益记录单, 参保证明, 领卡证明) as PDF.

    Each print is counted: the first is the paper, all others say 副本.

    \b
    Example:
      sscard service paper --person 990000200102030012 --kind rights --year 2025 --out rights.pdf \\
        --ledger city.db --service-keys service.keys
      sscard service paper --person 990000200102030012 --code 7K2M9-QXW7V-1T5C3-F8K00 \\
        --out copy.pdf --ledger city.db --service-keys service.keys
    """
    if (kind is None) == (given["code"] is None):
        raise click.UsageError("one of --kind and --code is needed")
    if out.exists() and not force:
        raise RefusedError(f"{out}: exists already; --force replaces it")
    with open_centre(given["ledger_url"], given["key_path"], given["region_path"]) as centre:
        from sscard_service import SeenDocument, ServiceActor, ServiceEvidence
        from sscard_service.centre import checked_model
        from sscard_service.evidence import ServiceSubject
        from sscard_service.printing import make_paper, print_paper

        who = (
            checked_model(ServiceSubject, {"identity": identity}),
            ServiceActor("clerk", given["clerk"], "command line"),
            "office",
            ServiceEvidence(document=SeenDocument(identity)),
        )
        if kind is None:
            made = print_paper(centre, *who, given["code"])
        else:
            details = {
                "kind": kind, "year": given["year"], "months": int(given["months"]),
                "receipt": given["receipt"],
            }  # fmt: skip
            made = make_paper(centre, *who, new_request(given["request_id"]), details)

    def save(new: Path) -> None:
        new.write_bytes(made.pdf)

    write_file(out, save, force=force)
    if given["as_json"]:
        print_json(
            {"out": str(out), "code": made.code, "print": made.number, "copy": made.copy}
        )  # fmt: skip
    else:
        say(f"{out}: print {made.number}{' (副本)' if made.copy else ''}, code {made.code}")


@click.command()
@click.argument("paper", metavar="CODE|FILE.pdf")
@centre_options
@json_option
def verify(
    paper: str, ledger_url: str, key_path: Path, region_path: Path | None, as_json: bool
) -> None:
    """Verify a paper: by its code what anybody may see, by its file signature and digest.

    \b
    Example:
      sscard service verify 7K2M9-QXW7V-1T5C3-F8K00 \\
        --ledger city.db --service-keys service.keys
      sscard service verify rights.pdf --ledger city.db --service-keys service.keys
    """
    path = Path(paper)
    by_code = _CODE.fullmatch(paper) is not None and not path.exists()
    if not by_code and not path.is_file():
        raise click.UsageError(f"{paper}: is no code of a paper, and no file")
    with open_centre(ledger_url, key_path, region_path) as centre:
        found = _by_code(centre, paper) if by_code else _by_file(centre, path)
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            for line in value if isinstance(value, list) else [value]:
                say(f"{name}: {'  '.join(line) if isinstance(line, list) else line}")
    if not by_code and not found["good"]:
        raise RefusedError(f"{paper}: {found['problem']}")


def _by_code(centre: Any, code: str) -> dict[str, Any]:
    from sscard_service import ServiceActor
    from sscard_service.centre import checked_model
    from sscard_service.evidence import ServiceSubject
    from sscard_service.store.papers import normal_code

    subject = checked_model(ServiceSubject, {"receipt": normal_code(code)})
    found: dict[str, Any] = centre.perform(
        "verify", subject, ServiceActor(), "office", None, new_request(None)
    ).data
    return found


def _by_file(centre: Any, path: Path) -> dict[str, Any]:
    from sscard_service.papers.checking import MOST_FILE
    from sscard_service.printing import check_paper

    with open_regular(path) as stream:
        content = stream.read(MOST_FILE + 1)
    if len(content) > MOST_FILE:
        raise RefusedError(f"{path}: is longer than {MOST_FILE} bytes")
    found = check_paper(centre, content)
    unknown = "" if found.number else "is no print of this service"
    return {
        "good": found.good,
        "signed": found.signature.good,
        "signer": found.signature.signer,
        "time": found.signature.time,
        "code": found.code,
        "print": found.number,
        "problem": found.signature.problem or unknown,
    }


@click.command()
@file_option(
    "--pkcs12",
    "pkcs12",
    "FILE.p12",
    "Sign with the operator's own certificate from now on.  Example: --pkcs12 seal.p12",
)
@file_option(
    "--passphrase-file",
    "passphrase_path",
    "FILE",
    "Its passphrase, in the first line.  Example: --passphrase-file seal.txt",
)
@click.option("--new-test", is_flag=True, help="Make another test authority.")
@keys_option
def authority(
    pkcs12: Path | None, passphrase_path: Path | None, new_test: bool, key_path: Path
) -> None:
    """Print the certificate that papers are trusted by, PEM; or change what signs them.

    sscard service init has made a test authority, under which papers bear a 测试 mark. It goes
    with the operator's own certificate. What was signed before is verified by its old one.

    \b
    Example:
      sscard service authority --service-keys service.keys > papers.pem
      sscard service authority --pkcs12 seal.p12 --passphrase-file seal.txt \\
        --service-keys service.keys
    """
    from sscard_service.store.authority import new_test_authority, read_own_authority
    from sscard_service.store.secrets import ServiceKeys, change_authority

    if new_test and pkcs12 is not None:
        raise click.UsageError("--new-test and --pkcs12 exclude each other")
    if passphrase_path is not None and pkcs12 is None:
        raise click.UsageError("--passphrase-file goes with --pkcs12")
    if pkcs12 is not None:
        passphrase = b""
        if passphrase_path is not None:
            with open_regular(passphrase_path) as stream:
                passphrase = stream.read(1024).split(b"\n", 1)[0].strip()
        with open_regular(pkcs12) as stream:
            own = read_own_authority(stream.read(1 << 20), passphrase)
        change_authority(key_path, own)
    elif new_test:
        change_authority(key_path, new_test_authority())
    papers = ServiceKeys.load(key_path).papers
    if papers is None:
        raise RefusedError(f"{key_path}: signs no papers; --new-test makes a test authority")
    click.echo(papers.authority, nl=False)
