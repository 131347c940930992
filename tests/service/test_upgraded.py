# SPDX-License-Identifier: Apache-2.0
"""Card services on a ledger that began as one of version 0.1.0, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import pytest
import sqlalchemy as sa

from sscard_chip.settlement.ledger import Ledger, upgrade_ledger
from sscard_chip.settlement.ledger.database import parse_url
from sscard_chip.settlement.schema import ecards, persons, services
from sscard_service import load_region
from sscard_service.disclosure import erase
from sscard_service.papers.page import require_papers
from sscard_service.store.audit import verify_audit
from sscard_service.store.persons import PersonData, add_persons
from sscard_service.store.proofs import QUERY, hash_password, set_credential
from tests.fixtures.old import V0_1_0, unpack
from tests.service.city import KEYS, LIN, VALID, WANG, City, code_of, make_card, photo
from tests.settlement.ledger.test_upgrade import replay
from tests.settlement.postgres import PostgresServer

FIRST: Final = "51000000000000000001"
"""The person of card 1 of 0.1.0, who has 99.00 yuan after its days."""
SECOND: Final = "51000000000000000002"


@pytest.fixture(params=["sqlite", "postgresql"])
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The ledger of 0.1.0, brought to this version."""
    old = unpack(tmp_path) / "city.db"
    if request.param == "sqlite":
        upgrade_ledger(old)
        yield str(old)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.new_url()
    engine = sa.create_engine(parse_url(url))
    with engine.begin() as database:
        database.exec_driver_sql((V0_1_0 / "ledger.postgresql.sql").read_text("utf-8"))
        with sa.create_engine(f"sqlite:///{old}").connect() as rows:
            replay(rows, database)
        for name in sa.inspect(database).get_sequence_names():  # rows were copied with their ids
            table = name.removesuffix("_id")
            database.exec_driver_sql(
                f"SELECT setval('{name}', (SELECT coalesce(max(id), 1) FROM {table}))"
            )
    engine.dispose()
    upgrade_ledger(url)
    yield url
    server.drop(url)


def test_it_has_every_table_of_the_services_and_every_service_works(upgraded: str) -> None:
    with Ledger.open(upgraded, create=False) as ledger:
        with ledger.reading() as t:
            there = set(sa.inspect(t.connection).get_table_names())
        declared = {
            one.name
            for room in (services, persons, ecards)
            for one in vars(room).values()
            if isinstance(one, sa.Table)
        }
        assert {one for one in declared if one.startswith("service_")} <= there
        assert len(declared) > 20
        region = msgspec.structs.replace(load_region(), division="510100")
        city = City(ledger, datetime(2026, 12, 1, 9, 0, 0), region, settled=True)
        with ledger.transaction() as t:
            two = [
                (FIRST, "510100", PersonData("林知夏", LIN, phone="19900001234", bank="102")),
                (SECOND, "510100", PersonData("王明远", WANG, class_="灵活就业")),
            ]
            numbers = add_persons(t, KEYS, two, "20261201000000")
            set_credential(t, numbers[0], QUERY, hash_password("own-word-7"), "20261201000000")
        site = {"channel": "site", "query_password": "own-word-7"}
        assert city.ask("balance", **site).data["balance_fen"] == 9900  # type: ignore[arg-type]
        app = {"channel": "app", "face": True, "device": "wechat"}
        city.ask("ecard", WANG, **app)  # type: ignore[arg-type]
        shown = city.ask("ecard_code", WANG, **app).data["code"]  # type: ignore[arg-type]
        assert city.ask("ecard_decode", "", "till", details={"code": shown}).data["pays"] is True
        city.ask("filing", WANG, details={"kind": "resident", "mdtrtarea_admdvs": "990100",
                                          "begndate": "20261202"})  # fmt: skip
        city.ask("level", WANG, details={"insurance": "310", "level": "1"})
        city.ask("loss", **site)  # type: ignore[arg-type]
        city.later(minutes=1)
        city.ask("formal")
        details = {**VALID, "reason": "lost"}
        receipt = city.ask("replace", details=details, photo=photo()).data["receipt"]
        make_card(city, receipt, 9, "Z00000030")
        city.later(minutes=1)
        city.ask("collect", details={"receipt": receipt})
        states = [one["status"] for one in city.ask("status").data["cards"]]
        assert states == [9, 1]
        assert city.ask("balance", **site).data["balance_fen"] == 9900  # type: ignore[arg-type]
        require_papers()
        code = city.ask("paper", details={"kind": "rights", "year": "2026"}).data["code"]
        assert city.ask("verify", "", receipt=code).data["kind"] == "rights"
        assert city.ask("card_state", "", card=code_of(9)).data["status"] == 1
        city.ask("cancel", card="Z00000030")
        erase(city.centre, LIN)
        with ledger.reading() as t:
            assert verify_audit(t, KEYS.audit).problems == ()
        assert ledger.check().even
