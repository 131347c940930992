# SPDX-License-Identifier: Apache-2.0
"""``sscard bank`` and the bank's options of ``sscard issue`` and ``sscard keys create``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from issuance.bank.ledger import read_ledger
from issuance.bank.roots import bank_slots
from issuance.roots import RootKeys, root_names
from sscard_chip.card import Card
from sscard_cli.main import main
from tests.bank.bank import HOLDER, NEW_PAN, PAN, bank, roots

Capture = pytest.CaptureFixture[str]
Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with keys, certificates, holders and accounts, which is the current one."""
    monkeypatch.chdir(tmp_path)
    roots().save("roots.json")
    own = bank()
    assert isinstance(own.store, RootKeys)
    assert own.authority is not None
    own.store.save("bank.json")
    own.authority.save("ca.json")
    account = {"pan": PAN, "oda": "sm2", "ecash": {"balance_fen": 500}}
    holder = {**HOLDER, "issue_date": "20200101", "expiry_date": "20460701"}
    write("holder.json", holder)
    write("linked.json", {**holder, "bank": account})
    write("dormant.json", {**holder, "bank": {**account, "state": "dormant"}})
    write("account.json", account)
    write("new.json", {"pan": NEW_PAN, "oda": "dda", "suite": "3des"})
    return tmp_path


def write(name: str, document: Any) -> None:
    Path(name).write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def run(folder: Path, capsys: Capture) -> Run:
    """Run a command with ``--json``; the document, or the code and the line of an error."""

    def call(*arguments: str, code: int = 0) -> Any:
        found = main([*arguments, "--json"])
        output, error = capsys.readouterr()
        assert found == code, error
        for secret in (PAN, NEW_PAN):
            assert secret not in output + error
        if error:
            assert error.count("\n") == 1
            return error.strip()
        return json.loads(output)

    return call


KEYS = ("--bank-keys", "bank.json", "--bank-authority", "ca.json")
BOOK = ("--ledger", "ledger.jsonl", "--operator", "0012")


def issue(
    run: Run, holder: str = "linked.json", *options: str, generation: int = 3, **more: Any
) -> Any:
    return run(
        "issue", "--generation", str(generation), "--keys", "roots.json", "--holder", holder,
        "--out", "card.ssc", *options, **more,
    )  # fmt: skip


def pay(run: Run, *options: str, code: int = 0) -> Any:
    return run("bank", "pay", "card.ssc", "--amount-fen", "100", *options, code=code)


# --- keys and certificates ------------------------------------------------------------------------


def test_the_bank_s_keys_have_a_store_of_their_own(run: Run) -> None:
    run("keys", "create", "--bank", "own.json")
    assert RootKeys.load("own.json").slots() == sorted(bank_slots())
    assert not {name for _, name, _ in bank_slots()} & root_names().keys()
    assert "local-files" in run("keys", "create", "--bank", "x.json", "--local-files", "x", code=2)


def test_certificates(run: Run) -> None:
    made = run("bank", "authority", "own.json", "--identifier", "623999", "--expiry", "1240")
    assert made == {"authority": "own.json", "indexes": {"rsa": "F1", "sm2": "F2"}}
    options = ("--identifier", "623999", "--scheme", "rsa")
    assert run("bank", "authority", "rsa.json", *options)["indexes"] == {"rsa": "F1"}
    again = run("bank", "authority", "own.json", "--identifier", "623999", code=1)
    assert "own.json: exists already" in again
    assert "3 to 8 digits" in run("bank", "authority", "b.json", "--identifier", "62", code=2)
    assert "a month, MMYY" in run(
        "bank", "authority", "b.json", "--identifier", "623", "--expiry", "1340", code=2
    )
    assert not Path("b.json").exists()


# --- issuing --------------------------------------------------------------------------------------


def test_issued_linked(run: Run) -> None:
    issue(run, "linked.json", *KEYS, *BOOK)
    paid = pay(run, *KEYS)
    assert paid["approved"] is True
    assert paid["decision"] == "approved online"
    assert paid["pan"] == "623999*********2344"
    assert paid["tvr_bits"] == ["floor limit exceeded"]
    assert [entry.operation for entry in read_ledger(Path("ledger.jsonl"))] == ["link", "activate"]


