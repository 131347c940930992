# SPDX-License-Identifier: Apache-2.0
"""``sscard issue``: one card from root keys and a holder."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

import click

from issuance.bank.desk import BankDesk
from issuance.bank.ledger import shown_head
from issuance.broken import break_card
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.region import load_region
from sscard_chip import Card
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.profile.local import load_local_file
from sscard_cli.bank.options import bank_options, ledger_options, open_bank
from sscard_cli.images import write_image
from sscard_cli.issuing.transport import open_transport, transport_options
from sscard_cli.options import (
    NEW_SERIAL,
    algorithm_option,
    file_option,
    force_option,
    generation_option,
    holder_option,
    json_option,
    local_files_option,
    out_option,
    serial_option,
)
from sscard_cli.output import print_json, refuse_to_overwrite, say
from sscard_cli.stores import keys_option, open_keys


def _print_example(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(
            (files("issuance") / "holder-example.toml").read_text(encoding="utf-8"), nl=False
        )
        context.exit()


@click.command()
@generation_option
@keys_option()
@holder_option
@out_option("CARD.ssc", "Image file to write.", "zhang.ssc", "card_path")
@algorithm_option
@serial_option(NEW_SERIAL)
@click.option(
    "--settlement-mode",
    type=click.IntRange(min(SettlementMode), max(SettlementMode)),
    default=SettlementMode.ONLINE.value,
    show_default=True,
    help="How the region settles medical bills: 1 on-line (联网), 2 with temporary off-line"
    " (临时脱网), 3 off-line (脱网).  Example: --settlement-mode 2",
)
@click.option(
    "--optional",
    multiple=True,
    type=click.Choice(["DF05", "DF06"]),
    help="Add an optional application; may be repeated.  Example: --optional DF05",
)
@local_files_option
@file_option(
    "--region",
    "region_path",
    "FILE.toml",
    "Region profile, see docs/region-profile.md; it takes the place of --settlement-mode,"
    " --optional and --local-files.  Example: --region region.toml",
)
@click.option(
    "--broken",
    metavar="NAME",
    help="Break it in one way, to test terminals with; sscard broken list has the ways."
    "  Example: --broken pin-locked",
)
@bank_options(required=False)
@ledger_options(required=False)
@transport_options()
@force_option
@json_option
@click.option(
    "--example",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_example,
    help="Print a holder file with every field, and end.  Example: --example > holder.toml",
)
def issue(
    generation: int,
    roots: str,
    passphrase_file: Path | None,
    holder_path: Path,
    card_path: Path,
    algorithm: str | None,
    serial: bytes | None,
    settlement_mode: int,
    optional: tuple[str, ...],
    local_paths: tuple[Path, ...],
    region_path: Path | None,
    broken: str | None,
    bank_roots: str | None,
    bank_passphrase_file: Path | None,
    authority_path: Path | None,
    ledger_path: Path | None,
    operator: str | None,
    transport_roots: str | None,
    transport_passphrase_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Issue a card: all files and keys of its generation, personalised for the holder.

    With --bank-keys the account of the holder's "bank" becomes the card's bank application; with
    --ledger it is written down, so that sscard bank can activate, change and unlink it. With
    --transport-keys the holder's "transport" becomes the transport application (交通联合).

    A holder file is TOML when its name ends in .toml, else JSON; see docs/holder.md.

    \b
    Example:
      sscard issue --generation 3 --keys roots.json --holder zhang.json --out zhang.ssc
      sscard issue --generation 3 --keys roots.json --holder zhang.json --out zhang.ssc \\
        --bank-keys bank.json --bank-authority ca.json
      sscard issue --generation 3 --keys roots.json --holder zhang.json --out zhang.ssc \\
        --transport-keys transport.json
    """
    refuse_to_overwrite(card_path, force=force)
    if region_path is not None:
        if optional or local_paths or settlement_mode != SettlementMode.ONLINE:
            raise click.UsageError("--region says all about files and the settlement mode")
        region = load_region(region_path)
        holder = region.holder(holder_path)
        profile = region.profile(generation, with_account=holder.account is not None)
    else:
        holder = Holder.load(holder_path)
        try:
            profile = for_generation(
                generation,
                optional=[int(name, 16) for name in optional],
                settlement_mode=SettlementMode(settlement_mode),
                with_account=holder.account is not None,
                local_files=[load_local_file(path) for path in local_paths],
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    if bank_roots is None and (authority_path or ledger_path or operator):
        raise click.UsageError("--bank-authority, --ledger and --operator go with --bank-keys")
    if (ledger_path is None) != (operator is None):
        raise click.UsageError("--ledger and --operator go together")
    if bank_roots is not None and holder.bank is None:
        raise click.UsageError("--bank-keys: the holder file has no bank account")
    if transport_roots is not None and holder.transport is None:
        raise click.UsageError("--transport-keys: the holder file has no transport application")
    with ExitStack() as stack:
        store = stack.enter_context(open_keys(roots, passphrase_file))
        bank = linked = None
        if bank_roots is not None:
            bank = stack.enter_context(open_bank(bank_roots, bank_passphrase_file, authority_path))
        transport = None
        if transport_roots is not None:
            opened = open_transport(transport_roots, transport_passphrase_file)
            transport = stack.enter_context(opened)
        memory = issue_card(
            generation,
            store,
            holder,
            algorithm=algorithm,
            serial=serial,
            profile=profile,
            bank=bank,
            transport=transport,
        )
        card = Card(memory if broken is None else break_card(memory, broken))
        write_image(card_path, card, force=force)
        if bank is not None and ledger_path and operator:
            linked = BankDesk(bank, ledger_path, operator).record(card)
    atr = card.atr.hex().upper()
    if as_json:
        document = {"card": str(card_path), "generation": generation, "atr": atr}
        print_json(document | ({"ledger": linked.shown()} if linked else {}))
    else:
        say(f"{card_path}: generation {generation}, ATR {atr}")
        if linked:
            say(f"ledger: {shown_head(linked.number, linked.digest)}")
