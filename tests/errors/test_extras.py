# SPDX-License-Identifier: Apache-2.0
"""Every command without every optional package: what is missing is named, or nothing is missed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click
import pytest

from sscard_chip.card import Card
from sscard_cli.main import cli
from tests.bank.bank import HOLDER, PAN, bank
from tests.bench.issued import roots
from tests.bench.shop import PIN, TIME, card_memory, psam_memory

ROOT: Final = Path(__file__).resolve().parents[2]

EXTRAS: Final = {
    "alembic": "settlement",
    "asn1crypto": "pki",
    "argon2": "service",
    "barcode": "papers",
    "cffi": "driver",
    "PIL": "service",
    "distributed": "cluster",
    "fastapi": "service",
    "gmssl_pyx gmalg": "sm2",
    "holidays": "service",
    "jinja2": "settlement",
    "numpy": "settlement",
    "openpyxl": "tables",
    "pkcs11": "hsm",
    "psycopg": "settlement",
    "pyhanko": "papers",
    "pypinyin": "service",
    "python_multipart": "service",
    "pyarrow": "settlement",
    "segno": "papers",
    "smartcard": "pcsc",
    "sqlalchemy": "settlement",
    "uvicorn": "serve",
    "weasyprint": "pdf",
    "websockets": "bridge",
}
"""What is taken away, and the extra that brings it; where nothing else is said."""

_BANK: Final = "--bank-keys bank.json --bank-authority ca.json"
_BOOK: Final = "--ledger book.jsonl --operator 0012"
_SALE: Final = (
    f"--psam psam.ssc --day-file DAY.tsv --pin {PIN} --time {TIME}"
    " --account-fen 100 --self-fen 0 --pool-fen 0"
)
_TOKEN: Final = "'pkcs11:token=a?module-path=/nowhere/nothing.so'"
_DEAD: Final = "tcp://127.0.0.1:1"
_CITY: Final = "--ledger city.db"
_MEMBER: Final = "990000198503120027 --name 王明远 --relation spouse --code " + "1" * 28
_KEYS: Final = f"--service-keys service.keys {_CITY}"
_PERIOD: Final = "--pharmacy P51010000001"

_PKI: Final = "asn1crypto gmssl_pyx gmalg"
_TRANSPORT: Final = "--transport-keys transport.json"
_GATE: Final = "--psam gate.ssc --region transit.toml --journal gate.j --time 20260315081112"

LINES: Final[Mapping[str, str]] = {
    "schema": "",
    "schema holder": "",
    "demo": "",  # before any reader: libpcsclite looks only once where its daemon is
    "keys create new.json": "",
    f"keys create {_TOKEN}": "pkcs11 asn1crypto:hsm",
    f"keys convert roots.json {_TOKEN}": "pkcs11 asn1crypto:hsm",
    "keys import roots.json DPK --algorithm sm4": "",
    "keys show roots.json": "",
    f"keys show {_TOKEN}": "pkcs11 asn1crypto:hsm",
    "issue --generation 3 --keys roots.json --holder holder.json --out new.ssc": "",
    f"issue --generation 3 --keys roots.json --holder linked.json --out l.ssc {_BANK}":
        "gmssl_pyx gmalg",
    "broken list": "",
    "issue --generation 2 --keys roots.json --holder holder.json --out b.ssc --broken expired": "",
    "blank --out new-blank.ssc": "",
    "personalise --blank blank.ssc --generation 3 --keys roots.json --holder holder.json": "",
    "personalise --reader x --generation 3 --keys roots.json --holder holder.json": "smartcard",
    "psam --keys roots.json --level 3 --terminal-id 510100000001 --out new-psam.ssc": "",
    "batch synthesize 2 --out people.csv": "",
    "batch run --generation 1 --keys roots.json --holders two.csv --out batch --workers 1": "",
    f"batch run --generation 1 --keys roots.json --holders two.csv --out b1 --cluster {_DEAD}":
        "distributed",
    "batch run --generation 1 --keys roots.json --holders two.xlsx --out b2": "openpyxl",
    "batch run --generation 1 --keys roots.json --holders two.parquet --out b3": "pyarrow:tables",
    "batch check --generation 1 --holders two.csv": "",
    "batch status batch": "",
    "batch resume batch": "",
    "batch export batch --card-number Z00000013 --out one.ssc": "",
    "batch void batch": "",
    "info card.ssc": "",
    "info linked.ssc": "",
    "edit card.ssc --from holder.json": "",
    "apdu card.ssc 00A40000023F00": "",
    "serve card.ssc --vpcd nothing": "",
    "record --card card.ssc --out recorded.json": "",
    "record --reader x --out recorded.json": "smartcard",
    "relay --reader x": "smartcard",
    "doctor": "smartcard",
    "doctor --card card.ssc": "",
    "doctor --reader x": "smartcard",
    "reader status --control none.sock": "",
    "reader insert card.ssc --control none.sock": "",
    "reader remove --control none.sock": "",
    "reader swap --control none.sock": "",
    "reader tap --control none.sock": "",
    "reader fault none.toml --control none.sock": "",
    "reader clear --control none.sock": "",
    f"transit issue-keys {_TRANSPORT} --terminal-id 510100000001 --out new-gate.ssc": "",
    f"transit tap-in rider.ssc {_GATE} --station 00010001": "",
    f"transit tap-in --reader x {_GATE} --station 00010001": "smartcard",
    f"transit tap-out rider.ssc {_GATE} --station 00010003": "",
    f"transit bus rider.ssc {_GATE} --stop 01010001": "",
    f"transit load rider.ssc --amount-fen 100 {_TRANSPORT}": "",
    f"transit update rider.ssc {_GATE} --station 00010001 --payment cash": "",
    f"transit lock rider.ssc {_GATE} --station 00010001": "",
    "transit show rider.ssc": "",
    "transit day-file day.j --out new.trd": "",
    f"transit settle one.trd {_TRANSPORT} {_CITY}": "numpy sqlalchemy alembic pyarrow jinja2",
    f"transit statement {_CITY}": "numpy sqlalchemy alembic pyarrow jinja2",
    "conformance list --level read": "",
    "conformance coverage": "",
    "conformance mutants --only binary-short": "",
    "conformance run --card card.ssc --only SSC-32.2": "",
    "conformance run --card card.ssc --only SSC-32.2 --out r.html": "jinja2:conformance",
    "conformance run --reader x": "smartcard",
    "conformance psam --card card.ssc": "",
    "conformance bank --card card.ssc": "",
    "conformance terminal --only SSC-32.8-PIN-01": "",
    "driver iReadCardBas 1 --card card.ssc": "",
    "driver iReadCardBas 1 --reader x": "smartcard",
    "driver-server --card card.ssc --listen 192.0.2.1:1": "",
    "driver-server --reader x --listen 192.0.2.1:1": "smartcard",
    "driver-dlls dlls": "",
    "bridge --card card.ssc --listen 192.0.2.1:1": "uvicorn:bridge websockets",
    "bridge --reader x --listen 192.0.2.1:1": "uvicorn:bridge websockets smartcard",
    "shell --card card.ssc": "",
    "shell --reader x": "smartcard",
    f"pos sale --card card.ssc {_SALE}": "",
    f"pos sale --reader x {_SALE}": "smartcard",
    f"pos sale --card card.ssc {_SALE} --mode 1 --authorisations city.db --keys roots.json":
        "numpy pyarrow sqlalchemy alembic jinja2",
    "pos refund P51010000001202603151011120100 --psam psam.ssc --day-file DAY.tsv": "",
    "pos recover --card card.ssc --psam psam.ssc --day-file DAY.tsv": "",
    "pos run --card card.ssc --psam psam.ssc --day-file DAY.tsv": "",
    "pos close --day-file DAY.tsv --parquet DAY.parquet": "pyarrow:tables",
    "pos close --day-file OTHER.tsv": "",
    "pos hotlist h.tsv d.tsv": "",
    "pos balance --card card.ssc --psam psam.ssc --pin 123456": "",
    "pos load --card card.ssc --psam psam.ssc --authorisations city.db --keys roots.json":
        "numpy pyarrow sqlalchemy alembic jinja2",
    "bank authority new-ca.json --identifier 623999": "gmssl_pyx gmalg",
    f"bank link card.ssc --account account.json {_BANK} {_BOOK}": "gmssl_pyx gmalg",
    f"bank record linked.ssc {_BANK} {_BOOK}": "gmssl_pyx gmalg",
    f"bank activate linked.ssc {_BANK} {_BOOK}": "gmssl_pyx gmalg",
    f"bank activate --reader x --bank-keys bank.json {_BOOK}": "smartcard",
    f"bank pay linked.ssc --amount-fen 100 {_BANK}": "gmssl_pyx gmalg",
    "bank pay --reader x --amount-fen 100 --bank-keys bank.json": "smartcard",
    f"bank load linked.ssc --amount-fen 100 {_BANK}": "gmssl_pyx gmalg",
    f"bank change linked.ssc --account account.json {_BANK} {_BOOK}": "gmssl_pyx gmalg",
    f"bank unlink linked.ssc {_BANK} {_BOOK}": "gmssl_pyx gmalg",
    "bank ledger old.jsonl": "",
    f"bank seal old.jsonl {_BANK}": "",
    "purse load purse.ssc --bank-keys bank.json --amount-fen 1 --pin 135790": "",
    "purse pay purse.ssc --bank-keys bank.json --amount-fen 1": "",
    "purse pay --reader x --bank-keys bank.json --amount-fen 1": "smartcard",
    "purse limit purse.ssc --bank-keys bank.json --limit-fen 1 --pin 135790": "",
    "purse unload purse.ssc --bank-keys bank.json --amount-fen 1 --pin 135790": "",
    "pki authority new-pki.json": _PKI,
    "pki init pki.ssc": _PKI,
    "pki init --reader x": f"{_PKI} smartcard",
    "pki write pki.ssc --authority pki.json --name x": _PKI,
    "pki show pki.ssc": _PKI,
    "pki sign pki.pem --card pki.ssc --pin 123456 --out pki.sig": _PKI,
    "pki verify pki.pem --signature pki.pem --certificate pki.pem": _PKI,
    "settle card-list card.ssc --out NEW.tsv": "",
    f"settle cards CARDS.tsv {_CITY}": "",
    f"settle card-status Z00000013 {_CITY}": "",
    f"settle card-replace Z00000013 NEW.tsv {_CITY}": "",
    f"settle hotlist --out h.tsv {_CITY}": "",
    f"settle allocate CARDS.tsv {_CITY}": "",
    f"settle check {_CITY}": "",
    f"settle anchor {_CITY}": "",
    f"settle balances {_CITY}": "",
    "settle check --ledger postgresql://127.0.0.1:1/none": "psycopg",
    f"settle upgrade {_CITY}": "",
    f"settle holds {_CITY}": "",
    f"settle run DAY.tsv --keys roots.json {_CITY} --out out": "",
    f"settle run DAY.tsv --keys roots.json {_CITY} --out out --cluster {_DEAD}": "distributed",
    f"settle serve --keys roots.json {_CITY} --listen 192.0.2.1:1": "uvicorn",
    f"settle show P51010000001202603151011120100 {_CITY}": "",
    f"settle statement {_PERIOD} --from 20260301 {_CITY}": "",
    f"settle statements --month 202603 --out html --format html {_CITY}": "",
    f"settle statements --month 202603 --out pdf {_CITY}": "weasyprint cffi:pdf PIL:pdf",
    f"settle statement {_PERIOD} --from 20260301 --page page.pdf {_CITY}":
        "weasyprint cffi:pdf PIL:pdf",
    "settle allocation-list A.csv --month 202603 --date 20260401 --batch 1 --out A.tsv": "",
    "settle pharmacy-list P.csv --out P.tsv": "",
    f"settle claim apply {_PERIOD} --month 202603 {_CITY}": "",
    f"settle claim apply --all --month 202603 {_CITY}": "",
    f"settle claim list {_CITY}": "",
    f"settle claim cancel 1 {_CITY}": "",
    f"settle claim due {_PERIOD} --month 202603 {_CITY}": "",
    f"settle claim pay 1 {_CITY}": "",
    f"settle claim status 1 {_CITY}": "",
    f"settle dispute list {_CITY}": "",
    f"settle dispute appeal 1.2 --by x --reason x {_CITY}": "",
    f"settle dispute accept 1.2 --operator x --reason x {_CITY}": "",
    f"settle dispute reject 1.2 --operator x --reason x {_CITY}": "",
    f"settle reconcile card card.ssc {_CITY}": "",
    f"settle reconcile card --reader x --pin 123456 {_CITY}": "smartcard",
    f"settle reconcile pharmacy DAY.tsv {_CITY}": "",
    f"service init --service-keys new.keys {_CITY}": "",
    f"service allocation-list --month 202603 --date 20260401 --out l.tsv {_KEYS}": "",
    f"service loss 990000199001010017 {_KEYS}": "",
    f"service lift 990000199001010017 {_KEYS}": "",
    f"service formal 990000199001010017 {_KEYS}": "",
    f"service ecard issue 990000199001010017 {_KEYS}": "",
    f"service ecard code 990000199001010017 {_KEYS}": "",
    f"service ecard decode {'1' * 28} {_KEYS}": "",
    f"service ecard unlink 990000199001010017 {_KEYS}": "",
    f"service ecard family list 990000199001010017 {_KEYS}": "",
    f"service ecard family add 990000199001010017 {_MEMBER} {_KEYS}": "",
    f"service ecard family end 990000199001010017 1 {_KEYS}": "",
    f"service paper --person 990000199001010017 --kind rights --out r.pdf {_KEYS}":
        "weasyprint cffi:pdf barcode pyhanko segno",
    f"service verify {'0' * 20} {_KEYS}": "",
    "service authority --service-keys service.keys": "",
    f"service ivr --text {_KEYS}": "",
    f"service perform balance account.json {_KEYS}": "",
    f"service person load account.json {_KEYS}": "",
    f"service audit verify {_KEYS}": "",
    f"service client list {_KEYS}": "",
    f"service client remove nobody {_KEYS}": "",
    f"service client add till-7 --channel till {_KEYS}": "",
    f"service serve --listen 192.0.2.1:1 {_KEYS}": "uvicorn:service pypinyin python_multipart",
    f"service kiosk --reader x --psam psam.ssc {_KEYS}": "smartcard pypinyin python_multipart",
    f"service apply 990000199001010017 {_KEYS}": "",
    f"service arrive {'0' * 16} {_KEYS}": "",
    f"service batch report june account.json {_KEYS}": "",
    f"service batch take june --out june.csv {_KEYS}": "",
    f"service collect 990000199001010017 {'0' * 16} {_KEYS}": "",
    f"service person export 990000199001010017 --out x.json {_KEYS}": "",
    f"service person erase 990000199001010017 --yes {_KEYS}": "",
    f"service hotlist --out h2.tsv {_CITY}": "",
    f"service progress {'0' * 16} {_KEYS}": "",
    f"service review {'0' * 16} {_KEYS}": "",
    "service synthesize CARDS.tsv --out persons": "",
    "service region": "",
    "settle synthesize --keys roots.json --out trial --cards 20 --pharmacies 2 --debits 20": "",
    "settle explain roots.json": "",
    "settle persons card.ssc --out PERSONS.tsv": "",
    f"settle qr card.ssc {_CITY}": "",
    f"settle stock --pharmacy P51010000001 {_CITY}": "",
    "completion bash": "",
}  # fmt: skip
"""Each command as it is typed in a folder with files, and the packages that it cannot do without
beside those of settlement; ``package:extra`` where another extra brings it."""


def leaves(group: click.Group, context: click.Context, path: str = "") -> Iterator[str]:
    """The commands below a group, by their words."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, context, f"{path}{name} ")
        else:
            yield f"{path}{name}"


