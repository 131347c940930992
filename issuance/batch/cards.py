# SPDX-License-Identifier: Apache-2.0
"""A chunk of cards, column by column: one request for each root key, one patch for each card.

The result is what :func:`issuance.personalise.issue_card` makes, byte for byte; the order of the
work differs: first all cards' keys of one root, then all cards' values of one record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from msgspec.structs import asdict

from issuance.batch.template import ACCOUNT, HISTORICAL, ChunkValues, Span, Template, key_columns
from issuance.fills import FILL_OF, FILLS
from issuance.holder import Holder
from issuance.personalise import (
    KeySlot,
    card_identification,
    initialiser_number,
    make_historical_bytes,
)
from issuance.values import Contents, encode_item_value
from sscard_chip.applications import amounts
from sscard_chip.profile.codec import split_name
from sscard_chip.security.diversify import HISTORICAL_LENGTH, Chains, card_chain, card_factor
from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.identifiers import MF
from sscard_chip.standard.keys import IRK, MF_MASTER_KEY

_PIN_PAD: Final = b"\xff"
_PIN_BYTES: Final = 16


@dataclass(frozen=True, slots=True, repr=False)
class CardOrder:
    """A checked holder, the serial of the card, and what the holder's ``files`` hold."""

    holder: Holder
    serial: bytes
    files: Contents


@dataclass(frozen=True, slots=True, repr=False)
class Patches:
    """Cards as what differs from their template: ``rows`` of the bytes of ``spans``, joined."""

    spans: list[Span]
    rows: list[bytes]


def make_cards(template: Template, store: KeyStore, orders: Sequence[CardOrder]) -> Patches:
    """Personalise a chunk.

    :raises KeyStoreError:
    """
    profile = template.profile
    columns = ChunkValues(template, len(orders))
    prefix = {
        o.holder.city: make_historical_bytes(profile, o.holder.city, o.serial) for o in orders
    }
    historical = [prefix[o.holder.city][: -len(o.serial)] + o.serial for o in orders]
    columns.put(template.spans[HISTORICAL], historical)
    chains = _chains(orders, historical)
    keys = _derive(template, store, chains)
    key_columns(template, columns, keys)
    for fid, name in _master_keys(template).items():
        columns.put(template.spans[fid], store.diversify(template.algorithm, name, 1, chains))
    _put_items(template, columns, orders, keys)
    _put_pins(template, columns, orders)
    _put_files(template, columns, orders)
    return Patches(*columns.rows())


# --- keys ----------------------------------------------------------------------------------------


def _chains(orders: Sequence[CardOrder], historical: Sequence[bytes]) -> Chains:
    cities = {order.holder.city for order in orders}
    parents = {city: card_chain(city, bytes(HISTORICAL_LENGTH))[:2] for city in cities}
    return Chains(
        (*parents[order.holder.city], card_factor(value))
        for order, value in zip(orders, historical, strict=True)
    )


def _derive(template: Template, store: KeyStore, chains: Chains) -> dict[KeySlot, Sequence[bytes]]:
    """Each root and version is asked for once, also when several directories have its key."""
    known: dict[tuple[str, int], Sequence[bytes]] = {}
    keys: dict[KeySlot, Sequence[bytes]] = {}
    for directory in template.profile.directories:
        for key in directory.keys:
            for version in range(1, key.versions + 1):
                root = key.root, version
                if root not in known:
                    known[root] = store.diversify(template.algorithm, *root, chains)
                keys[directory.fid, key, version] = known[root]
    return keys


def _master_keys(template: Template) -> dict[int, str]:
    directories = template.profile.directories
    return {MF: MF_MASTER_KEY} | {d.fid: d.master_key for d in directories}


# --- values --------------------------------------------------------------------------------------


def _put_items(
    template: Template,
    columns: ChunkValues,
    orders: Sequence[CardOrder],
    keys: Mapping[KeySlot, Sequence[bytes]],
) -> None:
    """The columns of the items of SSSE. Of values that are few each is encoded once."""
    holders = [order.holder for order in orders]
    computed = _computed(template, orders, keys)
    for fill in FILLS:
        place = fill.place(template.profile)
        if place is None:
            continue
        span, item = template.spans[place[0]], place[1]
        if fill.value in computed:
            columns.put(span, computed[fill.value])
            continue
        texts = list(map(attrgetter(fill.value), holders))
        if fill.unique:
            length = item.length
            columns.put(span, [text.encode("ascii").ljust(length, b"\0") for text in texts])
        else:
            encoded = {text: encode_item_value(item, text) for text in set(texts)}
            columns.put(span, [encoded[text] for text in texts])


def _computed(
    template: Template, orders: Sequence[CardOrder], keys: Mapping[KeySlot, Sequence[bytes]]
) -> dict[str, Sequence[bytes]]:
    """What is worked out for the cards, by the names in the table of fills."""
    profile = template.profile
    irk = next(
        slot
        for slot in keys
        if slot[0] == profile.environment.fid and slot[1].root == IRK and slot[2] == 1
    )
    cities = [order.holder.city for order in orders]
    numbers = {city: initialiser_number(city) for city in set(cities)}
    version = FILL_OF["version"].place(profile)
    extension = FILL_OF["name_rest"].place(profile) is not None
    names = [split_name(order.holder.name, extension=extension) for order in orders]
    return {
        "identification": [
            card_identification(profile, template.algorithm, city, order.serial, {irk: secret})
            for city, order, secret in zip(cities, orders, keys[irk], strict=True)
        ],
        "version": [encode_item_value(version[1], profile.version)] * len(orders)
        if version
        else [],
        "initialiser": [numbers[city] for city in cities],
        "name_start": [name for name, _ in names],
        "name_rest": [rest for _, rest in names],
    }


def _put_pins(template: Template, columns: ChunkValues, orders: Sequence[CardOrder]) -> None:
    pins = [order.holder.pin for order in orders]
    records = {pin: _pin_record(pin) for pin in set(pins)}
    for span in template.pins:
        columns.put(span, [records[pin] for pin in pins])


def _pin_record(pin: str | None) -> bytes:
    """Length and PIN as they lie in a PIN record."""
    value = bcd(pin or "")
    return bytes((len(value),)) + value.ljust(_PIN_BYTES, _PIN_PAD)


def _put_files(template: Template, columns: ChunkValues, orders: Sequence[CardOrder]) -> None:
    """What only some holders bring: further items, photos, records of rings, accounts."""
    found: dict[Span, dict[int, bytes]] = {}
    for index, order in enumerate(orders):
        for record, value in order.files.values.items():
            found.setdefault(template.spans[record], {})[index] = value
        for place, content in order.files.transparent.items():
            found.setdefault(template.spans[place], {})[index] = content
        for place, records in order.files.cyclic.items():
            parts = template.ring(place, records)
            for span, part in zip(template.rings[place], parts, strict=True):
                found.setdefault(span, {})[index] = part
        if order.holder.account is not None:
            content = amounts.initial_content(**asdict(order.holder.account))
            found.setdefault(template.spans[ACCOUNT], {})[index] = content
    for span, values in found.items():
        columns.put_some(span, values)
