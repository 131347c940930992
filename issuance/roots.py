# SPDX-License-Identifier: Apache-2.0
"""Root keys in memory, and the document that files keep them in.

``{"format": "sscard-root-keys/1", "3des": {"IRK": {"1": HEX, "2": HEX, "3": HEX}, ...}, "sm4":
{...}}``: per suite the key names of LD/T 32.4, versions counted from 1, 16 bytes each. A plain
file holds this document as it is, for tests and development; an encrypted one enciphered
(:mod:`issuance.stores`). Nothing here shows a key: errors name file, suite, key, version and
rule.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Final, Literal

from msgspec import field

from issuance.privatefile import write_private
from sscard_chip.profile.generations import generations, whole_profile
from sscard_chip.profile.model import Profile
from sscard_chip.security.diversify import (
    FACTOR_LENGTH,
    KEY_LENGTH,
    Chains,
    Family,
    diversify_chain,
    diversify_families,
)
from sscard_chip.security.keystore import KeyMissingError, KeyStoreError
from sscard_chip.security.suite import SUITES, Suite
from sscard_chip.standard.documents import (
    NOT_JSON_OBJECT,
    Document,
    DocumentError,
    Model,
    read_json,
    rule,
)
from sscard_chip.standard.identifiers import ALGORITHM_3DES, ALGORITHM_SM4

FORMAT: Final = "sscard-root-keys/1"
MAX_VERSIONS: Final = 255

SUITE_RULE: Final = f"the suite must be one of {', '.join(SUITES)}"

_NAME: Final = r"[A-Z][A-Z0-9_]{1,31}"
_NAME_RULE: Final = "a key's name must be 2 to 32 capital letters, digits and _"
_VERSION: Final = r"[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]"
_VERSION_RULE: Final = f"a version must be a number from 1 to {MAX_VERSIONS}"
_HEX: Final = rf"[0-9A-Fa-f]{{{2 * KEY_LENGTH}}}"
_HEX_RULE: Final = f"must be {KEY_LENGTH} bytes, {2 * KEY_LENGTH} hex digits"

_KEPT_PARENTS: Final = 4096
"""Keys of provinces and cities whose ciphers are kept for the next card of the same place."""

Slot = tuple[str, str, int]
"""Suite, name and version of a root key."""


class RootKeyError(KeyStoreError):
    """A key file that cannot be read, or a key that it lacks; one line without key bytes."""


class RootMissingError(RootKeyError, KeyMissingError):
    """A root key that a store does not have."""


SuiteKeys = Annotated[
    dict[
        Annotated[str, rule(_NAME_RULE, pattern=_NAME, instead="a key")],
        Annotated[
            dict[
                Annotated[str, rule(_VERSION_RULE, pattern=_VERSION, instead="")],
                Annotated[str, rule(_HEX_RULE, pattern=_HEX)],
            ],
            rule(NOT_JSON_OBJECT),
        ],
    ],
    rule(NOT_JSON_OBJECT, title="By name of the key and version"),
]
"""A name that breaks its rule is not shown: it may be a key in the wrong place."""


class RootKeyFile(Model, frozen=True):
    """Root keys (根密钥) in the clear, for tests and development."""

    NOT_OBJECT = NOT_JSON_OBJECT
    UNKNOWN = SUITE_RULE

    format: Annotated[Literal["sscard-root-keys/1"], rule(f'must be "{FORMAT}"')]
    des: SuiteKeys = field(name=ALGORITHM_3DES, default_factory=dict)
    sm4: SuiteKeys = {}


class RootKeys:
    """A set of root keys in memory: the plain :class:`~sscard_chip.security.keystore.KeyStore`.

    >>> roots = create_roots()
    >>> factors = (b"510000sh", b"510100sx", bytes(8))
    >>> len(roots.diversify("3des", "IRK", 1, [factors])[0])
    16
    """

    __slots__ = ("_keys", "_parents", "source")

    def __init__(self, keys: Mapping[Slot, bytes], *, source: str = "root keys") -> None:
        """``keys`` of 16 bytes by suite, name and version; ``source`` stands in errors."""
        for (suite, name, version), key in keys.items():
            fault = slot_rule(suite, name, str(version)) or _length_rule(key)
            if fault:
                raise RootKeyError(f"{source}: {suite}: {name}: {version}: {fault}")
        self._keys = dict(keys)
        self._parents: dict[tuple[Slot, tuple[bytes, ...]], Callable[[bytes], bytes]] = {}
        self.source = source

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RootKeys:
        """Read a key file.

        :raises RootKeyError: with one line when it is not right.
        """
        source = os.fspath(path)
        try:
            document = read_json(path)
        except DocumentError as error:
            raise RootKeyError(str(error)) from None
        return cls.from_document(document, source=source)

    @classmethod
    def from_document(
        cls, document: object, *, source: str, may_be_empty: bool = False
    ) -> RootKeys:
        """The keys of a document, see the top of this module.

        :raises RootKeyError:
        """
        try:
            given = Document(source, document).to(RootKeyFile, separator=": ")
        except DocumentError as error:
            raise RootKeyError(str(error)) from None
        keys = {
            (suite, name, int(version)): bytes.fromhex(text)
            for suite, names in ((ALGORITHM_3DES, given.des), (ALGORITHM_SM4, given.sm4))
            for name, versions in names.items()
            for version, text in versions.items()
        }
        if not keys and not may_be_empty:
            raise RootKeyError(f"{source}: holds no keys")
        return cls(keys, source=source)

    def document(self) -> bytes:
        """The document with every key in the clear, JSON."""
        suites: dict[str, dict[str, dict[str, str]]] = {}
        for suite, name, version in self.slots():
            versions = suites.setdefault(suite, {}).setdefault(name, {})
            versions[str(version)] = self._keys[suite, name, version].hex().upper()
        return (json.dumps({"format": FORMAT, **suites}, indent=1) + "\n").encode("ascii")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a plain key file, readable by its owner only, whole or not at all.

        :raises OSError: when the folder cannot be written.
        """
        write_private(path, self.document())

    def joined(self, other: RootKeys) -> RootKeys:
        """These keys and those of ``other``, which win where both have one."""
        return RootKeys({**self._keys, **other._keys}, source=self.source)

    def slots(self) -> list[Slot]:
        """Suite, name and version of every key, sorted."""
        return sorted(self._keys)

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """The keys that ``chains`` of factors reach; see :class:`KeyStore`. Gives roots too."""
        prepared = prepare_chains(self.source, chains)
        suite, root = self._root(algorithm, name, version)

        def encipher(family: Family) -> bytes:
            place = (algorithm, name, version), family.parent
            encrypt = self._parents.get(place)
            if encrypt is None:
                if len(self._parents) >= _KEPT_PARENTS:
                    self._parents.clear()
                parent = diversify_chain(suite, root, family.parent)
                encrypt = self._parents[place] = suite.encryptor(parent)
            return encrypt(family.blocks)

        return diversify_families(prepared, root, encipher)

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        """ECB encipherment of whole blocks under the key that ``factors`` reach."""
        check_request(self.source, algorithm, factors, data=data)
        return SUITES[algorithm].encryptor(
            diversify_chain(*self._root(algorithm, name, version), factors)
        )(data)

    def mac(
        self,
        algorithm: str,
        name: str,
        version: int,
        factors: Sequence[bytes],
        iv: bytes,
        message: bytes,
    ) -> bytes:
        """MAC of 4 bytes with the key that ``factors`` reach."""
        check_request(self.source, algorithm, factors, iv=iv)
        return SUITES[algorithm].key_mac(
            diversify_chain(*self._root(algorithm, name, version), factors), iv, message
        )

    def _root(self, algorithm: str, name: str, version: int) -> tuple[Suite, bytes]:
        if algorithm not in SUITES:
            raise RootKeyError(f"{self.source}: {algorithm}: {SUITE_RULE}")
        key = self._keys.get((algorithm, name, version))
        if key is None:
            raise missing_key(self.source, algorithm, name, version)
        return SUITES[algorithm], key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RootKeys) and self._keys == other._keys

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[..., RootKeys], tuple[dict[Slot, bytes]]]:
        return partial(type(self), source=self.source), (self._keys,)  # ciphers stay behind

    def __repr__(self) -> str:
        return f"<RootKeys, {len(self._keys)} keys>"