def needed(line: str) -> dict[str, str]:
    """The packages that a line cannot do without, and the extra that each is named with."""
    own = LINES[line]
    if line.startswith("settle "):
        own += " numpy pyarrow sqlalchemy alembic jinja2"
    if line.startswith("service "):
        own += " numpy pyarrow sqlalchemy alembic jinja2 PIL argon2 fastapi holidays"
    found: dict[str, str] = {}
    for group in EXTRAS:
        for word in own.split():
            package, _, extra = word.partition(":")
            if package in group.split():
                found.setdefault(group, extra or EXTRAS[group])
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys, cards, tables and a ledger; commands work on copies of it."""
    folder = tmp_path_factory.mktemp("world")
    roots().save(folder / "roots.json")
    Card(card_memory(3, "sm4")).save(folder / "card.ssc")
    Card(psam_memory()).save(folder / "psam.ssc")
    own = bank()
    own.store.save(folder / "bank.json")  # type: ignore[attr-defined]
    assert own.authority is not None
    own.authority.save(folder / "ca.json")
    holder = {**HOLDER, "issue_date": "20200101", "expiry_date": "20460701"}
    account = {"pan": PAN, "oda": "sm2", "ecash": {"balance_fen": 500}}
    purse = {"balance_fen": 500, "deposit_fen": 20_000}
    for name, document in {
        "account.json": account,
        "holder.json": holder,
        "linked.json": {**holder, "bank": {**account, "state": "dormant"}},
        "purse.json": {**holder, "bank": {**account, "purse": purse}},
        "rider.json": {**holder, "transport": {"balance_fen": 5_000, "city": "5510"}},
    }.items():
        (folder / name).write_text(json.dumps(document), encoding="utf-8")
    shutil.copy(ROOT / "examples" / "transit.toml", folder)
    made = walk(
        folder,
        [
            f"issue --generation 3 --keys roots.json --holder linked.json --out linked.ssc {_BANK}",
            f"issue --generation 3 --keys roots.json --holder purse.json --out purse.ssc {_BANK}"
            " --ledger old.jsonl --operator 0012",
            "issue --generation 3 --keys roots.json --holder holder.json --out pki.ssc",
            "pki authority pki.json --certificate pki.pem",
            "pki init pki.ssc",
            "keys create transport.json --transport",
            "issue --generation 3 --keys roots.json --holder rider.json --out rider.ssc"
            f" {_TRANSPORT}",
            f"transit issue-keys {_TRANSPORT} --terminal-id 510100000001 --out gate.ssc",
            f"transit tap-in rider.ssc {_GATE.replace('gate.j', 'day.j')} --station 00010001",
            "transit day-file day.j --out one.trd",
            f"transit bus rider.ssc {_GATE.replace('gate.j', 'day.j')} --stop 01010001",
            "blank --out blank.ssc",
            "batch synthesize 2 --out two.csv",
            "settle card-list card.ssc --opening-fen 1000 --out CARDS.tsv",
            f"settle cards CARDS.tsv {_CITY}",
            f"service init {_KEYS}",
            f"pos sale --card card.ssc {_SALE}",
            f"pos sale --card card.ssc {_SALE} --day-file OTHER.tsv",
        ],
    )
    assert [code for code, _ in made] == [0] * len(made), made
    (folder / "A.csv").write_text("psn_no,yuan\n51000000000000000001,1.00\n", encoding="utf-8")
    (folder / "P.csv").write_text(
        "fixmedins_code,name,division,terminals,psams\n"
        "P51010000001,长生堂,510100,510100000001,51010000000100000001\n",
        encoding="utf-8",
    )
    for suffix in ("xlsx", "parquet"):
        (folder / f"two.{suffix}").write_bytes(b"nothing of the kind")
    return folder


def walk(folder: Path, lines: list[str], *without: str) -> list[tuple[int, str]]:
    """Code and stderr of lines in a process of their own that lacks some packages."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("without.py")), *without],
        cwd=folder, input=json.dumps(lines), capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "SSCARD_PASSPHRASE": "0" * 12,
             "SSCARD_NEW_PASSPHRASE": "0" * 12}, start_new_session=True,
    )  # fmt: skip
    return [(code, error) for code, error in json.loads(done.stdout)]


