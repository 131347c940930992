# SPDX-License-Identifier: Apache-2.0
"""One card, from root keys and a holder: what goes into it, and the card's memory.

:func:`prepare` works out everything that is particular to a card; nothing in it depends on how
a card keeps it. :func:`write_card` puts that into a copy of a template. The order of the work
is that of LD/T 32.7: keys diversified by the card's factor, 卡识别码 with its 认证码, the holder.

>>> from issuance.roots import create_roots
>>> memory = issue_card(3, create_roots(), Holder.load("holder.json"))
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import asdict

from issuance.bank.personalise import Bank, put_bank
from issuance.fills import FILL_OF, FILLS
from issuance.holder import Holder, HolderError, InitialAccount
from issuance.pki.application import put_pki
from issuance.transport import TransportIssuer, put_transport
from issuance.values import Contents, add_files
from sscard_chip.applications import amounts
from sscard_chip.memory import Memory
from sscard_chip.profile import for_generation
from sscard_chip.profile.codec import ItemValueError, split_name
from sscard_chip.profile.compiler import CardWriter, compile_template, key_length
from sscard_chip.profile.model import Key, Profile, Structure
from sscard_chip.security.diversify import HISTORICAL_LENGTH, Chains, card_chain
from sscard_chip.security.keystore import KeyStore
from sscard_chip.security.suite import SUITES
from sscard_chip.standard.dates import bcd
from sscard_chip.standard.errors import BAD_INPUT, IssuingError
from sscard_chip.standard.identifiers import MEDICAL_LOG, MF, RID
from sscard_chip.standard.keys import IRK, MF_MASTER_KEY

SERIAL_LENGTH: Final = 4

_INITIALISER: Final = bytes.fromhex("9156000002")
_FIRST_SEQUENCE: Final = b"\x01"
_CODE_VERSION: Final = 1

_KEPT_TEMPLATES: Final = 8
_templates: Final[dict[tuple[int, str], tuple[Profile, Memory]]] = {}
"""By the profile's identity, with the profile so that nothing else gets it."""

KeySlot = tuple[int, Key, int]
"""FID of the directory, key of the profile, version from 1."""


class IssueError(IssuingError, ValueError):
    """A card that cannot be made for another reason than its holder; one line."""

    exit_code = BAD_INPUT


@dataclass(frozen=True, slots=True, repr=False)
class CardData:
    """All that is particular to one card.

    ``keys`` are 8 or 16 bytes as the suite wants, ``master_keys`` 16 by FID of the directory,
    ``pin`` BCD, empty for a card without one. ``contents``: see :class:`Contents`.
    """

    profile: Profile
    algorithm: str
    serial: bytes
    historical_bytes: bytes
    identification: bytes  # 卡识别码, 16 bytes
    keys: dict[KeySlot, bytes]
    master_keys: dict[int, bytes]
    contents: Contents
    pin: bytes
    account: InitialAccount | None

    def __repr__(self) -> str:
        return f"<CardData, generation {self.profile.generation}, {self.algorithm}>"


def issue_card(
    generation: int,
    store: KeyStore,
    holder: Holder,
    *,
    algorithm: str | None = None,
    serial: bytes | None = None,
    profile: Profile | None = None,
    bank: Bank | None = None,
    transport: TransportIssuer | None = None,
) -> Memory:
    """A personalised card as a memory, ready for ``Card(memory)`` or ``Card.save``.

    ``algorithm`` is ``"3des"`` or ``"sm4"``, by default the generation's own; ``serial`` the 4
    bytes TA to TD of the ATR, by default random; ``profile`` replaces the generation's, see
    :func:`default_profile`. A holder with a ``bank`` account needs the ``bank``'s keys, one with
    a ``transport`` application the ``transport`` issuer's. Every error is one line.

    :raises HolderError:
    :raises KeyStoreError:
    :raises AuthorityError:
    :raises BankIssueError:
    :raises TransportIssueError:
    :raises PkiIssueError:
    :raises IssueError:
    """
    plan = profile or default_profile(generation, holder)
    check_bank(plan, holder, bank)
    check_transport(plan, holder, transport)
    if holder.certificates is not None and not plan.contactless:
        rule = f"a card of generation {plan.generation} has no certificate application"
        raise HolderError(holder.source, "certificates", rule)
    data = prepare(plan, store, holder, algorithm=algorithm, serial=serial)
    memory = write_card(_template(plan, data.algorithm), data)
    issued, suite = holder.issue_date, data.algorithm
    if holder.bank is not None and bank is not None:
        memory = put_bank(memory, bank, holder.bank, issued=issued, algorithm=suite)
    if holder.transport is not None and transport is not None:
        dates = {"start": issued, "expiry": holder.expiry_date}
        memory = put_transport(memory, transport, holder.transport, algorithm=suite, **dates)
    if holder.certificates is not None:
        memory = put_pki(memory, holder.certificates)
    return memory


