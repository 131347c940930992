# SPDX-License-Identifier: Apache-2.0
"""T2, cell by cell: what each channel offers and at which level, asked through the channel itself.

The table stands here, not in the region's document: each operation is asked in each channel, with
every proof that the channel takes. Where the cell is empty the channel does not have it; below the
cell's level it is refused and nothing has changed; at its level it is done.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from starlette.testclient import TestClient

from sscard_chip.settlement.ledger import Ledger, register_cards
from sscard_cli.main import cli
from sscard_service.http import create_application
from sscard_service.ivr import IvrFlowError, default_flow_text, load_flow
from sscard_service.ivr.keypad import keys_of_receipt
from sscard_service.pages import ImagePort, Kiosk, KioskSlot, Site
from sscard_service.region import load_region
from sscard_service.store.applications import applications_of
from sscard_service.store.cards import cards_of
from sscard_service.store.clients import CLERK, HMAC, Client, put_client
from sscard_service.store.levels import choices_of
from sscard_service.store.outbox import due_messages
from sscard_service.store.papers import papers_of
from sscard_service.store.persons import PersonData, add_persons, find_person
from sscard_service.store.proofs import QUERY, hash_password, set_credential
from sscard_service.store.secrets import ServiceKeyFile
from tests.service.city import KEYS, VALID, City, code_of, columns, photo
from tests.service.test_http import SECRET, Api

RECORD: Final = (
    "person", "insurances", "contributions", "pension", "benefits", "settlements", "paper",
)  # fmt: skip
SELF: Final = {
    "lift": 2, "replace": 2, "apply": 2, "contact": 2, "password": 2, "level": 2,
    **dict.fromkeys(RECORD, 2),
}  # fmt: skip
FREE: Final = {"policy": 0, "progress": 0}
T2: Final[Mapping[str, Mapping[str, int]]] = {
    "ivr": {**FREE, "balance": 1, "loss": 1},
    "agent": {**FREE, "balance": 1, "status": 1, "loss": 1},
    "site": {**FREE, "balance": 1, "status": 1, "loss": 1, **SELF},
    "app": {**FREE, "balance": 2, "status": 2, "loss": 2, **SELF, "activate": 2},
    "kiosk": {
        **FREE, "balance": 1, "status": 1, "loss": 1, **dict.fromkeys(SELF, 3), "activate": 3,
    },
    "bank": {
        **FREE, "balance": 4, "status": 4, "loss": 4, "lift": 4, "formal": 4, "replace": 4,
        "apply": 4, "contact": 4, "activate": 4,
    },
    "ebank": {"balance": 2, "loss": 2},
    "till": {"balance": 3},
    "office": {
        **FREE, "balance": 4, "status": 4, "loss": 4, "formal": 4, **dict.fromkeys(SELF, 4),
        "activate": 4, "rename": 4,
    },
}  # fmt: skip
"""Channel, operation, level. A formal report is of the office and the bank alone."""
OPERATIONS: Final = tuple(dict.fromkeys(one for row in T2.values() for one in row))
LEVELS: Final = {
    "ivr": (0, 1), "agent": (0, 1), "site": (0, 1, 2), "app": (0, 1, 2), "kiosk": (0, 1, 3),
    "bank": (0, 4), "ebank": (0, 2), "till": (0, 3), "office": (0, 4),
}  # fmt: skip
"""Levels that somebody can show in a channel."""
PASSWORD: Final = "rain-7781"
ADDRESSES: Final = {
    "policy": ("GET", "/v1/policy"), "loss": ("POST", "/v1/me/loss"),
    "lift": ("POST", "/v1/me/lift"), "formal": ("POST", "/v1/me/formal-loss"),
    "replace": ("POST", "/v1/me/replacement"), "apply": ("POST", "/v1/me/application"),
    "contact": ("PATCH", "/v1/me/contact"), "password": ("PUT", "/v1/me/password"),
    "level": ("PUT", "/v1/me/level"), "activate": ("POST", "/v1/me/activation"),
    "paper": ("POST", "/v1/me/papers"), "rename": ("POST", "/v1/counter/rename"),
}  # fmt: skip
DETAILS: Final[Mapping[str, Mapping[str, Any]]] = {
    "paper": {"kind": "participation", "months": 12}, "contact": {"phone": "19900008888"},
    "password": {"password": "new-rain-91"}, "level": {"insurance": "110", "level": "80"},
    "replace": {**VALID, "reason": "damaged"}, "apply": VALID,
    "rename": {"name": "林知秋", "reason": "marriage"},
}  # fmt: skip


def identity(number: int) -> str:
    """An identity number with its check digit (ISO 7064 MOD 11-2)."""
    body = f"990000{19900101}{number:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    return body + "10X98765432"[total % 11]


@dataclass
class Town:
    """A city with a person for each cell, and the ways into it."""

    city: City
    api: Api
    folder: Path
    site: TestClient
    kiosk: TestClient
    receipt: str

    def before(self, operation: str, number: int) -> None:
        """What must be so that the operation can be done."""
        who = identity(number)
        if operation == "lift":
            self.city.ask("loss", who)
        elif operation == "activate":
            details = {**VALID, "reason": "damaged"}
            receipt = self.city.ask("replace", who, photo=photo(), details=details).data["receipt"]
            for step, more in (
                ("review", {"accepted": True}), ("batch", {"batch": f"b{number}"}),
                ("made", {"card_number": f"N{number:08d}", "card_id_code": code_of(5000 + number),
                          "factor": "00" * 8, "valid_to": "20361231"}),
                ("arrive", {"posted": True}),
            ):  # fmt: skip
                self.city.ask(step, "", receipt=receipt, details=more)

    def state(self, number: int) -> tuple[Any, ...]:
        """What an operation of the table could have changed of a person."""
        with self.city.ledger.reading() as t:
            found = find_person(t, KEYS, identity(number))
            assert found is not None
            held = cards_of(t, found.psn_no, datetime.now().strftime("%Y%m%d%H%M%S"))
            return (
                [int(one.status) for one in held], len(applications_of(t, found.id)),
                len(choices_of(t, found.id)), len(papers_of(t, found.id)),
                found.data.phone, found.data.name,
            )  # fmt: skip

    def ask(self, channel: str, operation: str, number: int, level: int) -> str:
        """The code that a channel answers, ``""`` where it does not have the operation."""
        way = {"ivr": self._called, "site": self._on_site, "kiosk": self._at_kiosk,
               "office": self._at_counter}.get(channel)  # fmt: skip
        if way is None:
            return self._signed(channel, operation, number, level)
        return way(operation, number, level)

    # --- programs that sign ----------------------------------------------------------------------

    def _signed(self, channel: str, operation: str, number: int, level: int) -> str:
        shown: dict[str, Any] = {}
        headers: dict[str, str] = {}
        card = {"card_id_code": code_of(1000 + number), "authenticated": True}
        if channel == "agent" and level:
            shown["card_number"] = f"{number:06d}"
        elif channel == "app":
            known = {1: ("query_password", PASSWORD), 2: ("face", True)}
            shown = dict([known[level]]) if level else {}
        elif channel == "ebank" and level:
            shown["face"] = True
        elif channel == "till":
            shown["card"] = card | {"pin_verified": level > 0}
        elif channel == "bank":
            shown["document"] = {"identity": identity(number)}
            if level:
                headers = {"X-Clerk": "B031", "X-Clerk-Password": "counter-B031"}
        if operation in ("replace", "apply"):
            shown["photo"] = photo()
        method, path = ADDRESSES.get(operation, ("POST", f"/v1/enquiries/{operation}"))
        body: Any = {"subject": {"identity": identity(number)}, "evidence": shown,
                     "details": DETAILS.get(operation, {})}  # fmt: skip
        if operation == "progress":
            method, path, body = "GET", f"/v1/applications/{self.receipt}", None
        elif operation == "policy":
            body = None
        found = self.api.signed(method, path, body, client=channel, headers=headers).json()
        return "" if found["code"] == "CHANNEL" else str(found["code"])

    # --- pages -----------------------------------------------------------------------------------

    def _on_site(self, operation: str, number: int, level: int) -> str:
        self.site.cookies.clear()
        if level == 0:
            self.site.post("/sign-in", data={"way": "public"})
        else:
            tail = {"identity": identity(number), "card_number": f"{number:06d}"}
            password = {"identity": identity(number), "query_password": PASSWORD}
            has_card = operation != "apply"
            self.site.post("/sign-in", data=tail if has_card else password)
        if level == 2:
            page = self.site.get("/code").text
            self.site.post("/code/send", data=hidden(page))
            code = hidden(page) | {"phone_code": self._sent_code()}
            assert self.site.post("/code", data=code).url.path == "/menu/enquiry"
        return self._on_pages(self.site, operation)

    def _sent_code(self) -> str:
        """The code in the last message that has one."""
        with self.city.ledger.transaction() as t:
            due = due_messages(t, KEYS, datetime.now().strftime("%Y%m%d%H%M%S"), 10_000)
        return str([one.content["code"] for one in due if "code" in one.content][-1])

    def _at_kiosk(self, operation: str, number: int, level: int) -> str:
        way = {0: "public", 1: "number", 3: "identity"}[level]
        page = self.kiosk.post("/begin", data={"way": way}).text
        typed: dict[str, str] = {"identity": identity(number)}
        if way == "number":
            typed["card_number"] = f"{number:06d}"
        elif way == "identity":
            typed["query_password"] = PASSWORD
        if level:
            done = self.kiosk.post(f"/sign-in/{way}", data=hidden(page) | typed)
            if operation == "apply" and level == 1:
                return "LEVEL_TOO_LOW"  # who has no card has no last six of its number
            assert done.url.path == "/menu/enquiry", done.text
        return self._on_pages(self.kiosk, operation)

    def _on_pages(self, client: TestClient, operation: str) -> str:
        item = "participation" if operation == "paper" else operation
        item = "texts" if operation == "policy" else item
        menus = "".join(client.get(f"/menu/{one}").text for one in MENUS)
        page = client.get(f"/do/{item}")
        if f'href="/do/{item}"' not in menus:
            assert page.url.path == "/menu/enquiry"
            form = hidden(menus)
            assert client.post(f"/do/{item}", data=form).url.path == "/menu/enquiry"
            return ""
        if page.url.path in ("/", "/sign-in/identity"):
            return "LEVEL_TOO_LOW"  # it asks who that is
        if 'action="/do/' in page.text:
            fields = {
                "progress": {"receipt": self.receipt}, "replace": {"reason": "damaged"},
                "apply": {"delivery": "collect"}, "paper": {"months": "12"},
                "contact": {"phone": "19900008888"}, "password": {"password": "new-rain-91"},
                "level": {"level": "110-80"},
            }.get(operation, {})  # fmt: skip
            page = self._send(client, item, hidden(page.text) | fields)
        if 'class="error"' not in page.text:
            return "DONE"
        assert "需要更高级别" in page.text, page.text
        return "LEVEL_TOO_LOW"

    def _send(self, client: TestClient, item: str, form: dict[str, str]) -> Any:
        if item not in ("replace", "apply"):
            return client.post(f"/do/{item}", data=form)
        picture = base64.b64decode(photo())
        if client is self.site:
            files = {"photo": ("me.jpg", picture, "image/jpeg")}
            if item == "apply":
                files["identity"] = ("card.png", SCAN, "image/png")
            return client.post(f"/do/{item}", data=form, files=files)
        for field in ("photo", "identity")[: 1 + (item == "apply")]:
            client.post(f"/take/{item}/{field}", data=form)
        return client.post(f"/do/{item}", data=form)

    # --- telephone and counter -------------------------------------------------------------------

    def _called(self, operation: str, number: int, level: int) -> str:
        keys = {
            "policy": ["1", "4"], "progress": ["1", "3", keys_of_receipt(self.receipt)],
            "balance": ["1", "1", identity(number), "1", f"{number:06d}" if level else "999999"],
            "loss": ["1", "2", identity(number), "1", f"{number:06d}" if level else "999999", "1"],
        }.get(operation)  # fmt: skip
        if keys is None:
            path = self.folder / "flow.toml"
            path.write_text(default_flow_text().replace(
                'operation = "balance"', f'operation = "{operation}"', 1))  # fmt: skip
            with pytest.raises(IvrFlowError, match=f"{operation}: is not offered"):
                load_flow(load_region(), path)
            return ""
        said = self._run("ivr", "--text", typed="\n".join([*keys, ""]).replace("X", "*")).stdout
        done = {"policy": "持身份证到经办大厅办理", "progress": "领卡日期",
                "balance": "您的个人账户余额为", "loss": "挂失已办理"}[operation]  # fmt: skip
        if done in said:
            return "DONE"
        assert "核验不通过" in said or "不正确" in said, said
        return "LEVEL_TOO_LOW"

    def _at_counter(self, operation: str, number: int, level: int) -> str:
        request: dict[str, Any] = {
            "subject": {"identity": identity(number)},
            "actor": {"kind": "clerk", "name": "0017"} if level else {},
            "details": dict(DETAILS.get(operation, {})),
        }
        if level:
            seen = {"identity": identity(number), "copy": True}
            request["evidence"] = {"document": seen, "second_clerk": "0018"}
            if operation in ("replace", "apply"):
                request["evidence"]["photo"] = photo()
        if operation == "progress":
            request = {"subject": {"receipt": self.receipt}}
        elif operation == "policy":
            request = {}
        path = self.folder / "request.json"
        path.write_text(json.dumps(request))
        found = self._run("perform", operation, str(path), "--json")
        if found.exit_code == 0:
            return str(json.loads(found.stdout)["code"])
        said = str(found.exception)
        return "" if said.startswith("CHANNEL") else said.partition(":")[0]

    def _run(self, *words: str, typed: str = "") -> Any:
        options = ["--ledger", str(self.folder / "town.db"),
                   "--service-keys", str(self.folder / "service.keys")]  # fmt: skip
        return CliRunner().invoke(
            cli, ["service", *words, *options], input=typed, env={"LC_ALL": "C.UTF-8"}
        )


MENUS: Final = ("enquiry", "services", "policy", "public")
SCAN: Final = b"\x89PNG\r\n\x1a\n and what an identity card looks like"


def hidden(page: str) -> dict[str, str]:
    """The fields of a form that nobody types."""
    return dict(re.findall(r'name="(csrf|request)" value="([^"]*)"', page))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    keys = ServiceKeyFile("sscard-service-keys/1", bytes(range(32)).hex(), KEYS.papers)
    (folder / "service.keys").write_bytes(msgspec.json.encode(keys))
    (folder / "printer").mkdir()
    (folder / "camera.jpg").write_bytes(base64.b64decode(photo()))
    (folder / "scan.png").write_bytes(SCAN)
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with Ledger.open(folder / "town.db") as ledger:
        region = load_region()
        proof = msgspec.structs.replace(region.proof, source_hour=100_000, codes_hour=1000)
        city = City(ledger, region=msgspec.structs.replace(region, proof=proof), settled=True)
        city.centre.now = datetime.now  # the commands have no other clock
        with ledger.transaction() as t:
            persons = [
                (f"6{number:07d}", "990100",
                 PersonData("林知夏", identity(number), phone="19900001234", class_="灵活就业"))
                for number in NUMBERS.values()
            ]  # fmt: skip
            for one in add_persons(t, KEYS, persons, "20260101000000"):
                set_credential(t, one, QUERY, cheap, "20260101000000")
            for (_, operation), number in NUMBERS.items():
                if operation != "apply":
                    card = columns(f"Y{number:08d}", 1000 + number, f"6{number:07d}", 12_345)
                    raw = np.frombuffer(bytes.fromhex(code_of(1000 + number)), np.uint8)
                    register_cards(
                        t, replace(card, card_id_code=raw.reshape(1, 16)), "20260101", f"c{number}"
                    )
            for one_client in (
                *(Client(name, name, HMAC, SECRET) for name in T2),
                Client("B031", "bank", CLERK, hash_password("counter-B031").encode()),
            ):
                put_client(t, KEYS, one_client, "20260302000000")
        details = {**VALID, "reason": "damaged"}
        who = identity(NUMBERS["office", "progress"])
        receipt = city.ask("replace", who, photo=photo(), details=details).data["receipt"]
        site = Site(city.centre, per_minute=100_000)
        application = create_application(city.centre, per_minute=100_000)
        application.router.routes.extend(site.routes)
        slot = KioskSlot(ImagePort(folder / "none.ssc"))
        with Kiosk(
            city.centre, slot, papers=folder / "printer", camera=folder / "camera.jpg",
            scanner=folder / "scan.png",
        ) as kiosk:  # fmt: skip
            yield Town(
                city, Api(city), folder, TestClient(application),
                TestClient(kiosk.application(), base_url="http://127.0.0.1"), receipt,
            )  # fmt: skip


NUMBERS: Final = {
    (channel, operation): 100 + at
    for at, (channel, operation) in enumerate(
        (channel, operation) for channel in T2 for operation in OPERATIONS
    )
}
"""The person of each cell."""
EFFECTS: Final[Mapping[str, Any]] = {
    "loss": lambda state: state[0] == [4], "lift": lambda state: state[0] == [1],
    "formal": lambda state: state[0] == [2], "activate": lambda state: state[0] == [9, 1],
    "replace": lambda state: state[1] == 1, "apply": lambda state: state[1] == 1,
    "level": lambda state: state[2] == 1, "paper": lambda state: state[3] == 1,
    "contact": lambda state: state[4] == "19900008888",
    "rename": lambda state: state[5] == "林知秋",
}  # fmt: skip
"""What a changing operation has made of the person's state."""


@pytest.mark.parametrize("channel", T2)
def test_a_channel_has_what_its_row_says_and_no_more(channel: str, town: Town) -> None:
    for operation in OPERATIONS:
        number, needs = NUMBERS[channel, operation], T2[channel].get(operation)
        if needs is not None:
            town.before(operation, number)
        before = town.state(number)
        answers = dict.fromkeys(LEVELS[channel], "")
        for level in LEVELS[channel] if needs is not None else LEVELS[channel][-1:]:
            if needs is not None and level >= needs:
                continue
            answers[level] = town.ask(channel, operation, number, level)
            assert town.state(number) == before, (operation, level)
        if needs is not None:
            answers[needs] = town.ask(channel, operation, number, needs)
        said = {
            level: "" if needs is None else "DONE" if level == needs else "LEVEL_TOO_LOW"
            for level in LEVELS[channel]
            if needs is None or level <= needs
        }
        assert {one: answers[one] for one in said} == said, operation
        if needs is not None and operation in EFFECTS:
            assert town.state(number) != before, operation
            assert EFFECTS[operation](town.state(number)), operation