# Requests are checked before a key is fetched: no frame that raises holds one, and so no
# traceback that shows local variables does.


def check_request(
    source: str,
    algorithm: str,
    factors: Sequence[bytes],
    *,
    data: bytes = b"",
    iv: bytes = b"",
) -> None:
    """See that a store can serve a request.

    :raises RootKeyError: for a request that no store can serve.
    """
    if algorithm not in SUITES:
        raise RootKeyError(f"{source}: {algorithm}: {SUITE_RULE}")
    prepare_chains(source, [factors])
    block = SUITES[algorithm].block
    if len(data) % block:
        raise RootKeyError(f"{source}: {algorithm}: data must be whole blocks")
    if len(iv) > block:
        raise RootKeyError(f"{source}: {algorithm}: an initial value has at most {block} bytes")


def prepare_chains(source: str, chains: Sequence[Sequence[bytes]]) -> Chains:
    """``chains``, checked and sorted.

    :raises RootKeyError:
    """
    try:
        return Chains.of(chains)
    except ValueError:
        pass
    raise RootKeyError(f"{source}: a factor must be {FACTOR_LENGTH} bytes")


def missing_key(source: str, algorithm: str, name: str, version: int) -> RootMissingError:
    """The error of every store that has no such key."""
    where = f"{source}: {algorithm}: {name}: {version}"
    return RootMissingError(f"{where}: the key is needed and missing")


def root_names(extra: Iterable[Profile] = ()) -> dict[str, int]:
    """Every root key that a card of any generation may need, with its number of versions.

    ``extra`` are profiles with files of a region's own.
    """
    whole = (whole_profile(generation.number) for generation in generations())
    names: dict[str, int] = {}
    for profile in (*whole, *extra):
        for name, versions in profile.root_keys.items():
            names[name] = max(names.get(name, 0), versions)
    return names


def root_slots(extra: Iterable[Profile] = ()) -> list[Slot]:
    """Every key and version of every profile, for both suites; ``extra`` as in root_names."""
    names = root_names(extra)
    return [
        (suite, name, version)
        for suite in SUITES
        for name, versions in names.items()
        for version in range(1, versions + 1)
    ]


def create_roots(
    random: Callable[[int], bytes] = os.urandom, *, extra: Iterable[Profile] = ()
) -> RootKeys:
    """Random root keys for :func:`root_slots`.

    ``random`` gives as many bytes as it is asked for.
    """
    return RootKeys({slot: random(KEY_LENGTH) for slot in root_slots(extra)})


def slot_rule(suite: str, name: str, version: str) -> str | None:
    """The broken rule of a slot, None when it is well formed."""
    if suite not in SUITES:
        return SUITE_RULE
    if not re.fullmatch(_NAME, name):
        return _NAME_RULE
    return None if re.fullmatch(_VERSION, version) else _VERSION_RULE


def _length_rule(key: bytes) -> str | None:
    return None if len(key) == KEY_LENGTH else f"a key must be {KEY_LENGTH} bytes"