def _template(profile: Profile, algorithm: str) -> Memory:
    """The template of a profile, kept for the last few: cards of one kind come in numbers."""
    found = _templates.get((id(profile), algorithm))
    if found is None:
        if len(_templates) >= _KEPT_TEMPLATES:
            _templates.pop(next(iter(_templates)))
        found = profile, compile_template(profile, algorithm)
        _templates[id(profile), algorithm] = found
    return found[1]


def check_bank(profile: Profile, holder: Holder, bank: Bank | None) -> None:
    """See that the holder's bank account can go onto a card of ``profile``.

    :raises HolderError: when the holder's bank account cannot go onto a card of ``profile``.
    """
    if holder.bank is None:
        return
    if not profile.bank:
        rule = f"a card of generation {profile.generation} has no bank application"
    elif bank is None:
        rule = "needs the bank's root keys"
    else:
        return
    raise HolderError(holder.source, "bank", rule)


def check_transport(profile: Profile, holder: Holder, transport: TransportIssuer | None) -> None:
    """See that the holder's transport application can go onto a card of ``profile``.

    :raises HolderError: when the profile has no contactless interface, or the keys are missing.
    """
    if holder.transport is None:
        return
    if not profile.contactless:
        rule = f"a card of generation {profile.generation} has no transport application"
    elif transport is None:
        rule = "needs the transport issuer's root keys"
    else:
        return
    raise HolderError(holder.source, "transport", rule)


def default_profile(generation: int, holder: Holder) -> Profile:
    """The profile of a generation for a region that says nothing else.

    A card of generation 1 is an on-line one without a medical account; a holder who brings an
    account gets the files of both modes.

    :raises IssueError:
    """
    try:
        plan = for_generation(generation)
    except ValueError as error:
        raise IssueError(str(error)) from None
    if holder.account is None or _account_directory(plan) is not None:
        return plan
    return for_generation(generation, with_account=True)


def prepare(
    profile: Profile,
    store: KeyStore,
    holder: Holder,
    *,
    algorithm: str | None = None,
    serial: bytes | None = None,
) -> CardData:
    """Work out one card.

    :raises HolderError:
    :raises KeyStoreError:
    :raises IssueError:
    """
    suite = algorithm or profile.algorithms[0]
    if suite not in profile.algorithms:
        known = ", ".join(profile.algorithms)
        raise IssueError(f"algorithm: a card of generation {profile.generation} knows {known}")
    own = os.urandom(SERIAL_LENGTH) if serial is None else serial
    historical = make_historical_bytes(profile, holder.city, own)
    chain = Chains([card_chain(holder.city, historical)])
    keys = derive_keys(profile, store, suite, chain)[0]
    masters = derive_master_keys(profile, store, suite, chain)[0]
    identification = card_identification(profile, suite, holder.city, own, keys)
    return CardData(
        profile=profile,
        algorithm=suite,
        serial=own,
        historical_bytes=historical,
        identification=identification,
        keys=keys,
        master_keys=masters,
        contents=fill_files(profile, holder, identification),
        pin=bcd(holder.pin or ""),
        account=_account(profile, holder),
    )


def make_historical_bytes(profile: Profile, city: str, serial: bytes) -> bytes:
    """The 13 historical bytes: T1 to T7 of the profile, four digits of the city, the serial."""
    if len(serial) != SERIAL_LENGTH:
        raise IssueError(f"serial: must be {SERIAL_LENGTH} bytes")
    value = profile.historical_prefix + bytes.fromhex(city[:4]) + serial
    if len(value) != HISTORICAL_LENGTH:
        raise IssueError("profile: the historical bytes must begin with 7 bytes, T1 to T7")
    return value


# --- keys ----------------------------------------------------------------------------------------


