# SPDX-License-Identifier: Apache-2.0
"""``sscard keys``: stores of root keys and the key ceremony."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click._termui_impl import ProgressBar

from issuance.bank.roots import bank_slots
from issuance.ceremony import (
    CeremonyError,
    Component,
    check_values,
    combine,
    compare,
    copy_keys,
    import_key,
)
from issuance.roots import RootKeyError, Slot, root_names, root_slots, slot_rule
from issuance.stores import check_value, create_file_store, is_token, new_passphrase, open_store
from issuance.transport import transport_slots
from sscard_chip.profile import Profile, for_generation
from sscard_chip.profile.generations import generations
from sscard_chip.profile.local import LocalFile, LocalFileError, load_local_file
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4
from sscard_cli.errors import RefusedError
from sscard_cli.options import force_option, hex_bytes, json_option, local_files_option
from sscard_cli.output import print_json, refuse_to_overwrite, say, write_file
from sscard_cli.stores import (
    NEW_PASSPHRASE_VARIABLE,
    STORE,
    STORE_METAVAR,
    new_passphrase_option,
    open_keys,
    passphrase_option,
    passphrase_source,
)

_TRIES = 3
_KINDS = click.Choice(["plain", "encrypted"])


@click.group()
def keys() -> None:
    """Root keys (根密钥) that the keys of all cards are derived from.

    ROOTS is a plain file (for tests), a file encrypted with a passphrase, or a token of a
    hardware module: pkcs11:token=LABEL?module-path=FILE. Every command with --keys takes each.

    \b
    Example:
      sscard keys create roots.json
      sscard keys create issuer.keys --store encrypted
      sscard keys show "pkcs11:token=issuer?module-path=/usr/lib/softhsm/libsofthsm2.so"
    """


@keys.command()
@click.argument("location", type=STORE, metavar=STORE_METAVAR)
@click.option(
    "--store",
    "kind",
    type=_KINDS,
    help="What kind of file; plain without it.  Example: --store encrypted",
)
@click.option("--empty", is_flag=True, help="No keys yet, for keys import; with --store encrypted.")
@click.option(
    "--bank",
    "for_bank",
    is_flag=True,
    help="The root keys of a bank, for its application and purse, instead.",
)
@click.option(
    "--transport",
    "for_transport",
    is_flag=True,
    help="The root keys of a transport issuer (交通联合) instead.",
)
@new_passphrase_option
@passphrase_option
@local_files_option
@force_option
@json_option
def create(
    location: str,
    kind: str | None,
    empty: bool,
    for_bank: bool,
    for_transport: bool,
    new_passphrase_file: Path | None,
    passphrase_file: Path | None,
    local_paths: tuple[Path, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Create random root keys: all names, both algorithm suites.

    With --local-files, also those that a region's own files name; with --bank or --transport,
    those of a bank or of a transport issuer and no other, for they never share a store. A plain
    file is for tests: it is readable by its owner alone and by whoever gets hold of it. In a token
    the 3DES keys are made inside and never leave it; keys that are there already stay as they are.

    \b
    Example:
      sscard keys create roots.json
      sscard keys create issuer.keys --store encrypted
      sscard keys create bank.json --bank
      sscard keys create transport.json --transport
    """
    if is_token(location) and (kind or empty or force):
        raise click.UsageError("--store, --empty and --force do not go with a token")
    if empty and kind != "encrypted":
        raise click.UsageError("--empty goes with --store encrypted")
    if for_bank and for_transport:
        raise click.UsageError("--bank and --transport are two stores")
    if (for_bank or for_transport) and local_paths:
        whose = "a bank" if for_bank else "a transport issuer"
        raise click.UsageError(f"--local-files name no keys of {whose}")
    extra = _extended_profiles([load_local_file(path) for path in local_paths])
    slots = [] if empty else _slots(extra, bank=for_bank, transport=for_transport)
    if is_token(location):
        with open_keys(location, passphrase_file) as store:
            there = set(store.slots())
            missing = [slot for slot in slots if slot not in there]
            with _progress("Making keys", len(missing)) as bar:
                store.generate(missing, done=bar.update)
        text = f"{len(missing)} random root keys for 3des and sm4"
        if len(missing) < len(slots):
            text += f", {len(slots) - len(missing)} were there already"
    else:
        path = Path(location)
        refuse_to_overwrite(path, force=force)
        ask = passphrase_source(new_passphrase_file, NEW_PASSPHRASE_VARIABLE, new=True)

        def save(target: Path) -> None:
            with create_file_store(target, kind or "plain", passphrase) as made:
                made.generate(slots)

        passphrase = new_passphrase(path, ask) if kind == "encrypted" else ""
        write_file(path, save, force=force)
        text = "random root keys for 3des and sm4"
        if empty:
            text = "no keys yet, encrypted"
        else:
            text += ", encrypted" if kind == "encrypted" else ", for tests only"
    if as_json:
        print_json({"roots": location})
    else:
        say(f"{location}: {text}")


