# SPDX-License-Identifier: Apache-2.0
"""Root keys in a plain file, ``ROOTS.json``: for tests and development.

``{"format": "sscard-root-keys/1", "3des": {"IRK": {"1": HEX, "2": HEX, "3": HEX}, ...}, "sm4":
{...}}``: per suite the key names of LD/T 32.4, versions counted from 1, 16 bytes each. Nothing
here shows a key: errors name file, suite, key, version and rule.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from issuance.jsonfile import JsonFileError, read_json
from sscard_chip.profile import for_generation
from sscard_chip.profile.generations import GENERATIONS, OPTIONAL
from sscard_chip.profile.model import Profile
from sscard_chip.security.diversify import KEY_LENGTH, diversify_chain, diversify_chains
from sscard_chip.security.keystore import KeyStoreError
from sscard_chip.security.suite import SUITES

FORMAT: Final = "sscard-root-keys/1"
MAX_VERSIONS: Final = 255

_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{1,31}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,2}")
_HEX: Final = re.compile(rf"[0-9A-Fa-f]{{{2 * KEY_LENGTH}}}")

Slot = tuple[str, str, int]
"""Suite, name and version of a root key."""


class RootKeyError(KeyStoreError):
    """A key file that cannot be read, or a key that it lacks; one line without key bytes."""


class RootKeys:
    """A set of root keys in memory: the plain :class:`~sscard_chip.security.keystore.KeyStore`.

    >>> roots = create_roots()
    >>> factors = (b"510000sh", b"510100sx", bytes(8))
    >>> len(roots.diversify("3des", "IRK", 1, [factors])[0])
    16
    """

    __slots__ = ("_keys", "source")

    def __init__(self, keys: Mapping[Slot, bytes], *, source: str = "root keys") -> None:
        """``keys`` of 16 bytes by suite, name and version; ``source`` stands in errors."""
        for (suite, name, version), key in keys.items():
            rule = _slot_rule(suite, name, str(version)) or _length_rule(key)
            if rule:
                raise RootKeyError(f"{source}: {suite}: {name}: {version}: {rule}")
        self._keys = dict(keys)
        self.source = source

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RootKeys:
        """Read a key file. Raises :class:`RootKeyError` with one line when it is not right."""
        source = os.fspath(path)
        try:
            document = read_json(Path(path))
        except JsonFileError as error:
            raise RootKeyError(f"{source}: {error}") from None
        return cls(_parse(source, document), source=source)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a key file, readable by its owner alone, whole or not at all.

        Raises OSError when the folder cannot be written.
        """
        target = Path(path)
        text = json.dumps(self._document(), indent=1) + "\n"
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                os.chmod(temporary, 0o600)
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def slots(self) -> list[Slot]:
        """Suite, name and version of every key, sorted."""
        return sorted(self._keys)

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """The keys that ``chains`` of factors reach; see :class:`KeyStore`."""
        root = self._root(algorithm, name, version)
        return diversify_chains(SUITES[algorithm], root, chains)

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        """ECB encipherment of whole blocks under the key that ``factors`` reach."""
        key = self._root(algorithm, name, version)
        suite = SUITES[algorithm]
        if len(data) % suite.block:
            raise RootKeyError(f"{self.source}: {algorithm}: data must be whole blocks")
        return suite.encryptor(diversify_chain(suite, key, factors))(data)

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
        key = self._root(algorithm, name, version)
        suite = SUITES[algorithm]
        return suite.key_mac(diversify_chain(suite, key, factors), iv, message)

    def _root(self, algorithm: str, name: str, version: int) -> bytes:
        if algorithm not in SUITES:
            raise RootKeyError(f"{self.source}: {algorithm}: {_SUITE_RULE}")
        key = self._keys.get((algorithm, name, version))
        if key is None:
            raise RootKeyError(
                f"{self.source}: {algorithm}: {name}: {version}: the key is needed and missing"
            )
        return key

    def _document(self) -> dict[str, object]:
        suites: dict[str, dict[str, dict[str, str]]] = {}
        for suite, name, version in self.slots():
            versions = suites.setdefault(suite, {}).setdefault(name, {})
            versions[str(version)] = self._keys[suite, name, version].hex().upper()
        return {"format": FORMAT, **suites}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RootKeys) and self._keys == other._keys

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<RootKeys, {len(self._keys)} keys>"


def root_names(extra: Iterable[Profile] = ()) -> dict[str, int]:
    """Every root key that a card of any generation may need, with its number of versions.

    ``extra`` are profiles with files of a region's own.
    """
    whole = (
        for_generation(generation, optional=OPTIONAL, with_account=True)
        for generation in GENERATIONS
    )
    names: dict[str, int] = {}
    for profile in (*whole, *extra):
        for name, versions in profile.root_keys.items():
            names[name] = max(names.get(name, 0), versions)
    return names


def create_roots(
    random: Callable[[int], bytes] = os.urandom, *, extra: Iterable[Profile] = ()
) -> RootKeys:
    """Random root keys: every key and version of every profile, for both suites.

    ``random`` gives as many bytes as it is asked for; ``extra`` as in :func:`root_names`.
    """
    names = root_names(extra)
    return RootKeys(
        {
            (suite, name, version): random(KEY_LENGTH)
            for suite in SUITES
            for name, versions in names.items()
            for version in range(1, versions + 1)
        }
    )


_HEX_RULE: Final = f"must be {KEY_LENGTH} bytes, {2 * KEY_LENGTH} hex digits"
_SUITE_RULE: Final = f"the suite must be one of {', '.join(SUITES)}"


def _slot_rule(suite: str, name: str, version: str) -> str | None:
    """The broken rule of a slot, None when it is well formed."""
    if suite not in SUITES:
        return _SUITE_RULE
    if not _NAME.fullmatch(name):
        return "a key's name must be 2 to 32 capital letters and digits"
    if not _VERSION.fullmatch(version) or int(version) > MAX_VERSIONS:
        return f"a version must be a number from 1 to {MAX_VERSIONS}"
    return None


def _length_rule(key: bytes) -> str | None:
    return None if len(key) == KEY_LENGTH else f"a key must be {KEY_LENGTH} bytes"


def _parse(source: str, document: object) -> dict[Slot, bytes]:
    if not isinstance(document, dict):
        raise RootKeyError(f"{source}: must be a JSON object")
    if document.get("format") != FORMAT:
        raise RootKeyError(f'{source}: format: must be "{FORMAT}"')
    keys: dict[Slot, bytes] = {}
    for suite, names in document.items():
        if suite == "format":
            continue
        # A name that breaks its rule is not shown: it may be a key in the wrong place.
        if suite not in SUITES:
            raise RootKeyError(f"{source}: {_SUITE_RULE}")
        for name, versions in _members(names, f"{source}: {suite}"):
            where = f"{source}: {suite}: {name if _NAME.fullmatch(name) else 'a key'}"
            for version, text in _members(versions, where):
                rule = _slot_rule(suite, name, version)
                if rule:
                    raise RootKeyError(f"{where}: {rule}")
                if not isinstance(text, str) or not _HEX.fullmatch(text):
                    raise RootKeyError(f"{where}: {version}: {_HEX_RULE}")
                keys[suite, name, int(version)] = bytes.fromhex(text)
    if not keys:
        raise RootKeyError(f"{source}: holds no keys")
    return keys


def _members(value: object, where: str) -> list[tuple[str, object]]:
    if not isinstance(value, dict):
        raise RootKeyError(f"{where}: must be a JSON object")
    return list(value.items())
