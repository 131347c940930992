# SPDX-License-Identifier: Apache-2.0
"""Root keys in a hardware module (HSM, 加密机) that speaks PKCS#11.

**3DES roots** are secret keys of type DES2 in the token: private, sensitive, not extractable,
with the right to encipher and no other. They never leave it. What the store asks for is
C_Encrypt in ECB mode, once for each request and with all blocks of a batch; what comes back is a
key one level below the root. A chain of several levels goes on from there in this process.

**SM4 roots** are not protected by the token's cipher: PKCS#11 2.40 has no SM4, and the tokens
at hand have none. They are private data objects, which the token shows after login only and
keeps under its own encryption; a request reads the one that it needs and works in software.

Objects are named ``sscard/SUITE/NAME/VERSION``, as ``sscard/3des/IRK/1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from issuance.roots import RootKeyError, RootKeys, Slot, check_request, prepare_chains
from issuance.stores.interface import Done, Passphrase, answer, nobody_counts, refuse_known
from issuance.stores.token import APPLICATION, IN_TOKEN, TokenLogin, label_of
from issuance.stores.tokenurl import TokenUrl
from sscard_chip.closing import Closing
from sscard_chip.security.diversify import (
    KEY_LENGTH,
    Family,
    diversification_block,
    diversify_chain,
    diversify_chains,
    diversify_families,
)
from sscard_chip.security.suite import SUITES

if TYPE_CHECKING:
    from pkcs11 import Attribute, Object, Session

_PART: Final = 32_768  # tokens limit what one call takes


class Pkcs11Store(Closing):
    """Root keys in a token; see :class:`~issuance.stores.token.TokenLogin` for its life."""

    kind = "pkcs11"

    def __init__(self, url: TokenUrl, passphrase: Passphrase) -> None:
        """Log in.

        :raises TokenError: no such module or token, wrong PIN.
        """
        self.source = f"token {url.token}"
        pin = answer(passphrase, f"PIN of {self.source}")
        if not pin:
            raise RootKeyError(f"{self.source}: needs its PIN")
        self._login = TokenLogin(url, pin)

    # --- serving ---------------------------------------------------------------------------------

    def slots(self) -> list[Slot]:
        """Suite, name and version of every key, sorted."""
        return self._login.run(lambda session: sorted(self._login.objects))

    def diversify(
        self, algorithm: str, name: str, version: int, chains: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """See :class:`~sscard_chip.security.keystore.KeyStore`.

        An empty chain, the root itself, is refused for 3DES.
        """
        check_request(self.source, algorithm, ())
        prepared = prepare_chains(self.source, chains)
        slot = (algorithm, name, version)
        if algorithm != IN_TOKEN:
            return self._login.run(
                lambda _: diversify_chains(SUITES[algorithm], self._value(slot), prepared)
            )
        families = prepared.families
        if sum(len(family.indices) for family in families) < len(prepared):
            where = ": ".join(map(str, slot))
            raise RootKeyError(f"{self.source}: {where}: a root does not leave the token")
        # One call: what is directly below the root, and the first level of everything else.
        heads = list(dict.fromkeys(family.parent[0] for family in families if family.parent))
        blocks = [diversification_block(head) for head in heads]
        direct = [family.blocks for family in families if not family.parent]
        enciphered = self._encipher(slot, b"".join(blocks + direct))
        first = {
            head: enciphered[at * KEY_LENGTH : (at + 1) * KEY_LENGTH]
            for at, head in enumerate(heads)
        }
        suite = SUITES[algorithm]

        def encipher(family: Family) -> bytes:
            if not family.parent:
                return enciphered[len(heads) * KEY_LENGTH :]
            parent = diversify_chain(suite, first[family.parent[0]], family.parent[1:])
            return suite.encryptor(parent)(family.blocks)

        return diversify_families(prepared, b"", encipher)

    def encrypt(
        self, algorithm: str, name: str, version: int, factors: Sequence[bytes], data: bytes
    ) -> bytes:
        """See :class:`~sscard_chip.security.keystore.KeyStore`."""
        check_request(self.source, algorithm, factors, data=data)
        if algorithm == IN_TOKEN and not factors:
            return self._encipher((algorithm, name, version), data)
        return SUITES[algorithm].encryptor(self._derived(algorithm, name, version, factors))(data)

    def mac(
        self,
        algorithm: str,
        name: str,
        version: int,
        factors: Sequence[bytes],
        iv: bytes,
        message: bytes,
    ) -> bytes:
        """See :class:`~sscard_chip.security.keystore.KeyStore`. Not with a root of 3DES."""
        check_request(self.source, algorithm, factors, iv=iv)
        return SUITES[algorithm].key_mac(
            self._derived(algorithm, name, version, factors), iv, message
        )

    def _derived(self, algorithm: str, name: str, version: int, factors: Sequence[bytes]) -> bytes:
        (key,) = self.diversify(algorithm, name, version, [factors])
        return key

    # --- filling ---------------------------------------------------------------------------------

    def add(self, keys: RootKeys, *, replace: bool = False, done: Done = nobody_counts) -> None:
        """Put keys in, one object each. Keys in a token are never replaced.

        :raises RootKeyError: before anything is written when one is there already.
        """
        if replace:
            raise RootKeyError(
                f"{self.source}: keys in a token are not replaced, remove them with its own tools"
            )

        def work(session: Session) -> None:
            refuse_known(self.source, self._login.objects, keys.slots())
            for slot in keys.slots():
                self._login.objects[slot] = session.create_object(_imported(slot, keys))
                done(1)

        self._login.run(work, writable=True)

    def generate(self, slots: Iterable[Slot], *, done: Done = nobody_counts) -> None:
        """Make random keys: those of 3DES inside the token, those of SM4 from its random source."""
        wanted = list(slots)

        def work(session: Session) -> None:
            refuse_known(self.source, self._login.objects, wanted)
            for slot in wanted:
                if slot[0] == IN_TOKEN:
                    self._login.objects[slot] = _generate(session, slot)
                else:
                    keys = RootKeys({slot: session.generate_random(8 * KEY_LENGTH)})
                    self._login.objects[slot] = session.create_object(_imported(slot, keys))
                done(1)

        self._login.run(work, writable=True)

    def close(self) -> None:
        """Log out and forget the PIN."""
        self._login.close()

    def __repr__(self) -> str:
        return f"<Pkcs11Store {self.source}>"

    # --- the token -------------------------------------------------------------------------------

    def _encipher(self, slot: Slot, blocks: bytes) -> bytes:
        from pkcs11 import Mechanism

        def work(session: Session) -> bytes:
            key = self._login.object(slot)
            parts = [
                key.encrypt(blocks[at : at + _PART], mechanism=Mechanism.DES3_ECB)
                for at in range(0, len(blocks), _PART)
            ]
            return b"".join(parts)

        return self._login.run(work)

    def _value(self, slot: Slot) -> bytes:
        """What a private data object holds: a root of SM4."""
        from pkcs11 import Attribute

        value: bytes = self._login.object(slot)[Attribute.VALUE]
        if len(value) != KEY_LENGTH:
            raise RootKeyError(f"{self.source}: {slot[0]}: {slot[1]}: {slot[2]}: is no key")
        return value


def _rights() -> dict[Attribute, bool]:
    """What a root may do in the token: encipher."""
    from pkcs11 import Attribute

    yes = (Attribute.TOKEN, Attribute.PRIVATE, Attribute.SENSITIVE, Attribute.ENCRYPT)
    no = (
        Attribute.EXTRACTABLE,
        Attribute.DECRYPT,
        Attribute.SIGN,
        Attribute.VERIFY,
        Attribute.WRAP,
        Attribute.UNWRAP,
        Attribute.DERIVE,
    )
    return dict.fromkeys(yes, True) | dict.fromkeys(no, False)


def _imported(slot: Slot, keys: RootKeys) -> dict[Attribute, Any]:
    """The template of an object with a key that was outside before."""
    from pkcs11 import Attribute, KeyType, ObjectClass

    (value,) = keys.diversify(*slot, [()])
    named = {Attribute.LABEL: label_of(slot), Attribute.VALUE: value}
    if slot[0] == IN_TOKEN:
        kind = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.DES2}
        return {**kind, **named, **_rights()}
    return {
        Attribute.CLASS: ObjectClass.DATA,
        Attribute.APPLICATION: APPLICATION,
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        **named,
    }


def _generate(session: Session, slot: Slot) -> Object:
    from pkcs11 import KeyType, MechanismFlag

    return session.generate_key(
        KeyType.DES2,
        store=True,
        label=label_of(slot),
        capabilities=MechanismFlag.ENCRYPT,
        template=_rights(),
    )