def test_issued_without_the_bank_s_keys(run: Run) -> None:
    error = issue(run, "linked.json", code=2)
    assert error == "sscard: error: linked.json: bank: needs the bank's root keys"
    assert not Path("card.ssc").exists()


def test_generation_1(run: Run) -> None:
    error = issue(run, "linked.json", *KEYS, generation=1, code=2)
    assert error == (
        "sscard: error: linked.json: bank: a card of generation 1 has no bank application"
    )


@pytest.mark.parametrize(
    ("holder", "options", "rule"),
    [
        ("holder.json", KEYS, "the holder file has no bank account"),
        ("linked.json", BOOK, "go with --bank-keys"),
        ("linked.json", KEYS[2:], "go with --bank-keys"),
        ("linked.json", (*KEYS, *BOOK[:2]), "--ledger and --operator go together"),
    ],
)
def test_options_that_do_not_go_together(
    run: Run, holder: str, options: tuple[str, ...], rule: str
) -> None:
    assert rule in issue(run, holder, *options, code=2)
    assert not Path("card.ssc").exists()


def test_a_wrong_store(run: Run) -> None:
    error = issue(run, "linked.json", "--bank-keys", "roots.json", code=2)
    assert error.endswith("roots.json: sm4: MDK_AC: 1: the key is needed and missing")
    error = issue(run, "linked.json", "--bank-keys", "bank.json", code=2)
    assert error == "sscard: error: bank oda: sm2 needs the bank's certificates"
    assert not Path("card.ssc").exists()


# --- the counter ----------------------------------------------------------------------------------


def test_the_life_of_a_link(run: Run) -> None:
    issue(run, "holder.json")
    image = Path("card.ssc").read_bytes()
    assert "no application in common" in pay(run, *KEYS, code=1)
    entry = run("bank", "link", "card.ssc", "--account", "account.json", *KEYS, *BOOK)
    assert (entry["operation"], entry["main_account"]) == ("activate", "623999*********2344")
    assert entry["sub_account"] == "Z00000013"
    assert pay(run, *KEYS)["approved"]
    entry = run("bank", "change", "card.ssc", "--account", "new.json", *KEYS, *BOOK)
    assert entry["former_account"] == "623999*********2344"
    assert pay(run, *KEYS)["pan"] == "623999*********7892"
    run("bank", "unlink", "card.ssc", *KEYS, *BOOK)
    assert "no application in common" in pay(run, *KEYS, code=1)
    operations = [entry["operation"] for entry in run("bank", "ledger", "ledger.jsonl")]
    assert operations == ["link", "activate", "change", "unlink"]
    assert len(image) == len(Path("card.ssc").read_bytes())


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_a_ledger_on_any_screen(
    columns: str, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    issue(run, "linked.json", *KEYS, *BOOK)
    entries = run("bank", "ledger", "ledger.jsonl")
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["bank", "ledger", "ledger.jsonl"]) == 0
    text = capsys.readouterr().out
    assert len(entries) == 2
    for entry in entries:
        for name in ("main_account", "sub_account", "card", "operator"):
            assert entry[name] in text, name


def test_activated_at_the_counter(run: Run) -> None:
    issue(run, "dormant.json", *KEYS, *BOOK)
    assert "no application in common" in pay(run, *KEYS, code=1)
    error = run("bank", "link", "card.ssc", "--account", "new.json", *KEYS, *BOOK, code=1)
    assert error == "sscard: error: the card is linked with an account already"
    run("bank", "activate", "card.ssc", *KEYS, *BOOK)
    assert pay(run, *KEYS)["approved"]
    error = run("bank", "activate", "card.ssc", *KEYS, *BOOK, code=1)
    assert error == "sscard: error: the account is active already"


