# SPDX-License-Identifier: Apache-2.0
"""What people try (T7): guesses, races, dates, papers that are not theirs."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec
import pytest

from sscard_chip.settlement.ledger import CardStatus, history_of, status_of
from sscard_service import (
    CardProof,
    Code,
    OtherPerson,
    SeenDocument,
    ServiceAnswer,
    ServiceRefusedError,
)
from sscard_service.region import add_working_days, load_region
from sscard_service.store.persons import PersonData, add_persons
from sscard_service.store.proofs import QUERY, hash_password, set_credential
from tests.service.city import KEYS, LIN, NOBODY, VALID, WANG, City, code_of, make_card, photo

CHILD = "990000201501010013"
YOUTH = "990000200906010025"
SEEN = SeenDocument(WANG, copy=True)
MOTHER = OtherPerson("王明远", WANG, relation="31", document=SEEN)


def at_once(*works: Callable[[], ServiceAnswer]) -> list[ServiceAnswer | Code]:
    """What several requests get that come at the same time."""

    def done(work: Callable[[], ServiceAnswer]) -> ServiceAnswer | Code:
        try:
            return work()
        except ServiceRefusedError as error:
            return error.code

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(done, works))


def states(city: City, number: int = 1) -> list[CardStatus]:
    """What was ever recorded of a card."""
    with city.ledger.reading() as t:
        return [status for status, _, _ in history_of(t, number)]


# --- guessing -------------------------------------------------------------------------------------


def test_many_guesses_at_once_are_counted_as_many(city: City) -> None:
    def guess(at: int) -> Callable[[], ServiceAnswer]:
        return lambda: city.ask(
            "balance", channel="site", card_number=f"{900_000 + at}", request=f"guess-{at}"
        )

    found = at_once(*(guess(at) for at in range(20)))
    assert found.count(Code.WRONG_PROOF) == 5
    assert found.count(Code.LOCKED) == 15


def test_waits_grow_and_end(one_city: City) -> None:
    city = one_city
    for wait in (60, 120, 240):
        while (code := city.refused("balance", channel="ivr", card_number="9" * 6)) is not (
            Code.LOCKED
        ):
            assert code is Code.WRONG_PROOF
        city.later(seconds=wait - 1)
        assert city.refused("balance", channel="ivr", card_number="000013") is Code.LOCKED
        city.later(seconds=2)
        assert city.refused("balance", channel="ivr", card_number="9" * 6) is Code.WRONG_PROOF
    city.later(days=2)
    assert city.ask("balance", channel="ivr", card_number="000013").level == 1


def test_a_lock_is_of_one_channel_and_whoever_exists_or_not(one_city: City) -> None:
    for identity in (LIN, NOBODY):
        codes = [
            one_city.refused("balance", identity, "ivr", card_number="999999") for _ in range(6)
        ]
        assert codes == [Code.WRONG_PROOF] * 5 + [Code.LOCKED]
    assert one_city.ask("balance", channel="site", card_number="000013").level == 1


def test_a_source_that_counts_numbers_up_is_stopped(one_city: City) -> None:
    source: dict[str, Any] = {"channel": "site", "source": "192.0.2.1", "card_number": "000013"}
    codes = [one_city.refused("balance", f"990000{at:012d}", **source) for at in range(61)]
    assert codes == [Code.WRONG_PROOF] * 60 + [Code.RATE]
    assert one_city.ask("loss", **source).data["changed"] is True


def test_an_initial_password_proves_nothing(one_city: City) -> None:
    with one_city.ledger.transaction() as t:
        set_credential(t, 1, QUERY, hash_password("010017"), "20260302000000", initial=True)
    assert one_city.refused("balance", channel="site", query_password="010017") is (
        Code.LEVEL_TOO_LOW
    )
    new = {"password": "own-word-7"}
    assert one_city.refused("password", channel="site", query_password="010017", details=new) is (
        Code.LEVEL_TOO_LOW
    )
    for weak in ("199001", "111111", "123456", "000013"):
        assert one_city.refused("password", details={"password": weak}) is Code.FORMAT
    one_city.ask("password", details=new)
    assert one_city.ask("balance", channel="site", query_password="own-word-7").level == 1


def test_a_code_by_telephone_is_used_once_and_three_wrong_ones_end_it(one_city: City) -> None:
    city = one_city
    sent = city.ask("code", channel="site", card_number="000013")
    assert sent.data["phone"] == "199****1234"
    code = sent_code(city)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    both: dict[str, Any] = {"channel": "site", "card_number": "000013"}
    assert city.refused("lift", phone_code=wrong, **both) is Code.WRONG_PROOF
    assert city.ask("person", phone_code=code, **both).level == 2
    assert city.refused("person", phone_code=code, **both) is Code.WRONG_PROOF


def sent_code(city: City) -> str:
    """The code in the last message to the holder."""
    from sscard_service.store.outbox import due_messages

    with city.ledger.transaction() as t:
        messages = due_messages(t, KEYS, city.now.strftime("%Y%m%d%H%M%S"))
    return str(messages[-1].content["code"])


def test_malicious_reports_need_more_proof_and_the_holder_hears_of_each(one_city: City) -> None:
    for _ in range(2):
        one_city.ask("loss", channel="ivr", card_number="000013")
        one_city.later(minutes=1)
        one_city.ask("lift")
        one_city.later(minutes=1)
    assert one_city.refused("loss", channel="ivr", card_number="000013") is Code.LEVEL_TOO_LOW
    assert one_city.ask("loss").data["changed"] is True
    one_city.ask("lift")
    one_city.later(days=31)
    assert one_city.ask("loss", channel="ivr", card_number="000013").data["changed"] is True


# --- races ----------------------------------------------------------------------------------------


def test_the_same_request_twice_at_once_is_done_once(city: City) -> None:
    found = at_once(
        *[lambda: city.ask("loss", channel="ivr", card_number="000013", request="twice")] * 4
    )
    answers = [one for one in found if isinstance(one, ServiceAnswer)]
    assert len(answers) == 4
    assert sorted(one.repeated for one in answers) == [False, True, True, True]
    assert states(city) == [CardStatus.TEMPORARY_LOSS]


def test_two_channels_at_once_are_one_change(city: City) -> None:
    found = at_once(
        lambda: city.ask("loss", channel="ivr", card_number="000013", request="a"),
        lambda: city.ask("loss", channel="site", card_number="000013", request="b"),
        lambda: city.ask("loss", request="c"),
    )
    changed = [one.data["changed"] for one in found if isinstance(one, ServiceAnswer)]
    assert sorted(changed) == [False, False, True]


def test_lift_and_formal_loss_at_once_end_in_formal_loss(city: City) -> None:
    city.ask("loss")
    city.later(minutes=1)
    at_once(lambda: city.ask("lift", request="lift"), lambda: city.ask("formal", request="formal"))
    assert states(city)[-1] is CardStatus.FORMAL_LOSS


def test_activation_and_cancellation_at_once_leave_no_live_card_twice(city: City) -> None:
    city.ask("formal")
    receipt = str(city.ask("replace", details=VALID, photo=photo()).data["receipt"])
    make_card(city, receipt, 9, "Z00000030")
    city.later(minutes=1)
    at_once(
        lambda: city.ask("collect", details={"receipt": receipt}, request="collect"),
        lambda: city.ask("cancel", card="Z00000030", request="cancel"),
    )
    with city.ledger.reading() as t:
        now = city.now.strftime("%Y%m%d%H%M%S")
        live = [one for one in (1, 3) if status_of(t, one, now) is CardStatus.NORMAL]
    assert live in ([], [3])


def test_two_clerks_on_one_application(city: City) -> None:
    city.ask("formal")
    receipt = str(city.ask("replace", details=VALID, photo=photo()).data["receipt"])
    accept, reject = {"accepted": True}, {"accepted": False, "reason": "no"}
    found = at_once(
        lambda: city.ask("review", "", receipt=receipt, details=accept, request="1"),
        lambda: city.ask("review", "", receipt=receipt, clerk="2", details=reject, request="2"),
    )
    assert [isinstance(one, ServiceAnswer) for one in found].count(True) == 1
    assert Code.STATE in found


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "evidence", "code"),
    [
        ("19990101000000", {}, Code.FOUR_EYES),
        ("20260302060000", {}, Code.FOUR_EYES),
        ("20260302060000", {"second_clerk": "0017"}, Code.FOUR_EYES),
        ("20990101000000", {"second_clerk": "0018"}, Code.FORMAT),
        ("20260302090001", {}, Code.FORMAT),
        ("20260229120000", {"second_clerk": "0018"}, Code.FORMAT),
    ],
)
def test_a_report_is_dated_back_by_two_clerks_and_never_forward(
    one_city: City, time: str, evidence: dict[str, Any], code: Code
) -> None:
    details = {"time": time, "reason": "found out later"}
    assert one_city.refused("loss", details=details, **evidence) is code
    assert one_city.refused("loss", channel="site", card_number="000013", details=details) is (
        Code.FORMAT if code is Code.FORMAT else Code.TOO_LATE
    )


def test_two_clerks_date_a_report_back_with_a_reason(one_city: City) -> None:
    details = {"time": "20260302060000"}
    assert one_city.refused("loss", details=details, second_clerk="0018") is Code.FORMAT
    one_city.ask("loss", details={**details, "reason": "police"}, second_clerk="0018")
    with one_city.ledger.reading() as t:
        assert status_of(t, 1, "20260302060000") is CardStatus.TEMPORARY_LOSS
        assert status_of(t, 1, "20260302055959") is CardStatus.NORMAL


def test_a_temporary_report_lapses_at_its_second(one_city: City) -> None:
    one_city.ask("loss")
    one_city.later(days=10, seconds=-1)
    assert one_city.ask("status").data["cards"][0]["status"] == 4
    one_city.later(seconds=1)
    assert one_city.ask("status").data["cards"][0]["status"] == 1


def test_a_clock_that_goes_back_still_stops_a_card(one_city: City) -> None:
    one_city.ask("loss")
    one_city.ask("lift")
    one_city.later(hours=-1)
    one_city.ask("loss", channel="ivr", card_number="000013")
    one_city.later(hours=2)
    assert one_city.ask("status").data["cards"][0]["status"] == 4


@pytest.mark.parametrize(
    ("start", "due", "provisional"),
    [
        ("20260209", "20260306", False),
        ("20260925", "20261022", False),
        ("20261225", "20270118", True),
    ],
)
def test_working_days(start: str, due: str, provisional: bool) -> None:
    found = add_working_days(load_region(), datetime.strptime(start, "%Y%m%d").date(), 15)
    assert (f"{found.day:%Y%m%d}", found.provisional) == (due, provisional)


# --- persons and papers ---------------------------------------------------------------------------


def add(city: City, identity: str, psn_no: str) -> None:
    """One more person, without a card."""
    with city.ledger.transaction() as t:
        add_persons(t, KEYS, [(psn_no, "990100", PersonData("林小小", identity))], "20260101000000")


def test_a_guardian_acts_for_a_child_and_for_nobody_else(one_city: City) -> None:
    add(one_city, CHILD, "51000003")
    add(one_city, YOUTH, "51000004")
    assert one_city.refused("apply", CHILD, photo=photo()) is Code.MINOR
    filed = one_city.ask("apply", CHILD, photo=photo(), guardian=MOTHER)
    assert filed.data["state"] == "applied"
    assert one_city.refused("apply", YOUTH, photo=photo(), guardian=MOTHER, details=VALID) is (
        Code.DOCUMENTS
    )
    nobody = msgspec.structs.replace(MOTHER, document=None)
    assert one_city.refused("apply", CHILD, photo=photo(), guardian=nobody) is Code.DOCUMENTS


def test_an_application_needs_documents_that_hold(one_city: City) -> None:
    add(one_city, YOUTH, "51000004")
    ask = one_city.refused
    assert ask("apply", YOUTH, details=VALID) is Code.DOCUMENTS
    assert ask("apply", YOUTH, photo=photo()) is Code.DOCUMENTS
    assert ask("apply", YOUTH, photo=photo(), details={"document_to": "20260301"}) is (
        Code.DOCUMENTS
    )
    assert ask("apply", YOUTH, photo=photo(), details={**VALID, "delivery": "post"}) is Code.FORMAT
    assert ask("apply", LIN, photo=photo(), details=VALID) is Code.ALREADY


def huge() -> str:
    """A picture of 30,000 × 30,000 pixels by its header, and a small file."""
    content = bytearray(base64.b64decode(photo()))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = (30_000).to_bytes(2) * 2
    return base64.b64encode(bytes(content)).decode()


@pytest.mark.parametrize(
    "picture",
    [
        photo(1, 1),
        huge(),
        photo(mode="CMYK", quality=40),
        photo(mode="L", quality=95),
        photo(dpi=(72, 72)),
        photo(quality=1),
        photo(top=60),
        photo(left=30),
        photo(wide=150),
        photo(frame=True),
        base64.b64encode(b"%PDF-1.7" + bytes(20_000)).decode(),
        base64.b64encode(b"\xff\xd8\xff" + bytes(20_000)).decode(),
        base64.b64encode(base64.b64decode(photo())[:15_000]).decode(),
        base64.b64encode(bytes(39 * 1024)).decode(),
        "no base64!",
    ],
    ids=[
        "dot",
        "huge",
        "cmyk",
        "grey",
        "dpi",
        "small",
        "low",
        "aside",
        "narrow",
        "frame",
        "pdf",
        "head",
        "cut",
        "zeros",
        "text",
    ],
)
def test_a_photo_is_checked_before_it_is_opened(
    one_city: City, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a library of papers has told Pillow to take pictures that are cut."""
    from PIL import ImageFile

    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    one_city.ask("formal")
    assert one_city.refused("replace", details=VALID, photo=picture) is Code.FORMAT