def _slots(profiles: list[Profile], *, bank: bool, transport: bool) -> list[Slot]:
    """What a new store holds."""
    if bank:
        return bank_slots()
    return transport_slots() if transport else root_slots(profiles)


@keys.command()
@click.argument("location", type=STORE, metavar=STORE_METAVAR)
@passphrase_option
@json_option
def show(location: str, passphrase_file: Path | None, as_json: bool) -> None:
    """Show which keys a store has, with their check values (校验值); never a key.

    A check value is the first 3 bytes of a block of zeros enciphered with the key.

    \b
    Example:
      sscard keys show roots.json
    """
    with open_keys(location, passphrase_file) as store:
        values = check_values(store)
        kind = store.kind
    if as_json:
        print_json({"roots": location, "kind": kind, "keys": _listing(values)})
        return
    say(f"{location}: {kind}, {len(values)} keys; check values by version")
    rows: dict[tuple[str, str], list[str]] = {}
    for (algorithm, name, version), value in values.items():
        rows.setdefault((algorithm, name), []).append(f"{version} {_hex(value)}")
    for (algorithm, name), cells in rows.items():
        say(f"{algorithm:5} {name:8} {'   '.join(cells)}")


@keys.command(name="import")
@click.argument("location", type=STORE, metavar=STORE_METAVAR)
@click.argument("name", metavar="NAME")
@click.option(
    "--algorithm",
    required=True,
    type=click.Choice([ALGORITHM_3DES, ALGORITHM_SM4]),
    help="Algorithm suite of the key.  Example: --algorithm sm4",
)
@click.option(
    "--version",
    type=click.IntRange(1, 255),
    default=1,
    show_default=True,
    help="Version of the key.  Example: --version 2",
)
@click.option(
    "--components",
    "count",
    type=click.IntRange(2, 3),
    default=2,
    show_default=True,
    help="How many people have a part of it.  Example: --components 3",
)
@click.option(
    "--check-value",
    "expected",
    metavar="HEX6",
    type=hex_bytes(3),
    help="Check value of the whole key; another key is refused.  Example: --check-value A1B2C3",
)
@passphrase_option
@click.option("--force", is_flag=True, help="Replace the key if a file has it; never in a token.")
@json_option
def import_(
    location: str,
    name: str,
    algorithm: str,
    version: int,
    count: int,
    expected: bytes | None,
    passphrase_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Put a root key into a store, from two or three components that are typed unseen.

    Each component's check value is shown, to be compared with the one on its letter; the key is
    the XOR of all.

    \b
    Example:
      sscard keys import issuer.keys DPK --algorithm sm4 --version 1 --components 3
    """
    rule = slot_rule(algorithm, name, str(version))
    if rule:
        raise click.UsageError(f"{name}: {rule}")
    if not sys.stdin.isatty():
        raise RefusedError("components are typed at a terminal, by one person after the other")
    slot = (algorithm, name, version)
    with open_keys(location, passphrase_file) as store:
        if slot in store.slots() and not force:  # before anybody types
            raise RootKeyError(f"{store.source}: {algorithm}: {name}: {version}: is there already")
        if name not in root_names():
            say(f"note: {name} is no key of the standard's own files", err=True)
        components = [_component(algorithm, number, count) for number in range(1, count + 1)]
        if expected is None:
            value = check_value(combine(slot, components), slot)
            click.confirm(f"Key: check value {_hex(value)}. Store it?", abort=True, err=True)
        value = import_key(store, slot, components, expected=expected, replace=force)
    if as_json:
        print_json({"roots": location, "keys": _listing({slot: value})})
    else:
        say(f"{location}: {algorithm} {name} version {version}, check value {_hex(value)}")


@keys.command()
@click.argument("source", metavar="FROM", type=STORE)
@click.argument("target", metavar="TO", type=STORE)
@click.option(
    "--store",
    "kind",
    type=_KINDS,
    help="What kind of file TO is; encrypted without it.  Example: --store plain",
)
@passphrase_option
@new_passphrase_option
@force_option
@json_option
def convert(
    source: str,
    target: str,
    kind: str | None,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Copy all keys of a store into a new file or into a token.

    A token gives its 3DES keys to nobody, so FROM is a file. The check values of both are
    compared. FROM stays as it is: delete it when it is no longer needed.

    \b
    Example:
      sscard keys convert roots.json issuer.keys
    """
    if is_token(target) and (kind or force):
        raise click.UsageError("--store and --force do not go with a token")
    ask = passphrase_source(new_passphrase_file, NEW_PASSPHRASE_VARIABLE, new=not is_token(target))
    values: dict[Slot, bytes] = {}
    if not is_token(target):
        refuse_to_overwrite(Path(target), force=force)
    with open_keys(source, passphrase_file) as old:
        if is_token(target):
            with open_store(target, ask) as new, _progress("Copying", len(old.slots())) as bar:
                values = copy_keys(old, new, done=bar.update)
        else:
            form = kind or "encrypted"
            passphrase = new_passphrase(Path(target), ask) if form == "encrypted" else ""

            def save(path: Path) -> None:
                with create_file_store(path, form, passphrase) as made:
                    copy_keys(old, made)
                with open_store(path, passphrase) as reread:
                    values.update(compare(old, reread, old.slots()))

            write_file(Path(target), save, force=force)
    if as_json:
        print_json({"roots": target, "keys": _listing(values)})
    else:
        say(f"{target}: {len(values)} keys, all check values as in {source}")


def _component(algorithm: str, number: int, count: int) -> Component:
    """Ask for a component until its check value is the one on the letter, a few times."""
    for _ in range(_TRIES):
        text = click.prompt(
            f"Component {number} of {count}, 32 hex digits", hide_input=True, err=True, type=str
        )
        try:
            component = Component.parse(text)
        except CeremonyError as error:
            click.echo(str(error), err=True)
            continue
        value = _hex(component.check_value(algorithm))
        if click.confirm(f"Component {number}: check value {value}. Right?", err=True):
            return component
    raise RefusedError(f"component {number}: not confirmed in {_TRIES} tries, nothing is stored")


def _progress(label: str, length: int) -> ProgressBar[int]:
    """A bar on stderr, for people: a token may take seconds for what a file has at once."""
    return click.progressbar(
        length=length, label=label, show_pos=True, file=sys.stderr, hidden=not sys.stderr.isatty()
    )


def _hex(value: bytes) -> str:
    return value.hex().upper()


def _listing(values: dict[Slot, bytes]) -> list[dict[str, object]]:
    return [
        {"algorithm": algorithm, "name": name, "version": version, "check_value": _hex(value)}
        for (algorithm, name, version), value in values.items()
    ]


def _extended_profiles(local_files: list[LocalFile]) -> list[Profile]:
    """The profiles of those generations that the local files fit; LocalFileError for none."""
    profiles, misfit = [], None
    for generation in generations():
        try:
            profiles.append(for_generation(generation.number, local_files=local_files))
        except LocalFileError as error:
            misfit = error
    if misfit and not profiles:
        raise misfit
    return profiles
