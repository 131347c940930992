# SPDX-License-Identifier: Apache-2.0
"""A chunk of cards, column by column: one request for each root key, one patch for each card.

The result is what :func:`issuance.personalise.issue_card` makes, byte for byte; the order of the
work differs: first all cards' keys of one root, then all cards' values of one record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import asdict

from issuance.batch.template import ACCOUNT, HISTORICAL, Columns, Span, Template, key_columns
from issuance.holder import Holder
from issuance.personalise import (
    KeySlot,
    card_identification,
    encode_pin,
    historical_bytes,
    initialiser_number,
)
from issuance.values import Contents, encode
from sscard_chip.applications import amounts
from sscard_chip.profile.codec import split_name
from sscard_chip.profile.model import Item
from sscard_chip.security.diversify import HISTORICAL_LENGTH, Chains, card_chain, card_factor
from sscard_chip.security.keystore import KeyStore
from sscard_chip.standard.identifiers import HOLDER_FILE, ISSUER_FILE, MF
from sscard_chip.standard.keys import IRK, MF_MASTER_KEY

_TAG_NAME, _TAG_NAME_REST = 0x09, 0x4E
_IDENTIFICATION: Final = 0x01
_PIN_PAD: Final = b"\xff"
_PIN_BYTES: Final = 16

_FIELDS: Final[tuple[tuple[int, int, Callable[[Holder], str]], ...]] = (
    (ISSUER_FILE, 0x02, lambda holder: holder.card_class),
    (ISSUER_FILE, 0x05, lambda holder: holder.issue_date),
    (ISSUER_FILE, 0x06, lambda holder: holder.expiry_date),
    (HOLDER_FILE, 0x0A, lambda holder: holder.sex),
    (HOLDER_FILE, 0x0B, lambda holder: holder.nation),
    (HOLDER_FILE, 0x0C, lambda holder: holder.birthplace),
    (HOLDER_FILE, 0x0D, lambda holder: holder.birth_date),
)
"""Items of SSSE with few different values in a chunk: each is encoded once."""

_NUMBERS: Final[tuple[tuple[int, int, Callable[[Holder], str]], ...]] = (
    (ISSUER_FILE, 0x07, lambda holder: holder.card_number),
    (HOLDER_FILE, 0x08, lambda holder: holder.social_security_number),
)
"""Items that differ from card to card: letters and digits alone, as the checks want them."""


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """A checked holder, the serial of the card, and what the holder's ``files`` hold."""

    holder: Holder
    serial: bytes
    files: Contents


@dataclass(frozen=True, slots=True, repr=False)
class Patches:
    """Cards as what differs from their template: ``rows`` of the bytes of ``spans``, joined."""

    spans: list[Span]
    rows: list[bytes]


def make_cards(template: Template, store: KeyStore, orders: Sequence[Order]) -> Patches:
    """Personalise a chunk. Raises KeyStoreError."""
    profile = template.profile
    columns = Columns(template, len(orders))
    prefix = {o.holder.city: historical_bytes(profile, o.holder.city, o.serial) for o in orders}
    historical = [prefix[o.holder.city][: -len(o.serial)] + o.serial for o in orders]
    columns.put(template.spans[HISTORICAL], historical)
    chains = _chains(orders, historical)
    keys = _derive(template, store, chains)
    key_columns(template, columns, keys)
    for fid, name in _master_keys(template).items():
        columns.put(template.spans[fid], store.diversify(template.algorithm, name, 1, chains))
    _put_issuer(template, columns, orders, keys)
    _put_holder(template, columns, orders)
    _put_files(template, columns, orders)
    return Patches(*columns.rows())


# --- keys ----------------------------------------------------------------------------------------


def _chains(orders: Sequence[Order], historical: Sequence[bytes]) -> Chains:
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


def _place(template: Template, fid: int, tag: int) -> tuple[Span, Item]:
    """Where the first record with a tag of SSSE lies."""
    environment = template.profile.environment
    file = environment.file(fid)
    number = file.record_numbers(tag)[0]
    return template.spans[environment.fid, fid, number], file.items[number - 1]


def _put_issuer(
    template: Template,
    columns: Columns,
    orders: Sequence[Order],
    keys: Mapping[KeySlot, Sequence[bytes]],
) -> None:
    environment = template.profile.environment.fid
    proofs = {slot: column for slot, column in keys.items() if slot[0] == environment}
    span, _ = _place(template, ISSUER_FILE, _IDENTIFICATION)
    irk = next(slot for slot in proofs if slot[1].root == IRK and slot[2] == 1)
    columns.put(
        span,
        [
            card_identification(
                template.profile, template.algorithm, o.holder.city, o.serial, {irk: secret}
            )
            for o, secret in zip(orders, proofs[irk], strict=True)
        ],
    )
    span, item = _place(template, ISSUER_FILE, 0x03)
    columns.same(span, encode(item, template.profile.version))
    span, _ = _place(template, ISSUER_FILE, 0x04)
    cities = [order.holder.city for order in orders]
    numbers = {city: initialiser_number(city) for city in set(cities)}
    columns.put(span, [numbers[city] for city in cities])


def _put_holder(template: Template, columns: Columns, orders: Sequence[Order]) -> None:
    holders = [order.holder for order in orders]
    for fid, tag, field in _FIELDS:
        span, item = _place(template, fid, tag)
        texts = list(map(field, holders))
        encoded = {text: encode(item, text) for text in set(texts)}
        columns.put(span, [encoded[text] for text in texts])
    for fid, tag, field in _NUMBERS:
        span, item = _place(template, fid, tag)
        length = item.length
        columns.put(span, [field(h).encode("ascii").ljust(length, b"\0") for h in holders])
    extension = bool(template.profile.environment.file(HOLDER_FILE).record_numbers(_TAG_NAME_REST))
    names = [split(holder.name, extension) for holder in holders]
    columns.put(_place(template, HOLDER_FILE, _TAG_NAME)[0], [name for name, _ in names])
    if extension:
        columns.put(_place(template, HOLDER_FILE, _TAG_NAME_REST)[0], [rest for _, rest in names])
    pins = [holder.pin for holder in holders]
    records = {pin: _pin_record(pin) for pin in set(pins)}
    for span in template.pins:
        columns.put(span, [records[pin] for pin in pins])


def split(name: str, extension: bool) -> tuple[bytes, bytes]:
    """A checked name as tags 09 and 4E; a short one at once. Raises ItemValueError."""
    try:
        encoded = name.encode("gbk")
    except UnicodeEncodeError:
        return split_name(name, extension=extension)
    if len(encoded) > 30:
        return split_name(name, extension=extension)
    return encoded.ljust(30, b"\0"), bytes(20)


def _pin_record(pin: str | None) -> bytes:
    """Length and PIN as they lie in a PIN record."""
    value = encode_pin(pin)
    return bytes((len(value),)) + value.ljust(_PIN_BYTES, _PIN_PAD)


def _put_files(template: Template, columns: Columns, orders: Sequence[Order]) -> None:
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