def test_of_a_photo_the_picture_is_kept_and_nothing_else() -> None:
    from PIL import Image

    from sscard_service.photo import checked_photo

    place = Image.Exif()
    place[0x0112] = 1
    place.get_ifd(0x8825)[1] = "N"
    content = base64.b64decode(photo(exif=place)) + b"PK\x03\x04 a zip behind it"
    kept = checked_photo(load_region().photo, base64.b64encode(content).decode())
    assert b"Exif" not in kept
    assert b"zip behind" not in kept
    with Image.open(io.BytesIO(kept)) as picture:
        assert (picture.size, picture.mode) == ((358, 441), "RGB")


def test_rename_takes_two_clerks_and_a_number_that_is_free(one_city: City) -> None:
    ask = one_city.refused
    new = {"name": "林知秋", "reason": "misspelt"}
    assert ask("rename", details=new) is Code.FOUR_EYES
    assert ask("rename", details=new, second_clerk="0017") is Code.FOUR_EYES
    taken = {"identity": WANG, "reason": "typing"}
    assert ask("rename", details=taken, second_clerk="0018") is Code.ALREADY
    wrong = {"identity": "990000199001010018", "reason": "typing"}
    assert ask("rename", details=wrong, second_clerk="0018") is Code.FORMAT
    done = one_city.ask("rename", details=new, second_clerk="0018")
    assert (done.data["name"], done.data["new_card"]) == ("**秋", True)


