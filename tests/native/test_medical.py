# SPDX-License-Identifier: Apache-2.0
"""HeaSecReadInfo, SSCard and NationECCode as programs load them, each beside the others."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sscard_chip.dayfile.business_string import BusinessStrings
from sscard_driver.library import DriverLibrary
from sscard_driver.terminal import SharedTerminal
from tests.bench.desk import NAME, Desk
from tests.bench.issued import roots
from tests.native.native import Images, Native, environment, execute

# Values are invented: 990000 is no division.
IDENTITY = {
    "format": "sscard-identity-card/1",
    "name": "林知夏",
    "sex": "女",
    "nation": "汉",
    "birth_date": "20010203",
    "address": "虚构省样本市示例路1号",
    "number": "990000200102030012",
    "issue_date": "20200101",
    "expiry_date": "长期",
    "authority": "虚构市公安局",
}
SFZ = "林知夏|女|汉|20010203|虚构省样本市示例路1号|990000200102030012|20200101|长期|虚构市公安局|"
QR = "1234567890123456789012" + "990000"
PERSON = {"userName": "林知夏", "idNo": "990000200102030012", "ecToken": "990000ec" + "a1" * 15}
QUERY = {
    "orgId": "P99000000001",
    "transType": "ec.query",
    "data": {"businessType": "01301", "operatorId": "1", "officeId": "2"},
    "extra": "",
}

# As the Python programs of the field do: one library global, another beside it, UTF-8.
PROGRAM_PY = r"""
import ctypes, json, sys
from pathlib import Path
folder, url = Path(sys.argv[1]).parent, sys.argv[2]
ctypes.CDLL(str(folder / "libdcrf32.so"), mode=ctypes.RTLD_GLOBAL)
medical = ctypes.cdll.LoadLibrary(str(folder / "libHeaSecReadInfo.so"))
other = ctypes.CDLL(str(folder / "libSSCard.so"))
credential = ctypes.CDLL(str(folder / "libNationECCode.so"))
driver = ctypes.CDLL(str(folder / "libSSCardDriver.so"))
credential.NationEcTrans.restype = ctypes.c_char_p
a, b = ctypes.create_string_buffer(8192), ctypes.create_string_buffer(8192)
said = []
def say(code, *outs):
    code = code if isinstance(code, int) else code.decode()
    said.append([code, *(o.value.decode() for o in outs)])
