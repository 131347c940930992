# SPDX-License-Identifier: Apache-2.0
"""A city under test beside its model: opened from a copy, asked, compared, looked into."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import event

from sscard_chip.dayfile.envelope import HOLD, compact, make_request
from sscard_chip.settlement.credential import CredentialStore
from sscard_chip.settlement.ledger import Ledger, LedgerTransaction, register_cards
from sscard_chip.settlement.ledger.hotlists import issue_hotlist
from sscard_chip.settlement.platform import Platform
from sscard_chip.settlement.policy import CentrePolicy
from sscard_service import (
    ServiceActor,
    ServiceAnswer,
    ServiceCentre,
    ServiceEvidence,
    ServiceRefusedError,
    ServiceSubject,
    load_region,
)
from sscard_service.hospital import filing_services
from sscard_service.region.model import BankRules
from sscard_service.store.audit import verify_audit
from sscard_service.store.outbox import OutboxMessage
from sscard_service.store.papers import MADE, add_print_event, find_paper
from sscard_service.store.persons import PersonData, add_persons
from sscard_service.store.proofs import ECARD, QUERY, hash_password, set_credential
from sscard_service.worker import clear, deliver
from tests.bench.issued import roots
from tests.service.city import KEYS, START, columns
from tests.service.machine.asking import Asking
from tests.service.machine.model import CHOOSERS, Model
from tests.service.machine.tables import NORMAL, SEALED, SHOWS, TEMPORARY
from tests.service.machine.town import Ask, ModelCard, ModelFiling, ModelPerson, Region, identity_of
from tests.settlement.platform.centre import bill

SHM: Final = "/dev/shm" if os.path.isdir("/dev/shm") else None
POLICY: Final = CentrePolicy(settle_at_once=True, clock_minutes=1500)
PHARMACY: Final = "P99010000001"
HOSPITAL: Final = "H99010000001"
_CHANGES: Final = (
    "SELECT rowid, card, status, since, until FROM card_status WHERE rowid > ? ORDER BY rowid"
)
_ROWS: Final = """SELECT (SELECT count(*) FROM card), (SELECT count(*) FROM service_request),
    coalesce((SELECT number FROM service_audit_head WHERE chain = 0), 0)"""


def people() -> list[ModelPerson]:
    """The town: one with a telephone, one with a bank, a child, two flexible workers."""
    born = ("19900101", "19850312", "20180601", "19790228", "19951111")
    found = [
        ModelPerson(
            at, f"5100000{at}", ("林知夏", "王明远", "林小小", "陈安然", "周一言")[at - 1],
            identity_of(birth, at), phone=("19900001234", "", "", "19900004321", "")[at - 1],
            bank=("", "102", "", "102", "")[at - 1], class_=CHOOSERS if at > 3 else "",
        )
        for at, birth in enumerate(born, 1)
    ]  # fmt: skip
    for number, (at, fen, ends) in enumerate(
        ((0, 12_345, "20351231"), (1, 500, "20351231"), (3, 20_000, "20260420"),
         (4, 0, "20351231")), 1
    ):  # fmt: skip
        found[at].cards.append(ModelCard(number, number, f"Z{number:07d}7", ends))
        found[at].fen = fen
    found[1].division = "990200"
    found[0].query, found[0].ecard = "own-word-7", "483920"
    found[1].query, found[1].initial = "own-word-8", True
    found[3].query, found[3].ecard = "own-word-9", "592031"
    return found


def nobody() -> ModelPerson:
    """One that the centre does not know."""
    return ModelPerson(0, "59999999", "林无人", identity_of("19700101", 3))


def _settle_in(t: LedgerTransaction) -> None:
    town = people()
    persons = [
        (one.psn_no, one.division,
         PersonData(one.name, one.identity, birth_date=one.identity[6:14], phone=one.phone,
                    bank=one.bank, class_=one.class_))
        for one in town
    ]  # fmt: skip
    add_persons(t, KEYS, persons, "20260101000000")
    for one in town:
        for card in one.cards:
            row = columns(card.number, card.serial, one.psn_no, one.fen)
            row.valid_to[0], row.division[0] = int(card.valid_to), int(one.division)
            register_cards(t, row, "20260101", f"cards {card.serial}")
        for kind, word, initial in ((QUERY, one.query, one.initial), (ECARD, one.ecard, False)):
            if word:
                hash_ = hash_password(word)
                set_credential(t, one.id, kind, hash_, "20260101000000", initial=initial)


class Place:
    """Where cities are opened: one file, over which a new one is copied, and one ledger, which
    knows its statements already."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=SHM)
        self._new = Path(self._folder.name) / "new.db"
        self.path = Path(self._folder.name) / "city.db"
        with Ledger.open(self._new) as ledger:
            ledger.run(_settle_in, exclusive=True)
        shutil.copy(self._new, self.path)
        self.ledger = self.open()

    def open(self) -> Ledger:
        """Open the ledger, as a centre does that starts."""
        self.ledger = Ledger.open(self.path, create=False)

        @event.listens_for(self.ledger.database.engine, "connect")
        def quick(connection: sqlite3.Connection, _record: Any) -> None:
            connection.execute("PRAGMA synchronous=OFF")  # of this test alone

        self.ledger.database.engine.dispose()
        return self.ledger

    def renew(self) -> Ledger:
        """A new city, with nobody connected to the one before."""
        self.ledger.close()
        for more in ("-wal", "-shm"):
            Path(f"{self.path}{more}").unlink(missing_ok=True)
        shutil.copy(self._new, self.path)
        return self.ledger