def test_a_card_is_written_down_later(run: Run) -> None:
    issue(run, "linked.json", *KEYS)
    entry = run("bank", "record", "card.ssc", *KEYS, *BOOK)
    assert (entry["number"], entry["operation"]) == (2, "activate")
    run("bank", "unlink", "card.ssc", *KEYS, *BOOK)


def test_a_sub_account_of_its_own(run: Run) -> None:
    issue(run, "holder.json")
    options = ("--account", "account.json", "--sub-account", "SB-77")
    assert run("bank", "link", "card.ssc", *options, *KEYS, *BOOK)["sub_account"] == "SB-77"


def test_a_bad_account_file(run: Run) -> None:
    issue(run, "holder.json")
    image = Path("card.ssc").read_bytes()
    for document, rule in (
        ({"pan": PAN[:-1] + "5"}, "pan: the check digit is wrong (Luhn)"),
        ({"pan": PAN, "expiry": "202001"}, "expiry: is before the issue date of the card"),
        ([], "must be an object"),
    ):
        write("bad.json", document)
        error = run("bank", "link", "card.ssc", "--account", "bad.json", *KEYS, *BOOK, code=2)
        assert error == f"sscard: error: bad.json: {rule}"
    error = run("bank", "link", "card.ssc", "--account", "none.json", *KEYS, *BOOK, code=2)
    assert error.startswith("sscard: error: none.json: cannot be read")
    assert Path("card.ssc").read_bytes() == image
    assert not Path("ledger.jsonl").exists()


def test_a_ledger_that_was_tampered_with(run: Run) -> None:
    issue(run, "linked.json", *KEYS, *BOOK)
    path = Path("ledger.jsonl")
    path.write_bytes(path.read_bytes().replace(b"0012", b"0013", 1))
    error = run("bank", "unlink", "card.ssc", *KEYS, *BOOK, code=2)
    assert "line 2: does not follow the line before" in error


# --- paying ---------------------------------------------------------------------------------------


def test_electronic_cash(run: Run) -> None:
    issue(run, "linked.json", *KEYS)
    loaded = run("bank", "load", "card.ssc", "--amount-fen", "20000", *KEYS)
    assert loaded == {"loaded_fen": 20000, "balance_fen": 20500}
    offline = ("--offline", "--interface", "contactless", *KEYS[2:])
    assert pay(run, *offline)["decision"] == "approved offline"
    too_much = run("bank", "load", "card.ssc", "--amount-fen", "100000", *KEYS, code=1)
    assert too_much == "sscard: error: the card refused a command of the issuer: 6A80"
    contents = run("info", "card.ssc")
    (state,) = [one["bank"] for one in contents["directories"] if one["bank"]]
    assert state["balance_fen"] == 20400
    assert state["pan"] == "623999*********2344"
    assert state["offline_authentication"] == "DDA with SM2"


def test_electronic_cash_with_contacts(run: Run) -> None:
    account = {"pan": PAN, "oda": "sm2", "pdol": True, "ecash": {"balance_fen": 500}}
    write("pdol.json", {**HOLDER, "bank": account})
    issue(run, "pdol.json", *KEYS)
    assert pay(run, "--ecash", *KEYS)["decision"] == "approved offline"
    assert pay(run, *KEYS)["decision"] == "approved online"


def test_one_card_at_a_time(run: Run) -> None:
    for options in ((), ("card.ssc", "--reader", "x")):
        error = run("bank", "load", *options, "--amount-fen", "1", *KEYS, code=2)
        assert "one of CARD.ssc and --reader" in error


def test_a_purchase_that_is_not_approved(run: Run) -> None:
    issue(run, "linked.json", *KEYS)
    declined = pay(run, "--decline", *KEYS, code=1)
    assert (declined["approved"], declined["response_code"]) == (False, "51")
    assert pay(run, "--offline", code=1)["decision"] == "declined offline"
    for options in ((), ("--offline", *KEYS), ("--offline", "--decline")):
        assert "--" in pay(run, *options, code=2)


def test_contactless_needs_generation_3(run: Run) -> None:
    issue(run, "linked.json", *KEYS, generation=2)
    error = pay(run, "--offline", "--interface", "contactless", code=2)
    assert "contactless" in error


