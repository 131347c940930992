# SPDX-License-Identifier: Apache-2.0
"""The card against a small model: any order of a terminal's and an issuer's commands."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sscard_chip.profile.bank import OfflineLimits
from sscard_chip.profile.bank.model import CDOL2
from tests.bench.bank import (
    AAC,
    ARQC,
    CASH,
    DEBIT,
    PIN,
    PPSE,
    TC,
    BankBench,
    amount,
    select_command,
)

LIMITS = OfflineLimits(2, 3, 30_000, 40_000)
AMOUNTS = st.sampled_from([0, 4_000, 15_000, 20_000, 20_001])
KINDS = st.sampled_from([AAC, TC, ARQC])


class Model:
    """What a bank application is, in the fewest words."""

    def __init__(self) -> None:
        self.state = "none"
        self.atc = self.last_online = self.count = self.total = self.scripts = 0
        self.balance = CASH.balance_fen
        self.tries = 3
        self.blocked = self.pending = self.issuer_failed = self.script_failed = False
        self.checked = self.failed = False
        self.log = 0

    def fast(self, fen: int) -> bool:
        return fen <= self.balance and fen <= CASH.single_limit_fen

    def first(self, asked: int, fen: int) -> int:
        if asked == AAC or self.blocked:
            return AAC
        online = (
            asked == ARQC
            or not self.last_online
            or self.pending
            or self.issuer_failed
            or self.script_failed
            or not self.tries
            or self.count + 1 > LIMITS.lower_count
            or self.total + fen > LIMITS.lower_amount_fen
        )
        return ARQC if online else TC

    def approve_offline(self, fen: int) -> None:
        self.count += 1
        self.total += fen
        self.log += 1

    def second(self, asked: int, fen: int, *, online: bool) -> int:
        approved = asked == TC and not self.blocked
        if online:
            approved = approved and not (self.checked and self.failed)
            if self.checked and self.failed:
                self.pending = self.issuer_failed = True
            else:
                self.last_online, self.count, self.total, self.scripts = self.atc, 0, 0, 0
                self.pending = self.issuer_failed = self.script_failed = False
            self.log += approved
        else:
            approved = (
                approved
                and self.count + 1 <= LIMITS.upper_count
                and self.total + fen <= LIMITS.upper_amount_fen
                and bool(self.last_online and self.tries)
            )
            if approved:
                self.approve_offline(fen)
        return TC if approved else AAC


class BankMachine(RuleBasedStateMachine):
    """Every rule may be tried at any time; the model says what has to come of it."""

    @initialize(suite=st.sampled_from(["3des", "sm4"]))
    def begin(self, suite: str) -> None:
        self.bench = BankBench(suite=suite, cash=CASH, limits=LIMITS)
        self.model = Model()

    def expect(self, command: bytes, states: str, sw: int = 0x9000) -> bool:
        """Send; True when it was taken. In other states than ``states`` it must be refused."""
        allowed = self.model.state in states.split()
        wanted = sw if allowed else 0x6D00 if self.model.state == "none" else 0x6985
        found = self.bench.send(command).sw
        if not allowed and self.model.state == "none":
            assert found in (0x6D00, 0x6E00, 0x6A88, 0x6700, 0x6A86)
        else:
            assert found == wanted, f"{found:04X}"
        return allowed and found == 0x9000

    @rule()
    def select(self) -> None:
        self.bench.chain = b""
        assert self.bench.send(select_command(DEBIT)).sw == (
            0x6283 if self.model.blocked else 0x9000
        )
        session = self.bench.card._session
        assert session is not None
        self.model.state = "tapped" if session.contactless else "selected"
        self.model.checked = self.model.failed = False

    @rule()
    def reset(self) -> None:
        self.bench.card.reset()
        self.model.state = "none"

    @rule()
    def tap(self) -> None:
        self.bench.card.reset()
        self.bench.ok(select_command(PPSE))
        self.select()

    @rule()
    def initiate(self) -> None:
        if self.model.state == "tapped":
            return
        if self.expect(bytes.fromhex("80A8000002830000"), "selected"):
            self.model.atc += 1
            self.model.state = "initiated"

    @rule(fen=AMOUNTS, forced=st.booleans())
    def pay_contactless(self, fen: int, forced: bool) -> None:
        model = self.model
        if model.state != "tapped":
            return
        changes = {
            "t9F02": amount(fen),
            "t9F66": b"\x26" + (b"\x80" if forced else b"\0") + b"\0\0",
        }
        command = self.bench.contactless_command(**changes)
        if self.expect(command, "tapped", 0x6985 if model.blocked else 0x9000):
            model.atc += 1
            model.state = "finished"
            pays = model.fast(fen) and model.balance - fen >= CASH.reset_threshold_fen
            if pays and not forced:
                model.balance -= fen
                model.log += 1

    @rule(kind=KINDS, fen=AMOUNTS)
    def generate(self, kind: int, fen: int) -> None:
        model = self.model
        if model.state == "online":
            return
        command = self.bench.generate_command(kind, t9F02=amount(fen))
        if model.state != "initiated":
            if model.state != "none":
                self.expect(command, "")
            return
        wanted = model.first(kind, fen)
        found = self.bench.generate(kind, t9F02=amount(fen))
        assert found.kind == wanted
        assert found.cvr[3] >> 4 == min(model.scripts, 15)
        if wanted == TC:
            model.approve_offline(fen)
        model.pending |= wanted == ARQC
        model.state = "online" if wanted == ARQC else "completed"
        self.fen = fen

    @rule(kind=KINDS, fen=AMOUNTS)
    def transaction(self, kind: int, fen: int) -> None:
        """The beginning that most transactions have, so that the rest is reached often."""
        self.reset()
        self.select()
        self.initiate()
        self.generate(kind, fen)

    @rule(fen=AMOUNTS)
    def online_transaction(self, fen: int) -> None:
        self.transaction(ARQC, fen)
        if self.model.state == "online":
            self.issuer_answers(wrong=False)
            self.generate_again(TC, b"00")

    @rule(amounts=st.lists(AMOUNTS, min_size=2, max_size=4))
    def quiet_day(self, amounts: list[int]) -> None:
        """After a good online transaction, some that ask for no issuer."""
        self.online_transaction(0)
        for fen in amounts:
            self.transaction(TC, fen)

    @rule(fen=AMOUNTS)
    def load_and_spend(self, fen: int) -> None:
        self.online_transaction(0)
        self.load(wrong=False, fen=5_000)
        self.tap()
        self.pay_contactless(fen, forced=False)

    @rule(kind=st.sampled_from([AAC, TC]), code=st.sampled_from([b"00", b"05", b"Y3", b"Z3"]))
    def generate_again(self, kind: int, code: bytes) -> None:
        model = self.model
        if model.state != "online":
            return
        wanted = model.second(kind, self.fen, online=code not in (b"Y3", b"Z3"))
        changes = {"t8A": code, "t9F02": amount(self.fen)}
        assert self.bench.generate(kind, dol=CDOL2, **changes).kind == wanted
        model.state = "completed"

    @rule(wrong=st.booleans())
    def issuer_answers(self, wrong: bool) -> None:
        model = self.model
        command = self.bench.answer_command(wrong=wrong)
        if model.state == "online" and model.checked:
            assert self.bench.sw(command) == 0x6985
            return
        states = "online"
        taken = self.expect(command, states, 0x6300 if wrong else 0x9000)
        if model.state == "online":
            model.checked, model.failed = True, wrong
            model.issuer_failed |= wrong
            assert taken is not wrong

    @rule(wrong=st.booleans(), fen=st.sampled_from([0, 5_000, 100_000, 100_001]))
    def load(self, wrong: bool, fen: int) -> None:
        sw = 0x6988 if wrong else 0x6A80 if fen > CASH.limit_fen else 0x9000
        self.script("04DA9F79", amount(fen), wrong=wrong, sw=sw)
        if sw == 0x9000 and self.model.state in ("online", "completed"):
            self.model.balance = fen

    @rule()
    def block(self) -> None:
        if self.script("841E0000"):
            self.model.blocked = True

    @rule()
    def unblock(self) -> None:
        if self.script("84180000", sw=0x9000 if self.model.blocked else 0x6985):
            self.model.blocked = False

    @rule()
    def unblock_pin(self) -> None:
        if self.script("84240000"):
            self.model.tries = 3

    def script(
        self, header: str, data: bytes = b"", *, wrong: bool = False, sw: int = 0x9000
    ) -> bool:
        model = self.model
        if model.state == "none":
            return False
        chain = self.bench.chain
        command = self.bench.script_command(header, data, wrong=wrong)
        taken = self.expect(command, "online completed", sw)
        if model.state not in ("online", "completed"):
            self.bench.chain = chain  # the card has not looked at the MAC
        if model.state in ("online", "completed"):
            if taken:
                model.scripts = min(model.scripts + (model.state == "completed"), 15)
            model.script_failed |= not taken
        return taken

    @rule(right=st.sampled_from([True, True, False]))
    def verify(self, right: bool) -> None:
        model = self.model
        if model.state == "none":
            return
        found = self.bench.verify(PIN if right else "0000")
        if not model.tries:
            assert found == 0x6983
        elif right:
            assert found == 0x9000
            model.tries = 3
        else:
            model.tries -= 1
            assert found == 0x63C0 | model.tries

    @invariant()
    def the_card_is_what_the_model_says(self) -> None:
        model, counters = self.model, self.bench.counters
        assert counters.atc == model.atc
        assert counters.balance_fen == model.balance
        assert counters.last_online_atc == model.last_online
        assert (counters.offline_count, counters.offline_amount_fen) == (model.count, model.total)
        assert counters.scripts == model.scripts
        flags = model.pending | model.issuer_failed << 1 | model.script_failed << 2
        assert counters.flags == flags
        log = self.bench.directory.files[0xEF0B]
        assert getattr(log, "count", None) == min(model.log, 10)


TestBankMachine: Any = BankMachine.TestCase
TestBankMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
