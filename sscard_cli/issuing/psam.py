# SPDX-License-Identifier: Apache-2.0
"""``sscard psam``: the terminal's card from root keys."""

from __future__ import annotations

from pathlib import Path

import click

from issuance.psam import make_psam
from sscard_chip import Card
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4
from sscard_cli.images import write_image
from sscard_cli.options import force_option, json_option, out_option
from sscard_cli.output import print_json, refuse_to_overwrite, say
from sscard_cli.stores import keys_option, open_keys


@click.command()
@keys_option()
@click.option(
    "--algorithm",
    type=click.Choice([ALGORITHM_3DES, ALGORITHM_SM4]),
    help="The environment that gets keys, sx1 or sx3; both without it.  Example: --algorithm 3des",
)
@click.option(
    "--level",
    required=True,
    type=click.IntRange(1, 3),
    help="Whose keys: 1 the ministry's roots, 2 a province's, 3 a city's.  Example: --level 3",
)
@click.option(
    "--terminal-id",
    required=True,
    metavar="12DIGITS",
    help="终端机编号; its first 6 digits are a division.  Example: --terminal-id 510100000001",
)
@click.option(
    "--city",
    metavar="6DIGITS",
    help="Division whose keys levels 2 and 3 hold; else the issuing area.  Example: --city 510100",
)
@click.option(
    "--serial",
    metavar="DIGITS",
    help="PSAM序列号, up to 20 digits; else random.  Example: --serial 51010000000100000001",
)
@out_option("PSAM.ssc", "Image file to write.", "psam.ssc", "psam_path")
@force_option
@json_option
def psam(
    roots: str,
    passphrase_file: Path | None,
    algorithm: str | None,
    level: int,
    terminal_id: str,
    city: str | None,
    serial: str | None,
    psam_path: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Make a PSAM (社会保障PSAM卡), the card in the terminal that answers for the holder's.

    \b
    Example:
      sscard psam --keys roots.json --level 3 --terminal-id 510100000001 --out psam.ssc
    """
    refuse_to_overwrite(psam_path, force=force)
    with open_keys(roots, passphrase_file) as store:
        memory = make_psam(
            store,
            algorithm=algorithm,
            level=level,
            terminal_id=terminal_id,
            city=city,
            serial=serial,
        )
    card = Card(memory)
    write_image(psam_path, card, force=force)
    atr = card.atr.hex().upper()
    if as_json:
        print_json({"psam": str(psam_path), "level": level, "terminal": terminal_id, "atr": atr})
    else:
        say(f"{psam_path}: PSAM of level {level}, terminal {terminal_id}, ATR {atr}")