def derive_keys(
    profile: Profile, store: KeyStore, algorithm: str, chains: Sequence[Sequence[bytes]]
) -> list[dict[KeySlot, bytes]]:
    """All keys of the profile for many cards, one request to the store for each key version."""
    chains = Chains.of(chains)
    cards: list[dict[KeySlot, bytes]] = [{} for _ in chains]
    suite = SUITES[algorithm]
    for directory in profile.directories:
        for key in directory.keys:
            length = key_length(key, suite)
            for version in range(1, key.versions + 1):
                secrets = store.diversify(algorithm, key.root, version, chains)
                for card, secret in zip(cards, secrets, strict=True):
                    card[directory.fid, key, version] = secret[:length]
    return cards


def derive_master_keys(
    profile: Profile, store: KeyStore, algorithm: str, chains: Sequence[Sequence[bytes]]
) -> list[dict[int, bytes]]:
    """Master keys (主控密钥) of the MF and of every directory for many cards."""
    names = {MF: MF_MASTER_KEY} | {d.fid: d.master_key for d in profile.directories}
    chains = Chains.of(chains)
    cards: list[dict[int, bytes]] = [{} for _ in chains]
    for fid, name in names.items():
        secrets = store.diversify(algorithm, name, 1, chains)
        for card, secret in zip(cards, secrets, strict=True):
            card[fid] = secret
    return cards


def card_identification(
    profile: Profile, algorithm: str, city: str, serial: bytes, keys: dict[KeySlot, bytes]
) -> bytes:
    """卡识别码: city 3, D156000005, serial 4, 认证码 4.

    The code is a MAC with the card's IRK, version 1, initial value 0 [M]; for SM4 the last
    block folded to four bytes as in every other MAC of the suite [L].
    """
    body = bytes.fromhex(city) + RID + serial
    irk = next(
        secret
        for (fid, key, version), secret in keys.items()
        if fid == profile.environment.fid and key.root == IRK and version == _CODE_VERSION
    )
    return body + SUITES[algorithm].key_mac(irk, b"", body)


def initialiser_number(city: str) -> bytes:
    """初始化机构编号: 9156000002, issuing area 3, initialising place 3, number 1.

    The place is the issuing area itself and the number 01 [L].
    """
    area = bytes.fromhex(city)
    return _INITIALISER + area + area + _FIRST_SEQUENCE


# --- values --------------------------------------------------------------------------------------


def fill_files(profile: Profile, holder: Holder, identification: bytes) -> Contents:
    """Everything that the holder brings into files.

    :raises HolderError:
    """
    contents = Contents()
    extension = FILL_OF["name_rest"].place(profile) is not None
    try:
        name, rest = split_name(holder.name, extension=extension)
    except ItemValueError as error:
        raise HolderError(holder.source, "name", error.rule) from None
    computed: dict[str, str | bytes] = {
        "identification": identification,
        "version": profile.version,
        "initialiser": initialiser_number(holder.city),
        "name_start": name,
        "name_rest": rest,
    }
    for fill in FILLS:
        place = fill.place(profile)
        if place is not None:
            value = computed.get(fill.value)
            contents.set_item(*place, getattr(holder, fill.value) if value is None else value)
    add_files(contents, profile, holder)
    return contents


def _account(profile: Profile, holder: Holder) -> InitialAccount | None:
    if holder.account is None or _account_directory(profile) is not None:
        return holder.account
    raise HolderError(holder.source, "account", "this card's profile has no medical account")


def _account_directory(profile: Profile) -> int | None:
    for directory in profile.directories:
        amounts = any(file.structure is Structure.AMOUNT for file in directory.files)
        if amounts and any(file.fid == MEDICAL_LOG for file in directory.files):
            return directory.fid
    return None


# --- the card ------------------------------------------------------------------------------------


def write_card(template: Memory, data: CardData) -> Memory:
    """A card's memory: a copy of ``template``, which the profile of ``data`` compiled to."""
    writer = CardWriter(template)
    writer.historical_bytes(data.historical_bytes)
    for (directory, key, version), secret in data.keys.items():
        writer.key(directory, key, version, secret)
    for directory, secret in data.master_keys.items():
        writer.master_key(directory, secret)
    for (directory, file, number), value in data.contents.values.items():
        writer.record(directory, file, number, value)
    for (directory, file), content in data.contents.transparent.items():
        writer.binary(directory, file, content)
    for (directory, file), records in data.contents.cyclic.items():
        for record in reversed(records):
            writer.append(directory, file, record)
    writer.pin(data.pin)
    medical = _account_directory(data.profile)
    if medical is not None and data.account is not None:
        writer.account(medical, amounts.initial_content(**asdict(data.account)))
    return writer.finish()