def test_a_wrong_pin_is_tried_once(run: Run) -> None:
    write("pin.json", {**HOLDER, "bank": {"pan": PAN, "pin": "135790"}})
    issue(run, "pin.json", *KEYS)
    assert pay(run, "--pin", "135790", *KEYS)["tvr_bits"][0] == "oda not performed"
    paid = pay(run, "--pin", "000000", *KEYS)
    assert "pin not entered" in paid["tvr_bits"]
    with Card.open("card.ssc") as card:
        tries = [
            d.pin.retry_counter for d in card.files.directories if d.pin and d.name[:1] == b"\xa0"
        ]
    assert tries == [2]
    for pin in ("abc", "135", "1357901357901", "１３５７９０"):
        assert "--pin: must be 4 to 12 digits" in pay(run, "--pin", pin, *KEYS, code=2)


def test_options_of_contacts_without_contacts(run: Run) -> None:
    issue(run, "linked.json", *KEYS)
    for options in (("--ecash",), ("--pin", "135790")):
        error = pay(run, "--interface", "contactless", *options, *KEYS, code=2)
        assert "--ecash and --pin are for --interface contact" in error


def test_a_clerk_has_a_name(run: Run) -> None:
    nobody = ("--ledger", "ledger.jsonl", "--operator", " ")
    error = issue(run, "linked.json", *KEYS, *nobody, code=2)
    assert "'--operator': must not be empty" in error
    assert not Path("card.ssc").exists()
    issue(run, "holder.json")
    for command in ("activate", "unlink", "record"):
        run("bank", command, "card.ssc", *KEYS[:2], *nobody, code=2)


def test_a_refused_operation_leaves_no_ledger(run: Run) -> None:
    issue(run, "holder.json")
    for command in ("activate", "unlink", "record"):
        run("bank", command, "card.ssc", *KEYS[:2], *BOOK, code=1)
    assert not Path("ledger.jsonl").exists()


def test_the_text_forms(folder: Path, capsys: Capture) -> None:
    def text(*arguments: str) -> str:
        assert main(list(arguments)) == 0
        output: str = capsys.readouterr().out
        assert PAN not in output
        return output

    options = ("--keys", "roots.json", "--holder", "linked.json", "--out", "card.ssc")
    text("issue", "--generation", "3", *options, *KEYS, *BOOK)
    paid = text("bank", "pay", "card.ssc", "--amount-fen", "1234", *KEYS).splitlines()
    assert paid[0] == "approved online: 12.34 yuan, 623999*********2344"
    assert paid[3] == "TVR 0000008000: floor limit exceeded"
    loaded = text("bank", "load", "card.ssc", "--amount-fen", "1", *KEYS)
    assert loaded == "loaded 0.01 yuan, balance 5.01 yuan\n"
    entry, head = text("bank", "unlink", "card.ssc", *KEYS, *BOOK).splitlines()
    assert entry == "3 unlink: main account 623999*********2344, sub-account Z00000013"
    digest = hashlib.sha256(Path("ledger.jsonl").read_bytes().splitlines(True)[-1]).hexdigest()
    assert head == f"ledger: 3 lines, head {digest}"
    ledger = text("bank", "ledger", "ledger.jsonl").splitlines()
    assert any("unlink" in line for line in ledger)
    assert ledger[-1].startswith(f"ledger.jsonl: 3 lines, head {digest}; its MAC is checked")
    keys = ("--bank-keys", "bank.json")
    checked = text("bank", "ledger", "ledger.jsonl", *keys).splitlines()
    assert checked[-1] == f"ledger.jsonl: 3 lines, head {digest}"
    Path("ledger.jsonl.head").unlink()
    assert main(["bank", "ledger", "ledger.jsonl"]) == 2
    assert "sscard bank seal makes it" in capsys.readouterr().err
    assert text("bank", "seal", "ledger.jsonl", *keys) == f"ledger.jsonl: 3 lines, head {digest}\n"
    shown = text("info", "card.ssc", "--keys")
    assert "dormant" in shown
    assert "MDK_AC" in shown