medical.TestingFun()
argv = (ctypes.c_char_p * 1)(b"x")
assert medical.dllmain(1, argv) == 0
say(medical.ReadCardBas(a, b), a, b)
say(medical.Init(b'{"IP":"test.srv","PORT":7020,"TIMEOUT":6,"LOG_PATH":"/home/x"}', a), a)
say(medical.ReadCardBas(a, b), a, b)
say(driver.iReadCardBas(3, a), a)
other.Init(url.encode(), None)
say(other.ReadCardBas(a, 1024, b, 512), a, b)
say(other.ReadCardBas(a, 16, b, 512), a)
say(other.GetQRBase(1000, a, 8192, b, 8192), a, b)
say(credential.NationEcTrans(url.encode(), sys.argv[3].encode(), a), a)
say(credential.NationEcTrans(b"http://127.0.0.1:9/", sys.argv[3].encode(), a), a)
print(json.dumps(said))
"""


@contextmanager
def service(answer: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A service of the electronic credential: its address, and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/localcfc/api/hsecfc/localQrCodeQuery", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def identity_file(folder: Path, **changed: str) -> str:
    path = folder / "identity.json"
    path.write_text(json.dumps(IDENTITY | changed), "utf-8")
    return str(path)


def test_programs_of_the_field_with_all_libraries_at_once(native: Native, tmp_path: Path) -> None:
    images = Images.of(Desk(3), tmp_path)
    options = images.options | {"encoding": "utf-8", "qr": QR}
    answer = {"code": 0, "message": "", "data": PERSON}
    with service(answer) as (url, asked):
        command = [sys.executable, "-c", PROGRAM_PY, str(native.library), url, json.dumps(QUERY)]
        said = json.loads(execute(command, environment(options) | {"PYTHONUTF8": "1"}))
    before, init, read, driver, other, short, qr, trans, away = said
    assert before[0] == -3
    assert init == [0, ""]
    assert driver[1].split("|")[4] == NAME
    assert read[:2] == driver == other[:2]
    assert [len(read[2]), len(other[2])] == [228, 228]
    assert short[0] == -42
    assert qr[0] == 0
    assert json.loads(qr[1]) == PERSON
    assert trans[0] == "0000"
    assert json.loads(trans[1]) == answer
    assert [request["data"]["ecQrCode"] for request in asked] == [QR, QR]
    assert asked[1] | {"data": QUERY["data"]} == QUERY
    assert away[0] == "9999"
    assert json.loads(away[1])["code"] == -12


def test_a_c_program(native: Native, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    options = images.options | {"identity_card": identity_file(tmp_path), "qr": QR}
    with service({"code": 0, "message": "", "data": json.dumps(PERSON)}) as (url, _):
        init = json.dumps({"EC_URL": url, "PORT": "7020", "CARD_PASSTYPE": "1"})
        command = [str(native.directory / "medical_test"), init, json.dumps(QUERY)]
        lines = execute(command, environment(options)).decode("gb18030").splitlines()
    assert lines[:5] == ["Init 0", "", "VerifyPIN 0", "", "ReadCardBas 0"]
    assert lines[5] == images.desk.call("iReadCardBas", 3)[1]
    assert lines[7:9] == ["ReadSFZ 0", SFZ]
    assert lines[10] == "EcQuery 0"
    assert json.loads(json.loads(lines[11])["data"]) == PERSON


def library(images: Images, **options: str) -> DriverLibrary:
    given = images.options | options
    return DriverLibrary({f"SSCARD_DRIVER_{name.upper()}": value for name, value in given.items()})


def heasec(called: DriverLibrary, name: str, *arguments: int | bytes) -> tuple[int, list[str]]:
    code, data = called.answer("HeaSecReadInfo", name, arguments, [8192, 8192])
    return code, [text.rstrip(b"\0").decode("gb18030") for text in data]


def test_the_second_string_is_the_centres(tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    key = tmp_path / "centre.key"
    key.write_text("0f" * 32 + "\n")
    called = library(images, business_key=str(key), identity_card=identity_file(tmp_path))
    assert heasec(called, "Init", b"{}")[0] == 0
    _, (card, business) = heasec(called, "ReadCardBas")
    reading = BusinessStrings(b"\x0f" * 32).check(business, at=_now())
    assert card.split("|")[2:4] == [reading.card_number, reading.card_id_code.hex().upper()]
    _, (_, business) = heasec(called, "ReadSFZ", b"")
    reading = BusinessStrings(b"\x0f" * 32).check(business, at=_now())
    assert (reading.card_number, reading.card_id_code) == (IDENTITY["number"], bytes(16))
    key.write_text("0f" * 31)
    called.close()
    code, (text, business) = heasec(called, "ReadCardBas")
    assert (code, business) == (-12, "")
    assert "64 hex digits" in text


def _now() -> int:
    return int(time.time())


def test_a_card_of_generation_3_is_opened_with_the_root_keys(tmp_path: Path) -> None:
    images = Images.of(Desk(3), tmp_path)
    roots().save(tmp_path / "roots.json")
    called = library(images, psam="", keys=str(tmp_path / "roots.json"))
    assert heasec(called, "Init", b"{}")[0] == 0
    code, (text, _) = heasec(called, "ReadCardBas")
    assert (code, text.split("|")[4]) == (0, NAME)
    called.close()
    called = library(images, psam="")
    heasec(called, "Init", b"{}")
    code, (text, business) = heasec(called, "ReadCardBas")
    assert (code, business) == (-2201, "")
    assert NAME not in text
    called.close()


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"null", b"[" * 60_000])
def test_init_wants_an_object(tmp_path: Path, text: bytes) -> None:
    called = DriverLibrary({})
    assert heasec(called, "Init", text) == (-14, ["pInitInfo: must be a JSON object", ""])
    assert heasec(called, "ReadCardBas")[0] == -3


def test_a_pin_that_a_database_has(tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    called = library(images)
    heasec(called, "Init", b'{"CARD_PASSTYPE": 2}')
    assert heasec(called, "VerifyPIN")[0] == -14
    heasec(called, "Init", b'{"CARD_PASSTYPE": "1"}')
    assert heasec(called, "VerifyPIN")[0] == 0
    called.close()
    called = library(images, pin="999999")
    heasec(called, "Init", b"{}")
    code, (text, _) = heasec(called, "VerifyPIN")
    assert code == -51
    assert "999999" not in text
    called.close()


def test_the_picture_of_an_identity_card(tmp_path: Path) -> None:
    (tmp_path / "face.jpg").write_bytes(b"JPEG")
    options = {"SSCARD_DRIVER_IDENTITY_CARD": identity_file(tmp_path, photo="face.jpg")}
    called = DriverLibrary(options)
    heasec(called, "Init", b"{}")
    picture = tmp_path / "out.jpg"
    assert heasec(called, "ReadSFZ", str(picture).encode())[1][0] == SFZ
    assert picture.read_bytes() == b"JPEG"
    code, (text, _) = heasec(called, "ReadSFZ", str(tmp_path / "none" / "x.jpg").encode())
    assert (code, text) == (-23, "pPath: No such file or directory")
    assert heasec(DriverLibrary({}), "ReadSFZ", b"")[0] == -3


def test_an_identity_card_that_cannot_be_shown(tmp_path: Path) -> None:
    options = {"SSCARD_DRIVER_IDENTITY_CARD": identity_file(tmp_path, address="路|1号", sex="x")}
    called = DriverLibrary(options)
    heasec(called, "Init", b"{}")
    code, (text, _) = heasec(called, "ReadSFZ", b"")
    assert code == -12
    assert "address: must be 1 to 70 characters, none of | ^ $" in text
    assert "sex: must be 男 or 女" in text


def test_whose_card_it_is(tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    with service({"code": 0, "message": "", "data": PERSON}) as (url, _):
        called = library(images, identity_card=identity_file(tmp_path), qr=QR, centre=url)
        heasec(called, "Init", b"{}")
        by_card, by_identity, by_code = (
            json.loads(heasec(called, "GetPersonInfo", request)[1][0])
            for request in (b"{}", b'{"mdtrt_cert_type":"02"}', b'{"mdtrt_cert_type":"01"}')
        )
    fields = images.desk.call("iReadCardBas", 3)[1].split("|")
    number, business = by_card["mdtrt_cert_no"].split("|")
    assert [by_card["psn_name"], by_card["certno"], number] == [fields[4], fields[1], fields[2]]
    assert business == by_card["busi_info"]
    assert by_identity["mdtrt_cert_no"] == IDENTITY["number"]
    assert by_code["mdtrt_cert_no"] == PERSON["ecToken"]
    assert heasec(called, "GetPersonInfo", b'{"mdtrt_cert_type":"07"}')[0] == -14
    called.close()


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({}, -31, "no QR code was shown"),
        ({"qr": "卡"}, -23, "what was read is no QR code of a credential"),
        ({"qr_program": "/bin/false"}, -31, "no QR code was shown"),
        ({"qr_program": "sleep 20"}, -32, "no QR code was shown in time"),
        ({"qr_program": "'"}, -12, "qr_program: must be a command line"),
    ],
)
def test_a_scanner_that_reads_nothing(options: dict[str, str], code: int, text: str) -> None:
    called = DriverLibrary({f"SSCARD_DRIVER_{name.upper()}": v for name, v in options.items()})
    heasec(called, "Init", b'{"EC_URL":"http://127.0.0.1:9/x","TIMEOUT":0.2}')
    found, (answer, _) = heasec(called, "EcQuery", json.dumps(QUERY).encode())
    assert found == code
    assert json.loads(answer) == {"code": code, "message": text, "data": None}


def test_a_program_that_reads_the_code(tmp_path: Path) -> None:
    with service({"code": -1, "message": "used", "data": None}) as (url, asked):
        called = DriverLibrary({"SSCARD_DRIVER_QR_PROGRAM": f"echo {QR}"})
        heasec(called, "Init", json.dumps({"EC_URL": url}).encode())
        code, (answer, _) = heasec(called, "EcQuery", json.dumps(QUERY).encode())
        assert (code, json.loads(answer)["message"]) == (0, "used")
        assert asked[0]["data"]["ecQrCode"] == QR
        code, (answer, _) = heasec(called, "GetPersonInfo", b'{"mdtrt_cert_type":"01"}')
        assert (code, answer) == (-23, "used")


@pytest.mark.parametrize("url", [b"", b"ftp://x/", b"file:///etc/passwd", b"http://[::1"])
def test_an_address_that_is_none(url: bytes) -> None:
    called = DriverLibrary({"SSCARD_DRIVER_QR": QR})
    code, _ = called.answer(
        "NationECCode", "NationEcTrans", [url, json.dumps(QUERY).encode()], [8192]
    )
    assert code in (-14, -12)


def test_the_steps_of_one_program_are_not_disturbed_by_another(tmp_path: Path) -> None:
    """Two programs on one terminal: the second waits until the first has done its last step."""
    images = Images.of(Desk(2), tmp_path)
    roots().save(tmp_path / "roots.json")
    given = images.options | {"keys": str(tmp_path / "roots.json")}
    terminal = SharedTerminal(
        {f"SSCARD_DRIVER_{name.upper()}": text for name, text in given.items()}
    )
    first, second = DriverLibrary(terminal=terminal), DriverLibrary(terminal=terminal)
    code, request = first.call("iReadCardBas_HSM_Step1", [1], 1024)
    assert code == 0
    done: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: done.append(second.call("iReadCardBas", [1], 1024)))
    thread.start()
    thread.join(0.2)
    assert not done
    code, key = first.call("iHSM_Answer", [b"iReadCardBas_HSM_Step1", request[:-1]], 1024)
    assert code == 0
    assert first.call("iReadCardBas_HSM_Step2", [key[:-1]], 1024)[0] == 0
    thread.join(10)
    assert done[0][0] == 0
    first.call("iReadCardBas_HSM_Step1", [1], 1024)
    first.end()  # its connection has gone
    assert second.call("iReadCardBas", [1], 1024)[0] == 0
    terminal.close()


def test_steps_that_nobody_goes_on_with(tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    given = {f"SSCARD_DRIVER_{name.upper()}": text for name, text in images.options.items()}
    terminal = SharedTerminal(given, hold_s=0.2)
    first, second = DriverLibrary(terminal=terminal), DriverLibrary(terminal=terminal)
    assert first.call("iReadCardBas_HSM_Step1", [1], 1024)[0] == 0
    assert second.call("iReadCardBas", [1], 1024)[0] == 0
    assert first.call("iReadCardBas_HSM_Step2", [b"00|"], 1024)[0] in (-3, -14, -42)
    terminal.close()