def test_a_region_may_ask_the_bank_first(one_city: City) -> None:
    bank = msgspec.structs.replace(one_city.region.bank, ask_first=True)
    one_city.centre.region = msgspec.structs.replace(one_city.region, bank=bank)
    assert one_city.refused("formal", WANG) is Code.BANK_FIRST
    assert one_city.ask("formal", WANG, bank_reference="ICBC-2026-1").data["status"] == 2
    assert one_city.ask("formal", LIN).data["status"] == 2


def test_no_region_opens_with_less_proof_than_the_least(tmp_path: Any) -> None:
    from sscard_service import ServiceRegionError
    from sscard_service.region import default_text

    weak = default_text().replace("[channels.ivr.levels]\n", "[channels.ivr.levels]\nlift = 1\n")
    (tmp_path / "weak.toml").write_text(weak, "utf-8")
    with pytest.raises(ServiceRegionError, match=r"channels\.ivr\.levels: lift: needs level 2"):
        load_region(tmp_path / "weak.toml")
    open_face = default_text().replace('code = "03"\nsigned = true', 'code = "03"')
    (tmp_path / "face.toml").write_text(open_face, "utf-8")
    with pytest.raises(ServiceRegionError, match="takes face results"):
        load_region(tmp_path / "face.toml")


def test_the_own_card_in_the_reader_proves_level_3_and_a_lost_one_nothing(one_city: City) -> None:
    own, other = CardProof(code_of(1), True, True), CardProof(code_of(2), True, True)
    kiosk: dict[str, Any] = {"channel": "kiosk", "proof": own}
    assert one_city.ask("person", "", **kiosk).data["name"] == "**夏"
    assert one_city.refused("person", channel="kiosk", proof=other) is Code.WRONG_PROOF
    for half in (CardProof(code_of(1), True, False), CardProof(code_of(1), False, True)):
        assert one_city.refused("person", channel="kiosk", proof=half) is Code.LEVEL_TOO_LOW
    assert one_city.refused("person", channel="site", proof=own) is Code.LEVEL_TOO_LOW
    one_city.ask("loss", channel="kiosk", card_number="000013")
    assert one_city.refused("lift", **kiosk) is Code.LEVEL_TOO_LOW
