# SPDX-License-Identifier: Apache-2.0
"""A pharmacy's day over HTTP by a program written from the page: faults, kill -9, many tills."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from sscard_chip.settlement.credential import CredentialStore
from sscard_chip.settlement.ledger import Ledger, register_cards
from sscard_chip.settlement.platform.persons import InsuredPerson, write_persons
from sscard_chip.settlement.platform.stock import levels
from sscard_chip.settlement.schema import platform as tables
from tests.settlement.ledger.people import cards
from tests.settlement.serve.pharmacy import LostError, Program
from tests.settlement.serve.test_serve import ROOT, Centre

PHARMACY = "P51010000001"
POLICY = """\
format = "sscard-policy/1"
settle_at_once = true
[pool.41]
percent = 50
deductible_fen = 1000
"""
SECRETS = """\
format = "sscard-gateway/1"
[[csb]]
access_key = "AK"
secret_key = "SK"
"""
BALANCE = 1_000_00
TILLS = 16
SALES = 3 if "SSCARD_LONG" not in os.environ else 200


def certno(number: int) -> str:
    return f"9900002001020300{number:02d}"


@pytest.fixture
def open_centre(tmp_path: Path, ledger_url: str) -> Iterator[Callable[..., tuple[Centre, Ledger]]]:
    """A served centre of 16 insured persons with 1000 yuan each, behind the CSB log-in."""
    opened: list[tuple[Centre, Ledger]] = []

    def open_(faults: str = "", login: str = "csb") -> tuple[Centre, Ledger]:
        ledger = Ledger.open(ledger_url)
        with ledger.transaction() as t:
            for number in range(1, TILLS + 1):
                one = cards(1, first=number, psn_no=f"P{number}", opening_fen=BALANCE)
                register_cards(t, one, "20260301", f"cards:{number}")
        people = [
            InsuredPerson(certno(number), f"虚构人{number}", psn_no=f"P{number}")
            for number in range(1, TILLS + 1)
        ]
        write_persons(tmp_path / "persons.tsv", people)
        (tmp_path / "secrets.toml").write_text(SECRETS)
        options = ["--persons", "persons.tsv", "--login", login, "--secrets", "secrets.toml"]
        if faults:
            (tmp_path / "faults.toml").write_text('format = "sscard-faults/1"\n' + faults)
            options += ["--faults", "faults.toml"]
        centre = Centre(tmp_path, ledger_url, POLICY, options)
        opened.append((centre, ledger))
        return centre, ledger

    yield open_
    for centre, ledger in opened:
        if centre.process.poll() is None:
            centre.end(signal.SIGKILL)
        ledger.close()


def msgids(ledger: Ledger) -> list[str]:
    with ledger.reading() as t:
        return list(t.connection.scalars(sa.select(tables.message.c.msgid)))


def account(ledger: Ledger, number: int) -> int:
    from sscard_chip.settlement.ledger import AccountKind

    with ledger.reading() as t:
        found = t.balances_of(AccountKind.PERSONAL)
    return int(found[f"P{number}"])


def test_a_day(open_centre: Callable[..., tuple[Centre, Ledger]]) -> None:
    faults = "".join(
        f'[[fault]]\nkind = "{kind}"\ninfno = "2102"\nafter = {after}\n'
        for kind, after in (("no-answer", 2), ("cut", 4), ("twice", 5), ("error-page", 6))
    )
    faults += '[[fault]]\nkind = "unauthorised"\ninfno = "1101"\nreason = "late"\nafter = 1\n'
    centre, ledger = open_centre(faults)
    till = Program(centre.url, PHARMACY)
    till.sign_in()
    who = till.person(certno(1))
    assert who["baseinfo"]["psn_name"] == "虚构人1"
    assert float(who["insuinfo"][0]["balc"]) == 1000.0
    with pytest.raises(LostError, match="401"):
        till.person(certno(1))

    first = till.sell("P1", certno(1), 30.0)
    assert (first["fund_pay_sumamt"], first["acct_pay"]) == ("10.00", "20.00")
    till.cancel(till.sell("P1", certno(1), 12.5))
    assert till.sell("P1", certno(1), 99.0) == {}  # no answer: reversed
    third = till.sell("P1", certno(1), 40.0)
    assert till.sell("P1", certno(1), 77.0) == {}  # cut: reversed
    assert till.sell("P1", certno(1), 50.0)["balc"] == "925.00"  # done twice, once in the books
    assert till.sell("P1", certno(1), 11.0) == {}  # an error page, and nothing was done
    assert account(ledger, 1) == BALANCE - 2000 - 2500 - 3000

    goods = {
        "med_list_codg": "XZ99AAA0010101010200001", "fixmedins_hilist_id": "G1",
        "fixmedins_hilist_name": "安宁片", "fixmedins_bchno": "B1", "rx_flag": 0,
        "manu_date": "2026-01-01", "expy_end": "2028-01-01", "manu_lotnum": "L1",
    }  # fmt: skip
    bought = goods | {
        "spler_name": "虚构批发", "prdr_name": "虚构制药", "aprvno": "H1", "purc_retn_cnt": 10,
        "purc_retn_stoin_time": "2026-03-15 09:00:00", "purc_retn_opter_name": "甲",
    }  # fmt: skip
    till.ask("3503", {"purcinfo": [bought]})
    gone = goods | {
        "prsc_dr_name": "乙", "phar_name": "丙", "phar_prac_cert_no": "C1", "trdn_flag": "0",
        "rtal_docno": "R1", "sel_retn_time": "2026-03-15 10:00:00", "sel_retn_opter_name": "丙",
        "sel_retn_cnt": 3, "setl_id": third["setl_id"], "mdtrt_sn": third["mdtrt_id"],
    }  # fmt: skip
    till.ask("3505", {"selinfo": [gone]})
    till.ask("3506", {"selinfo": [gone | {"sel_retn_cnt": "1.0"}]})
    with ledger.reading() as t:
        assert [str(one.quantity) for one in levels(t, PHARMACY)] == ["8"]

    assert till.totals() == "0"
    assert [row[4] for row in till.details()] == ["0"] * 5
    lost = till.sales.pop()
    assert till.totals() == "1"  # the centre has more
    (row,) = [one for one in till.details() if one[4] != "0"]
    assert (row[2], row[3]) == (lost["setl_id"], lost["medins_setl_id"])
    till.sign_out()
    known = msgids(ledger)
    assert len(known) == len(set(known))
    assert set(known) <= set(till.sent) | {one for one in known if "9101" not in one}
    assert ledger.check().problems == ()


JAVA = """import java.net.URI;
import java.net.http.*;
import java.nio.charset.StandardCharsets;
class Main {{ public static void main(String[] a) throws Exception {{
    String url = a[0], message = a[1];
    {code}
    System.out.println(answer);
}} }}"""
CSHARP = """using System;
using System.Net.Http;
using System.Text;
using System.Threading.Tasks;
class Program {{
    static async Task<string> Send(string url, string message) {{ {code} return answer; }}
    static void Main(string[] a) {{ Console.WriteLine(Send(a[0], a[1]).Result); }}
}}"""
CURL = """#include <curl/curl.h>
int main(int count, char **a) {{
    char *url = a[1], *message = a[2];
    CURL *curl = curl_easy_init();
    {code}
    return count != 3 || done != CURLE_OK;
}}"""
# Whole programs, and fragments of programs that have a message: wrapped, by hand.
WHOLE: dict[str, list[str]] = {
    "py": [sys.executable, "-c", "CERTNO, URL = {certno!r}, {url!r}\n{code}"],
    "js": ["node", "-e", "const CERTNO = {certno!r}, URL_ = {url!r};\n{code}"],
}
FRAGMENTS: dict[str, tuple[str, str, list[list[str]]]] = {
    "java": (JAVA, "Main.java", [["java", "-Dfile.encoding=UTF-8", "Main.java"]]),
    "csharp": (CSHARP, "p.cs", [["mcs", "-r:System.Net.Http", "p.cs"], ["mono", "p.exe"]]),
    "c": (CURL, "p.c", [["cc", "p.c", "-lcurl", "-Wall", "-Werror"], ["./a.out"]]),
}


def examples(language: str, word: str) -> list[str]:
    """Those of docs/field.md that have a word in them."""
    page = (ROOT / "docs" / "field.md").read_text("utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [one for one in found if word in one]


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_the_examples_of_the_page(
    open_centre: Callable[..., tuple[Centre, Ledger]], tmp_path: Path
) -> None:
    """docs/field.md, against a served centre without log-in; with ``SSCARD_LANGUAGES`` by hand the
    fragments in other languages too, each in a program.
    """
    centre, ledger = open_centre(login="none")
    for language, run in WHOLE.items():
        (code,) = examples(language, "CERTNO")
        command = [
            one.replace("{certno!r}", repr(certno(1)))
            .replace("{url!r}", repr(f"{centre.url}/fsi/api"))
            .replace("{code}", code)
            for one in run
        ]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert done.stderr == b""
        assert done.stdout.decode("utf-8").split() == ["虚构人1", "1000.00"]
    (code,) = examples("py3", "DIGITS")
    digits = CredentialStore(ledger).new_code(f"510100{1:026x}").code
    code = code.replace("DIGITS", repr(digits)).replace("http://127.0.0.1:8097", centre.url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    name, token = done.stdout.decode("utf-8").split()
    assert (name, token[:8]) == ("虚构人1", "510100ec")
    if "SSCARD_LANGUAGES" not in os.environ:
        return
    for language, (frame, file, commands) in FRAGMENTS.items():
        (code,) = examples(language, "url")
        (tmp_path / file).write_text(frame.format(code=code), "utf-8")
        message = Program(centre.url, PHARMACY).message(
            "1101", {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": certno(1)}}
        )
        sent = [f"{centre.url}/fsi/api", json.dumps(message, ensure_ascii=False)]
        for at, command in enumerate(commands, 1):
            words = command + (sent if at == len(commands) else [])
            done = subprocess.run(
                words, cwd=tmp_path, capture_output=True, timeout=120, check=False
            )
            assert done.returncode == 0, (language, done.stdout + done.stderr)
        assert json.loads(done.stdout)["output"]["baseinfo"]["psn_name"] == "虚构人1", language


def test_sixteen_tills_and_kill_9(open_centre: Callable[..., tuple[Centre, Ledger]]) -> None:
    """Each till sells to a person of its own; the centre is killed meanwhile, three times."""
    centre, ledger = open_centre()
    halt = threading.Event()

    def day(number: int) -> Program:
        till = Program(centre.url, f"P510100{number:05d}", first=number * 500)
        sold = 0
        while sold < SALES:
            try:
                sold += bool(till.sell(f"P{number}", certno(number), 2.0))
            except LostError:
                time.sleep(0.2)  # the trial was lost: nothing to take back
        return till

    def kill() -> None:
        for _ in range(3 if ledger.database.is_sqlite else 1):
            if halt.wait(1):
                return
            centre.end(signal.SIGKILL)
            centre.start()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with ThreadPoolExecutor(TILLS) as threads:
            tills = list(threads.map(day, range(1, TILLS + 1)))
    finally:
        halt.set()
        killer.join()
    for number, till in enumerate(tills, 1):
        assert till.totals() == "0"
        assert account(ledger, number) == BALANCE - 200 * SALES
    known = msgids(ledger)
    assert len(known) == len(set(known))
    assert all(re.fullmatch(r"P[0-9]{29}", one) for one in known)
    assert ledger.check().problems == ()