@cache
def place() -> Place:
    """The one of this process."""
    return Place()


class Call(NamedTuple):
    """A request as the product is asked."""

    operation: str
    subject: ServiceSubject
    actor: ServiceActor
    channel: str
    evidence: ServiceEvidence
    details: dict[str, Any]


class Bench:
    """The product and the model, side by side."""

    def __init__(self, decided: Region) -> None:
        self.now = START
        region = load_region()
        self.region = msgspec.structs.replace(
            region,
            proof=msgspec.structs.replace(region.proof, wrong_answer_ms=0),
            time=msgspec.structs.replace(region.time, formal_term_days=decided.term_days),
            bank=BankRules(decided.notify, decided.bank_first),
            damaged_usable=decided.damaged_usable,
            issues_for=["990100"] if decided.elsewhere else [],
        )
        self.model = Model(self.now, decided, people())
        self.nobody = nobody()
        self.asking = Asking(self.model, self.nobody)
        self.requests = 0
        self.answered: list[tuple[Call, str, datetime, ServiceAnswer]] = []
        """Changes that were done, for asking them again."""
        self.remembered = 0
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.taken: Counter[int] = Counter()
        """Messages that were handed over, by their numbers."""
        self.seen: dict[int, list[tuple[int, int, int | None]]] = {}
        self._row = 0
        self.start(place().renew())

    def start(self, ledger: Ledger) -> None:
        """A centre on the ledger, and what looks beside it."""
        self.ledger = ledger
        self.centre = ServiceCentre(self.ledger, KEYS, self.region, lambda: self.now)
        self.platform = Platform(
            self.ledger, policy=POLICY, keys=roots(), now=lambda: self.now,
            extra=filing_services(self.centre),
        )  # fmt: skip
        self.beside = sqlite3.connect(place().path)

    def end(self) -> None:
        """Nobody looks any more."""
        self.beside.close()

    # --- steps ------------------------------------------------------------------------------------

    def later(self, **step: float) -> None:
        """Move the clock."""
        self.now += timedelta(**step)
        self.model.now = self.now

    def wait_for(self, at: int, off: int) -> None:
        """Until the second before, of or after something ends."""
        ends = [one.until for one in self.model.shown]
        for who in self.model.people:
            ends += [one.ends for one in who.sessions.values()]
            ends += [who.code.ends] if who.code is not None else []
            for card in who.cards:
                ends += [time for one in card.changes for time in one[1:] if time is not None]
        coming = sorted(one for one in set(ends) if one > self.now + timedelta(seconds=1))
        if coming:
            till = coming[at % len(coming)] + timedelta(seconds=off)
            self.later(seconds=(till - self.now).total_seconds())

    def ask(self, ask: Ask) -> None:
        """Ask the product and the model, and compare."""
        if ask.operation == "code":
            ask.shown["sent"] = self._sent
        self.requests += 1
        request = f"m{self.requests}"
        wanted = self.model.expect(ask)
        call = self._call(ask)
        answer = self._perform(call, request)
        if isinstance(answer, ServiceRefusedError):
            code = str(answer.code)
            assert code == wanted, self._told(ask, wanted, code)
            # No answer tells who exists, where no more was proven than what many know.
            assert code != "WRONG_PROOF" or answer.details == {}
            assert ask.clerk or code not in ("NO_PERSON", "NAME_MISMATCH")
            self.refused[ask.operation] += 1
            return
        assert not isinstance(wanted, str), self._told(ask, wanted, "DONE")
        assert not answer.repeated
        self.done[f"{ask.operation} {ask.channel}"] += 1
        try:
            wanted(answer.data)
        except AssertionError as error:
            raise AssertionError(self._told(ask, "done", str(answer.data))) from error
        self._keep(ask, call, request, answer)

    def again(self, at: int, *, other: bool) -> None:
        """A request that was done, again; or another one under its number."""
        if not self.answered:
            return
        call, request, _, first = self.answered[-1 - at % len(self.answered)]
        if other:
            self.model.audited += 1
            actor = msgspec.structs.replace(call.actor, device="another")
            refused = self._perform(call._replace(actor=actor), request)
            assert isinstance(refused, ServiceRefusedError)
            assert str(refused.code) == "KEY_REUSED"
            return
        answer = self._perform(call, request)
        assert isinstance(answer, ServiceAnswer), answer
        assert (answer.repeated, answer.data, answer.level) == (True, first.data, first.level)

    def _perform(self, call: Call, request: str) -> ServiceAnswer | ServiceRefusedError:
        try:
            return self.centre.perform(
                call.operation, call.subject, call.actor, call.channel, call.evidence, request,
                call.details,
            )  # fmt: skip
        except ServiceRefusedError as error:
            return error

    @staticmethod
    def _call(ask: Ask) -> Call:
        known = ask.operation == "card_state"
        subject = ServiceSubject(
            identity=ask.who.identity if ask.named else "",
            card=ask.card.number if ask.card is not None and (ask.named or known) else "",
            receipt=ask.receipt,
        )
        actor = ServiceActor("clerk" if ask.clerk else "holder", ask.clerk, ask.device, ask.source)
        evidence = ServiceEvidence(**ask.evidence)
        return Call(ask.operation, subject, actor, ask.channel, evidence, ask.details)

    def _keep(self, ask: Ask, call: Call, request: str, answer: ServiceAnswer) -> None:
        """What is named again later."""
        data, asking = answer.data, self.asking
        if ask.operation not in SHOWS:
            self.answered = [*self.answered[-9:], (call, request, self.now, answer)]
            self.remembered += 1
        if ask.operation == "login":
            found = (ask.who, data["token"], ask.channel, ask.device)
            asking.tokens = [*asking.tokens[-15:], found]
        elif ask.operation in ("apply", "replace"):
            asking.receipts = [*asking.receipts[-9:], data["receipt"]]
        elif ask.operation == "paper_print" and data["number"] % 2:
            self._made(data["code"], data["number"], ask.channel)
        elif ask.operation == "paper":
            asking.papers = [*asking.papers[-9:], data["code"]]

    def _made(self, code: str, number: int, channel: str) -> None:
        """The file of a print is made, as it is where papers are made."""

        def work(t: LedgerTransaction) -> None:
            paper = find_paper(t, code)
            assert paper is not None
            time = f"{self.now:%Y%m%d%H%M%S}"
            add_print_event(t, paper.id, number, MADE, time, channel, bytes(32))

        self.ledger.run(work)
        self.model.papers_known[code].prints[number - 1] = "made"

    def _sent(self) -> str:
        """The code that the last message has."""
        sql = "SELECT id, sealed FROM service_outbox ORDER BY id DESC LIMIT 1"
        number, sealed = self.beside.execute(sql).fetchone()
        return str(json.loads(KEYS.open(f"outbox:{number}", sealed))["code"])

    def _told(self, ask: Ask, wanted: Any, found: str) -> str:
        shown = {**ask.evidence, "photo": ""} if "photo" in ask.evidence else ask.evidence
        said = wanted if isinstance(wanted, str) else "done"
        cards = [(one.number, one.at(self.now)) for one in ask.who.cards]
        return (
            f"{self.now} {ask.operation} {ask.channel} {ask.kind} right={ask.right} of {ask.who.id}"
            f" named={ask.named} {ask.details} {list(shown)} cards={cards}: "
            f"{said} expected, {found}"
        )

    # --- other programs ---------------------------------------------------------------------------

    def sell(self, who: ModelPerson, at: int, fen: int, *, twice: bool) -> None:
        """An on-line sale of a pharmacy: taken of a card that pays, refused of every other."""
        if not who.cards:
            return
        card = who.cards[-1 - at % len(who.cards)]
        self.requests += 1
        time = f"{self.now:%Y%m%d%H%M%S}"
        node = bill(
            f"{fen // 100}.{fen % 100:02d}", extra=compact({"card_sn": card.code}),
            psn_no=who.psn_no, mdtrt_cert_no=card.number,
            begntime=self.now.isoformat(" "),
        )  # fmt: skip
        msgid = f"{PHARMACY}{time}{self.requests % 10_000:04d}"
        message = make_request(
            HOLD, msgid, time, "990100", who.division, node, operator="990100000001"
        )
        answers = [self.platform.handle(message) for _ in range(2 if twice else 1)]
        wanted = self.model.sold(who, card.serial, fen)
        for answer in answers:
            said = f"{self.now} sale with {card.number}: {wanted} expected, {answer}"
            assert (answer["infcode"] == 0) == (wanted is not None), said
            if wanted is not None:
                paid = answer["output"]["setlinfo"]["acct_pay"]
                assert int(paid.replace(".", "")) == wanted, said
        who.fen -= wanted or 0
        self.done["sale till" if wanted is not None else "sale refused"] += 1

    def transfer(self, who: ModelPerson, variant: int) -> None:
        """A hospital's message: 2501 files a transfer, 2502 withdraws one."""
        self.requests += 1
        time, today = f"{self.now:%Y%m%d%H%M%S}", self.now.date()
        known = who.filings[-1 - variant % len(who.filings)] if who.filings else None
        ask = Ask("filing", "hospital", who)
        if variant % 3 == 0 and known is not None:
            infno, part = "2502", "data"
            node = {"psn_no": who.psn_no, "trt_dcla_detl_sn": known.number, "memo": "x"}
            begun = known.begins <= f"{today:%Y%m%d}"
            ask.operation = "unfile"
            ask.details = {"trt_dcla_detl_sn": known.number} | (
                {"enddate": f"{today:%Y%m%d}"} if begun else {}
            )
        else:
            infno, part = "2501", "refmedin"
            begins = today + timedelta(days=variant % 5 - 1)
            node = {
                "psn_no": who.psn_no, "insutype": "310", "tel": "010-99000001", "addr": "虚构路1号",
                "insu_optins": "990100", "diag_code": "I25.103", "diag_name": "虚构病",
                "dise_cond_dscr": "x", "reflin_medins_no": "H99020000001",
                "reflin_medins_name": "虚构医院", "mdtrtarea_admdvs": "990200",
                "hosp_agre_refl_flag": "1", "refl_type": "1", "refl_date": f"{today}",
                "refl_rea": "x", "refl_opnn": "x", "begndate": f"{begins}",
                "enddate": f"{begins + timedelta(days=20)}",
            }  # fmt: skip
            ask.details = {
                "kind": "referral", "mdtrtarea_admdvs": "990200", "begndate": f"{begins:%Y%m%d}",
                "enddate": f"{begins + timedelta(days=20):%Y%m%d}", "refl_date": f"{today:%Y%m%d}",
            }  # fmt: skip
        wanted = "NO_PERSON" if not who.id else "DEAD" if who.died else (
            getattr(self.model, ask.operation)(ask, 4)
        )  # fmt: skip
        msgid = f"{HOSPITAL}{time}{self.requests % 10_000:04d}"
        message = make_request(
            infno, msgid, time, "990100", who.division, {part: node}, operator="990100000001"
        )
        answer = self.platform.handle(message)
        said = f"{self.now} {infno} {node}: {wanted}, {answer}"
        assert (answer["infcode"] == 0) == (not isinstance(wanted, str)), said
        if isinstance(wanted, str):
            assert answer["err_msg"].startswith(wanted) or wanted in ("FORMAT", "NO_PERSON"), said
            return
        self.model.audited += 1
        self.done[f"{ask.operation} hospital"] += 1
        if ask.operation == "filing":
            number = answer["output"]["result"]["trt_dcla_detl_sn"]
            who.filings.append(ModelFiling(number, ask.details["begndate"], ask.details["enddate"]))
        else:
            wanted({"withdrawn": "enddate" not in ask.details})

    def deliver(self, every: int) -> None:
        """The worker hands messages over; each ``every``-th is not taken."""
        tried = 0

        def hand_over(message: OutboxMessage) -> bool:
            nonlocal tried
            tried += 1
            taken = bool(tried % every)
            self.taken[message.id] += taken
            return taken

        deliver(self.centre, hand_over)

    def clear(self) -> None:
        """What is old is deleted: attempts, first answers, sessions."""
        clear(self.centre)
        self.model.forget(self.now - timedelta(days=90))
        oldest = self.now - timedelta(hours=48)
        self.answered = [one for one in self.answered if one[2] >= oldest]
        self.remembered = self.beside.execute(_ROWS).fetchone()[1]

    def restart(self) -> None:
        """The centre ends and starts."""
        self.beside.close()
        self.ledger.close()
        self.start(place().open())

    # --- what is always so ------------------------------------------------------------------------

    def look(self) -> None:
        """After each step: states as the model says, one live card at most, none lost, a row of
        the audit for each request."""
        for rowid, card, status, since, until in self.beside.execute(_CHANGES, (self._row,)):
            self.seen.setdefault(card, []).append((status, since, until))
            self._row = rowid
        cards, requests, audited = self.beside.execute(_ROWS).fetchone()
        model = self.model
        assert (cards, audited) == (len(model.everything), model.audited)
        assert requests == self.remembered
        for card in model.everything:
            changes = self.seen.get(card.id, [])
            assert len(changes) == len(card.changes), (card, changes)
            if changes:
                status, since, until = changes[-1]
                assert (status, since) == (card.changes[-1][0], _number(card.changes[-1][1]))
                assert until == (_number(card.changes[-1][2]) if card.changes[-1][2] else None)
        for who in model.people:
            live = [one for one in who.cards if one.at(self.now) in (NORMAL, TEMPORARY)]
            assert len(live) <= 1, who.id
            assert not who.died or all(one.at(self.now) in (SEALED, 5, 9) for one in who.cards)

    def look_whole(self) -> None:
        """Books, hotlist, outbox, sessions, tokens and balances, as the model has them."""
        model, now = self.model, _number(self.now)
        issued = self.ledger.run(lambda t: issue_hotlist(t, f"{self.now:%Y%m%d%H%M%S}"))
        hot = {one.number for one in model.everything if one.at(self.now) != NORMAL}
        assert {one.card_number for one in issued.hotlist.cards} == hot
        told: Counter[tuple[str, int]] = Counter()
        for kind, person, count in self.beside.execute(
            "SELECT kind, person, count(*) FROM service_outbox GROUP BY kind, person"
        ):
            told[kind, person] = count
        assert told == +model.told
        assert all(count <= 1 for count in self.taken.values())
        sessions = self.beside.execute(
            "SELECT person, count(*) FROM service_session WHERE ends > ? GROUP BY person", (now,)
        ).fetchall()
        live = Counter(
            {who.id: sum(one.ends > self.now for one in who.sessions.values())
             for who in model.people}
        )  # fmt: skip
        assert dict(sessions) == +live
        store = CredentialStore(self.ledger, now=lambda: self.now)
        for card, token in self.beside.execute("SELECT card, token FROM credential").fetchall():
            assert (store.of_token(token) is not None) == model.everything[card - 1].pays(self.now)
        owned = (
            "SELECT sum(fen) FROM balance WHERE account = (SELECT account FROM card WHERE id = ?)"
        )
        for who in model.people:
            for card in who.cards:
                (fen,) = self.beside.execute(owned, (card.id,)).fetchone()
                assert (fen or 0) == who.fen, who.id

    def verify(self) -> None:
        """The audit's chain holds, and the books are even."""
        assert self.ledger.check().even
        with self.ledger.reading() as t:
            found = verify_audit(t, KEYS.audit)
        assert (found.problems, found.rows) == ((), self.model.audited)


def _number(time: datetime) -> int:
    return int(f"{time:%Y%m%d%H%M%S}")
