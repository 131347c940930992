# SPDX-License-Identifier: Apache-2.0
"""The DLLs under Wine, called as programs on Windows call them; what goes wrong on the way."""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sscard_driver.libraries import LIBRARIES, Library
from sscard_driver.server import DriverServer, DriverServerError, read_token
from sscard_driver.windows import build
from sscard_driver.windows.files import FOLDER, DllError, read_sums, write_files
from tests.bench.desk import NAME, PAY, Desk
from tests.bench.issued import roots
from tests.native.native import Images
from tests.native.wine import COMPILER, Wine, windows_path, wine_or_skip

DRIVER_DLL = FOLDER / "win64" / "SSCardDriver.dll"
BASICS = ("iReadCardBas", "i:1", "b:1024")


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Wine:
    return wine_or_skip(tmp_path_factory.mktemp("wine"))


@contextmanager
def serving(images: Images, token: bytes = b"", port: int = 0, **options: str) -> Iterator[str]:
    """A driver server on the images; its address."""
    given = images.options | options
    environment = {f"SSCARD_DRIVER_{name.upper()}": text for name, text in given.items()}
    server = DriverServer(port=port, token=token, environment=environment)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"127.0.0.1:{server.address[1]}"
    finally:
        server.stop()
        thread.join()


@contextmanager
def listening(behave: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """A server that does something else with each connection; its address, and how many came."""
    came: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    came.append(1)
                    with connection, suppress(OSError):
                        behave(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", came
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


GOOD_HELLO = bytes.fromhex("00000004 00000000")


def greeted(answer: bytes) -> Callable[[socket.socket], None]:
    """Takes the hello, then answers the first request with these bytes and closes."""

    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(GOOD_HELLO)
        connection.recv(1 << 20)
        connection.sendall(answer)
        if not answer:
            connection.settimeout(10)
            connection.recv(1)  # until the library gives up

    return behave


@pytest.mark.parametrize("generation", [2, 3])
def test_a_card_is_read_and_pays(wine: Wine, tmp_path: Path, generation: int) -> None:
    images = Images.of(Desk(generation), tmp_path)
    desk, info = images.desk, images.desk.card_info
    with serving(images) as server:
        calls = {
            "iReadCardBas": ("i:1", "b:1024"),
            "iVerifyPIN": ("i:1", "b:1024"),
            "iReadCard": ("i:1", "i:1", f"s:{info}", "s:DF01EF05|20|21|$", "b:20480"),
            "iDoDebit": ("i:1", f"s:{info}", f"s:{PAY}", "b:1024"),
            "iReadDebitRecord": ("i:1", "b:20480"),
        }
        found = {
            name: wine.call(DRIVER_DLL, name, *values, server=server)[0]
            for name, values in calls.items()
        }
    expected = {
        "iReadCardBas": desk.call("iReadCardBas", 1),
        "iVerifyPIN": (0, ""),
        "iReadCard": desk.call("iReadCard", 1, 1, info, "DF01EF05|20|21|$"),
        "iDoDebit": desk.call("iDoDebit", 1, info, PAY),
        "iReadDebitRecord": desk.call("iReadDebitRecord", 1),
    }
    assert {name: (c.code, c.buffers[0]) for name, c in found.items()} == expected
    assert NAME in found["iReadCardBas"].buffers[0]


def test_the_medical_libraries(wine: Wine, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    basics = images.desk.call("iReadCardBas", 3)[1]
    with serving(images) as server:
        (call,) = wine.call(FOLDER / "win64/SSCard.dll", "VerifyPIN", "b:64", "i:64", server=server)
        assert (call.code, call.buffers) == (-3, ["Init must be called before"])
        (call,) = wine.call(
            FOLDER / "win64/HeaSecReadInfo.dll", "Init", "s:[]", "b:2048", server=server
        )
        assert (call.code, call.buffers) == (-14, ["pInitInfo: must be a JSON object"])
        command = ("NationEcTrans", "s:http://127.0.0.1:9/", 's:{"transType":"x","data":{}}')
        lines = wine.output(
            windows_path(FOLDER / "win64/NationECCode.dll"),
            *command,
            "b:8192",
            options={"server": server},
        )
        assert '"code": -12' in lines[1]
    assert NAME in basics


def test_programs_that_load_and_free_it_around_each_call(wine: Wine, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    with serving(images) as server:
        calls = wine.call(DRIVER_DLL, *BASICS, flags=("-f", "-n", "200"), server=server)
    assert len(calls) == 200
    assert {call.code for call in calls} == {0}
    assert len({call.buffers[0] for call in calls}) == 1


def test_eight_threads_and_two_programs_at_once(wine: Wine, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    arguments = ("-t", "8", "-n", "20", windows_path(DRIVER_DLL), *BASICS)
    with serving(images) as server:
        programs = [wine.start(*arguments, options={"server": server}) for _ in range(2)]
        outputs = [program.communicate(timeout=120)[0] for program in programs]
    assert outputs == [b"160 of 160\r\n"] * 2


def test_eight_threads_that_load_and_free_it_around_each_call(wine: Wine, tmp_path: Path) -> None:
    arguments = ("-f", "-t", "8", "-n", "20", windows_path(DRIVER_DLL), *BASICS)
    with serving(Images.of(Desk(2), tmp_path)) as server:
        assert wine.output(*arguments, options={"server": server}) == ["160 of 160"]


def test_a_name_whose_second_bytes_are_bars_and_backslashes(wine: Wine, tmp_path: Path) -> None:
    """皘 is B0 7C in GBK, 誠 D5 5C: eleven fields after decoding, more when bytes are split."""
    images = Images.of(Desk(2, name="林皘誠"), tmp_path)
    with serving(images) as server:
        (call,) = wine.call(DRIVER_DLL, *BASICS, server=server)
        info = images.desk.card_info
        file = ("i:1", "i:1", f"h:{info.encode('gbk').hex()}", "s:DF01EF05|20|$", "b:20480")
        (read,) = wine.call(DRIVER_DLL, "iReadCard", *file, server=server)
    assert call.code == 0
    fields = call.buffers[0].split("|")
    assert fields[4] == "林皘誠"
    assert len(fields) == 12  # a bar ends each of the eleven
    assert fields[4].encode("gbk") == bytes.fromhex("C1D6B07CD55C")
    assert read.code == 0


def test_hsm_steps_keep_the_terminal(tmp_path: Path) -> None:
    """From step 1 on another program waits until step 2, and both are answered."""

    def send(line: socket.socket, name: str, *parameters: bytes) -> None:
        content = b"\x0cSSCardDriver" + len(name).to_bytes() + name.encode()
        content += len(parameters).to_bytes() + b"".join(parameters) + bytes.fromhex("0100000400")
        line.sendall(len(content).to_bytes(4) + content)

    def answer(line: socket.socket) -> tuple[int, str]:
        with line.makefile("rb", buffering=0) as stream:
            content = b""
            while len(content) < 4 or len(content) < 4 + int.from_bytes(content[:4]):
                content += stream.read(4096) or b""
        return int.from_bytes(content[4:8], signed=True), content[12:].decode("gbk")

    def text(value: str) -> bytes:
        return b"s" + len(value.encode("gbk")).to_bytes(4) + value.encode("gbk")

    keys = tmp_path / "roots.json"
    roots().save(keys)
    contact = b"i" + (1).to_bytes(4)
    images = Images.of(Desk(3), tmp_path)
    with serving(images, keys=str(keys)) as server:
        host, _, port = server.partition(":")
        with (
            socket.create_connection((host, int(port)), timeout=30) as one,
            socket.create_connection((host, int(port)), timeout=30) as other,
        ):
            for line in (one, other):
                line.sendall(bytes.fromhex("00000006 53534344 0100"))
                assert line.recv(8) == GOOD_HELLO
            send(one, "iReadCardBas_HSM_Step1", contact)
            code, request = answer(one)
            assert code == 0
            send(other, "iReadCardBas", contact)
            other.settimeout(0.3)
            with pytest.raises(TimeoutError):
                other.recv(1)
            other.settimeout(30)
            send(one, "iHSM_Answer", text("iReadCardBas_HSM_Step1"), text(request))
            code, key = answer(one)
            assert code == 0
            send(one, "iReadCardBas_HSM_Step2", text(key))
            assert answer(one) == images.desk.call("iReadCardBas", 1)
            assert answer(other) == images.desk.call("iReadCardBas", 1)


def test_a_connection_that_is_reset_and_what_needs_none(wine: Wine) -> None:
    """A reset is -4 at once and never sent again; NULL is -14 without traffic."""

    def reset(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(GOOD_HELLO)
        connection.recv(1 << 20)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with listening(reset) as (server, came):
        (call,) = wine.call(DRIVER_DLL, "iReadCardBas", "i:1", "n", server=server)
        assert (call.code, came) == (-14, [])
        debit = ("i:1", "s:x", "s:y", "b:1024")
        (call,) = wine.call(DRIVER_DLL, "iDoDebit", *debit, server=server, answer_ms="30000")
        assert (call.code, came) == (-4, [1])
    assert call.milliseconds < 20_000


def test_nobody_serves(wine: Wine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    (call,) = wine.call(DRIVER_DLL, *BASICS, server=address)
    assert call.code == -12
    assert "sscard driver-server" in call.buffers[0]


def test_a_server_that_does_not_greet(wine: Wine) -> None:
    def nothing(connection: socket.socket) -> None:
        connection.settimeout(10)
        while connection.recv(4096):
            pass

    with listening(nothing) as (server, _):
        (call,) = wine.call(DRIVER_DLL, *BASICS, server=server, connect_ms="700")
    assert call.code == -12
    assert 600 <= call.milliseconds < 10_000


def test_a_server_that_hangs_is_asked_once(wine: Wine) -> None:
    with listening(greeted(b"")) as (server, came):
        (call,) = wine.call(DRIVER_DLL, *BASICS, server=server, answer_ms="700")
        assert came == [1]
    assert (call.code, call.buffers) == (-4, ["the driver server gave no answer"])
    assert call.milliseconds >= 600


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("00000004 00000000", -5),  # no buffer
        ("00000003 000000", -4),
        ("00000003 00000000", -5),
        ("FFFFFFFF 00000000 FFFFFFFF", -5),
        ("00000408 00000000 00000400" + "31" * 1024, -5),  # no room for the NUL
        ("0000000C 00000000 00000001 31 00000000", -5),  # more than one
        ("00000010 00000000 00000008 3131", -4),  # cut
    ],
)
def test_answers_that_are_wrong(wine: Wine, answer: str, code: int) -> None:
    """The caller looks at what is behind its buffer."""
    with listening(greeted(bytes.fromhex(answer))) as (server, came):
        (call,) = wine.call(DRIVER_DLL, *BASICS, server=server, answer_ms="3000")
        assert came == [1]
    assert call.code == code


def test_a_server_that_was_started_anew(wine: Wine, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    with serving(images) as server:
        program = wine.start(
            "-n",
            "2",
            "-s",
            "1500",
            windows_path(DRIVER_DLL),
            *BASICS,
            options={"server": server},
        )
        assert program.stdout is not None
        assert program.stdout.readline().startswith(b"0 ")
        program.stdout.readline()
    with serving(images, port=int(server.rpartition(":")[2])):
        rest = program.communicate(timeout=60)[0]
    assert rest.startswith(b"0 ")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (("i:1", "n"), -14),
        (("i:9", "b:1024"), -14),
    ],
)
def test_basics_with_wrong_parameters(
    wine: Wine, tmp_path: Path, values: tuple[str, ...], code: int
) -> None:
    with serving(Images.of(Desk(2), tmp_path)) as server:
        (call,) = wine.call(DRIVER_DLL, "iReadCardBas", *values, server=server)
    assert call.code == code


def test_parameters_of_a_debit(wine: Wine, tmp_path: Path) -> None:
    cases = [
        (("i:1", "n", "s:x", "b:1024"), -14),
        (("i:1", "l:70000", "s:x", "b:1024"), -42),
        (("i:1", "l:65535", "s:x", "b:1024"), -14),
        (("i:1", "h:FFFF7C", "s:x", "b:1024"), -41),
    ]
    with serving(Images.of(Desk(2), tmp_path)) as server:
        for values, code in cases:
            (call,) = wine.call(DRIVER_DLL, "iDoDebit", *values, server=server)
            assert call.code == code, values
        (call,) = wine.call(DRIVER_DLL, "iReloadPIN", "i:1", "b:1024", "p:1", server=server)
        assert call.code == -14


def test_the_token(wine: Wine, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    token = "correct horse battery"
    with serving(images, token=token.encode()) as server:
        for shown, code in ((token, 0), ("", -12), (token + "x", -12)):
            (call,) = wine.call(DRIVER_DLL, *BASICS, server=server, token=shown)
            assert call.code == code
            assert token not in call.buffers[0]


def test_settings_beside_the_dll(wine: Wine, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    folder = tmp_path / "程序"
    write_files(folder)
    library = folder / "win64" / "SSCardDriver.dll"
    with serving(images) as server:
        settings = folder / "win64" / "SSCardDriver.ini"
        settings.write_text(f"[driver]\r\nserver={server}\r\n")
        # A path outside of the code page of a program cannot be loaded by its narrow name.
        beside = tmp_path / "app"
        (folder / "win64").rename(beside)
        (call,) = wine.call(beside / library.name, *BASICS)
    assert call.code == 0


def test_other_machines_need_a_token(tmp_path: Path) -> None:
    with pytest.raises(DriverServerError, match="need a token"):
        DriverServer("0.0.0.0")
    file = tmp_path / "token"
    for text in ("short", "x" * 300, "ümlaut ümlaut ümlaut"):
        file.write_text(text)
        with pytest.raises(DriverServerError, match="16 to 255 printable ASCII"):
            read_token(file)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"GET / HTTP/1.1\r\n", b""),  # its length is too long
        (bytes.fromhex("00000006 47455420 0100"), b"speaks with its libraries alone"),
        (bytes.fromhex("00000006 53534344 0200"), b"another version"),
        (bytes.fromhex("00000007 53534344 0102 41"), b"too short"),
        (bytes.fromhex("00000007 53534344 0100 41"), b"too long"),
    ],
)
def test_what_is_no_hello(tmp_path: Path, sent: bytes, said: bytes) -> None:
    with serving(Images.of(Desk(2), tmp_path)) as server:
        host, _, port = server.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(sent)
            answer = connection.recv(4096)
    assert answer[4:8] == bytes.fromhex("FFFFFFF4")
    assert said in answer


@pytest.mark.parametrize(
    "request_",
    [
        "",
        "0C",
        "0C 5353436172644472697665 72 01 78 00 00",  # no such function
        "01 78 01 78 00 00",  # no such library
        "0C 535343617264447269766572 0C 69526561644361726442617 3 00 01 00000400",
        "0C 535343617264447269766572 0C 695265616443617264426173 00 01 00000400",
        "0C 535343617264447269766572 0C 695265616443617264426173 01 78 01 00000400",
        "0C 535343617264447269766572 0C 695265616443617264426173 01 69 00000001 00",
        "0C 535343617264447269766572 0C 695265616443617264426173 01 69 00000001 01 00000000",
        "0C 535343617264447269766572 0C 695265616443617264426173 01 73 7FFFFFFF 01 00000400",
        "0C 535343617264447269766572 0C 695265616443617264426173 FF",
    ],
)
def test_what_is_no_request(tmp_path: Path, request_: str) -> None:
    """Refused in words, the connection closed, and the next program served."""
    content = bytes.fromhex(request_.replace(" ", ""))
    with serving(Images.of(Desk(2), tmp_path)) as server:
        host, _, port = server.partition(":")
        for _ in range(2):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(bytes.fromhex("00000006 53534344 0100"))
                assert connection.recv(4096) == GOOD_HELLO
                connection.sendall(len(content).to_bytes(4) + content)
                answer = connection.recv(4096)
                assert answer[4:8] == bytes.fromhex("FFFFFFF4")
                assert connection.recv(1) == b""


def test_the_dlls_are_those_that_this_source_makes() -> None:
    if shutil.which(COMPILER) is None:
        pytest.skip("needs mingw-w64")
    assert "15 DLLs" in build.check_dlls()


def test_the_sums_name_every_dll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, sums = read_sums(FOLDER)
    assert len(sums) == 3 * len(LIBRARIES)
    for name, digest in sums.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest
    written = write_files(tmp_path / "out")
    assert {p.name for p in written} >= {"SSCardDriver.dll", "SSCardDriver.h", "SSCardDriver.ini"}
    settings = tmp_path / "out" / "win32" / "SSCardDriver.ini"
    settings.write_text("[driver]\nserver=x\n")
    write_files(tmp_path / "out")
    assert settings.read_text() == "[driver]\nserver=x\n"
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "SHA256SUMS").write_text((FOLDER / "SHA256SUMS").read_text())
    monkeypatch.setattr("sscard_driver.windows.files.FOLDER", copy)
    with pytest.raises(DllError, match="is not the file that was shipped"):
        write_files(tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("target", build.TARGETS, ids=lambda target: target.folder)
@pytest.mark.parametrize("library", LIBRARIES.values(), ids=lambda library: library.name)
def test_what_a_dll_exports_and_needs(library: Library, target: build.WindowsTarget) -> None:
    """By the tables in the file: stdcall names with and without their decoration; two systems."""
    name = library.name
    exports = LIBRARIES[name].exports
    tool = target.compiler.replace("gcc-win32", "objdump")
    if shutil.which(tool) is None:
        pytest.skip("needs mingw-w64")
    path = FOLDER / target.folder / f"{name}.dll"
    listing = subprocess.check_output([tool, "-p", path], text=True)
    _, _, table = listing.partition("[Ordinal/Name Pointer] Table")
    found = set(re.findall(r"^\s+\[\s*\d+\](?: \+base\[\s*\d+\]\s+[0-9a-f]+)? (\S+)$", table, re.M))
    wanted = set(exports)
    if target.folder == "win32":
        wanted |= {f"_{e.name}@{4 * e.words}" for e in exports.values()}
    assert found == wanted
    needs = {n.upper() for n in re.findall(r"DLL Name: (\S+)", listing)}
    assert needs <= {"KERNEL32.DLL", "WS2_32.DLL"}