def _needs() -> dict[frozenset[str], list[str]]:
    """The lines by what they cannot do without; a cluster that is not there takes too long."""
    found: dict[frozenset[str], list[str]] = {}
    for line in LINES:
        if _DEAD not in line:
            found.setdefault(frozenset(needed(line)), []).append(line)
    return found


def test_every_command_has_a_line() -> None:
    known = set(leaves(cli, click.Context(cli)))
    assert {name for name in known if any(f"{line} ".startswith(f"{name} ") for line in LINES)} == (
        known
    )


@pytest.mark.parametrize("missing", EXTRAS)
def test_what_is_missing_is_named(missing: str, world: Path, tmp_path: Path) -> None:
    lines = [line for line in LINES if missing in needed(line)]
    for line, (code, error) in run(lines, world, tmp_path, missing).items():
        assert code in (1, 2), line
        assert error.count("\n") == 1, line
        extra = needed(line)[missing]
        text = f"is not installed: pip install '.[{extra}]' in a clone of sscard-chip"
        assert text in error, line


@pytest.mark.parametrize("needs", _needs(), ids=lambda needs: "-".join(sorted(needs)) or "nothing")
def test_nothing_else_is_missed(needs: frozenset[str], world: Path, tmp_path: Path) -> None:
    """Lines without every package that they do not need do what they do with everything."""
    lines = _needs()[needs]
    full = run(lines, world, tmp_path / "everything")
    bare = run(lines, world, tmp_path / "bare", *(set(EXTRAS) - needs))
    for line in lines:
        for code, error in (full[line], bare[line]):
            assert "internal error" not in error, line
            assert "pip install" not in error, line
            assert code == full[line][0], line


