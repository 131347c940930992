# SPDX-License-Identifier: Apache-2.0
"""An issued card on a test bench: its keys are known, and the terminal's half is played here.

::

    bench = Bench(2)
    bench.enter(0xDF01)
    assert bench.authenticate(0x88) == 0x9000
    assert bench.sw("00B2012C00") == 0x9000
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import cache
from typing import Final

from issuance.holder import Holder
from issuance.personalise import CardData, prepare, write_card
from issuance.roots import RootKeys, create_roots
from sscard_chip.card import Card
from sscard_chip.memory import Memory
from sscard_chip.profile import SettlementMode, for_generation
from sscard_chip.profile.compiler import compile_template
from sscard_chip.profile.generations import generations
from sscard_chip.profile.model import KeyUse, Profile, Rule
from sscard_chip.security.suite import SUITES, Suite
from sscard_chip.standard.commands import EXTERNAL_AUTHENTICATE, SELECT, before_mac
from sscard_chip.standard.messages import security
from tests.bench.exchange import CardBench
from tests.bench.reference.social import Session

MF, SSSE = 0x3F00, 0xDDF1
SSSE_NAME: Final = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
SELECT_SSSE: Final = SELECT.apdu(0x04, data=SSSE_NAME)
PIN: Final = "123456"
GENERATIONS: Final = tuple(generation.number for generation in generations())
SUITES_OF_CARDS: Final = ((1, "3des"), (2, "3des"), (3, "sm4"), (3, "3des"))
"""Every generation with every suite that it knows."""

HOLDER: Final[dict[str, object]] = {
    "social_security_number": "990000200102030012",
    "name": "林知夏",
    "sex": "1",
    "nation": "01",
    "birthplace": "510104",
    "birth_date": "20010203",
    "card_number": "Z00000013",
    "city": "510100",
    "issue_date": "20250102",
    "expiry_date": "20350102",
}
ORIGINAL: Final = bytes.fromhex("0102030405060708")


@cache
def roots() -> RootKeys:
    """Root keys, the same in every run: a failure can be repeated."""
    return create_roots(random.Random(7).randbytes)


@cache
def _issued(
    profile: Profile, algorithm: str | None, changes: tuple[tuple[str, object], ...]
) -> tuple[CardData, Memory]:
    fields = {name: dict(v) if isinstance(v, tuple) else v for name, v in changes}
    holder = Holder.from_object(HOLDER | fields)
    serial = bytes.fromhex("07A1B2C3")
    data = prepare(profile, roots(), holder, algorithm=algorithm, serial=serial)
    return data, write_card(compile_template(profile, data.algorithm), data)


def _frozen(value: object) -> object:
    return tuple(sorted(value.items())) if isinstance(value, dict) else value


class Bench(CardBench):
    """A powered card, standing at its MF, and whoever knows its keys.

    ``changes`` are fields of the holder; ``secrets`` put keys of one's own in place of derived
    ones, by name of the root (version 1).
    """

    def __init__(
        self,
        generation: int = 2,
        *,
        algorithm: str | None = None,
        profile: Profile | None = None,
        settlement_mode: SettlementMode = SettlementMode.ONLINE,
        secrets: dict[str, bytes] | None = None,
        **changes: object,
    ) -> None:
        self.profile = profile or for_generation(generation, settlement_mode=settlement_mode)
        frozen = tuple(sorted((name, _frozen(value)) for name, value in changes.items()))
        self.data, memory = _issued(self.profile, algorithm, frozen)
        self.keys = {
            (fid, key.root, version): secret
            for (fid, key, version), secret in self.data.keys.items()
        }
        self.memory = memory.copy()
        if secrets:
            for fid, key, version in [k for k in self.data.keys if k[1].root in secrets]:
                if version == 1:
                    self.keys[fid, key.root, 1] = secrets[key.root]
                    self._put(self.data.keys[fid, key, 1], secrets[key.root])
        super().__init__(Card(self.memory))
        self.at = MF

    def _put(self, old: bytes, new: bytes) -> None:
        at = self.memory.cells.find(old)
        self.memory.write(at, new)
        self.memory.commit()

    @property
    def suite(self) -> Suite:
        return SUITES[self.data.algorithm]

    def power_cycle(self) -> None:
        self.card.power_off()
        self.card.power_on()
        self.at = MF

    def reset(self) -> None:
        self.card.reset()
        self.at = MF

    def enter(self, fid: int) -> None:
        """Make a directory current, by way of SSSE."""
        if fid == MF:
            self.ok("00A40000023F00")
        else:
            self.ok(SELECT_SSSE)
            if fid != SSSE:
                self.ok(SELECT.apdu(data=fid.to_bytes(2)))
        self.at = fid

    def select(self, fid: int) -> None:
        """Select an EF of the current directory."""
        assert self.ok(SELECT.apdu(0x02, data=fid.to_bytes(2))) == b""

    # --- rights -----------------------------------------------------------------------------

    def key(self, root: str, version: int = 1, directory: int | None = None) -> bytes:
        """A key of a directory (of any, where only one has it)."""
        found = {
            secret
            for (fid, name, number), secret in self.keys.items()
            if name == root and number == version and directory in (None, fid)
        }
        (secret,) = found
        return secret

    def external_key(self, kid: int, version: int = 1) -> bytes:
        """The key that EXTERNAL AUTHENTICATE of ``kid`` means here."""
        fid = self.at if kid & 0x80 else SSSE
        (root,) = (
            key.root
            for key in self.profile.directory(fid).keys
            if key.kid == kid and key.use is KeyUse.EXTERNAL
        )
        return self.keys[fid, root, version]

    def session(self, key: bytes, challenge: bytes) -> Session:
        """The terminal's session of ``key`` and ``challenge``."""
        return Session.of(self.data.algorithm, key, challenge)

    def authentication(
        self, kid: int, challenge: bytes, version: int | None = None, *, wrong: bool = False
    ) -> bytes:
        """EXTERNAL AUTHENTICATE, of 17 bytes when ``version`` is given."""
        key = self.external_key(kid, version or 1)
        data = self.session(key, challenge).authentication_data(ORIGINAL)
        if wrong:
            data = bytes((data[0] ^ 1,)) + data[1:]
        layout = security.EXTERNAL_VERSION if version else security.EXTERNAL
        asked = {"cryptogram": data, "original": ORIGINAL, "key_version": version}
        return EXTERNAL_AUTHENTICATE.apdu(p2=kid, data=layout.build(asked))

    def authenticate(self, kid: int, version: int | None = None, *, wrong: bool = False) -> int:
        """A challenge and its EXTERNAL AUTHENTICATE; the status word."""
        return self.sw(self.authentication(kid, self.challenge(), version, wrong=wrong))

    def verify(self, pin: str = PIN) -> int:
        return super().verify(pin)

    def grant(self, rule: Rule, version: int = 1) -> None:
        """Satisfy ``rule``, by its key where it leaves the choice."""
        if rule.pin and (rule.both or rule.kid is None):
            assert self.verify() == 0x9000
        if rule.kid is not None:
            single = self._versions(rule.kid) == 1
            assert self.authenticate(rule.kid, 1 if single else version) == 0x9000

    def _versions(self, kid: int) -> int:
        fid = self.at if kid & 0x80 else SSSE
        keys = self.profile.directory(fid).keys
        return next(k.versions for k in keys if k.kid == kid and k.use is KeyUse.EXTERNAL)

    # --- secure messages --------------------------------------------------------------------

    def secured(self, header: str, data: bytes, key: bytes, challenge: bytes) -> bytes:
        """CLA INS P1 P2 with Lc, data and MAC."""
        head = before_mac(bytes.fromhex(header), data)
        return head + self.session(key, challenge).mac(head)

    def tries(self, kid: int) -> int:
        """The x of 63Cx that a wrong authentication gives now (one try is spent)."""
        sw = self.authenticate(kid, wrong=True)
        assert sw & 0xFFF0 == 0x63C0
        return sw & 0x0F


def directories(profile: Profile) -> Iterable[int]:
    """FIDs of all directories of a profile."""
    return [directory.fid for directory in profile.directories]