def run(lines: list[str], world: Path, tmp_path: Path, *missing: str) -> dict[str, tuple[int, str]]:
    """What lines do in a copy of the world, without these groups of packages."""
    copy = tmp_path / "world"
    shutil.copytree(world, copy)
    return dict(zip(lines, walk(copy, lines, *" ".join(missing).split()), strict=True))


_IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1].split():
    sys.modules[name] = None
from sscard_chip.standard.errors import ExtraMissingError
import issuance, sscard_chip, sscard_cli, sscard_driver
try:
    import sscard_service
except ExtraMissingError as error:
    print("sscard_service", error.extra)
for package in (issuance, sscard_chip, sscard_cli, sscard_driver):
    folders = [(package.__path__, package.__name__)]
    while folders:
        path, above = folders.pop()
        for one in pkgutil.iter_modules(path):
            name = f"{above}.{one.name}"
            try:
                module = importlib.import_module(name) if one.name != "__main__" else None
            except ExtraMissingError as error:
                print(name, error.extra)
            else:
                if one.ispkg:
                    folders.append((module.__path__, name))
"""


def test_importing_any_module_misses_nothing_but_a_named_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, " ".join(EXTRAS)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    found = dict(line.split() for line in done.stdout.splitlines())
    assert found["sscard_chip.settlement"] == "settlement"
    assert set(found.values()) == {"settlement"}
    assert found.pop("sscard_service") == "settlement"
    assert all(name.startswith(("sscard_chip.settlement", "sscard_cli.")) for name in found)
