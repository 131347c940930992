# SPDX-License-Identifier: Apache-2.0
"""The process that tills talk to: many at once, killed at any moment, and what HTTP may bring."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from sscard_chip.dayfile.authoriser import (
    CentreNoAnswerError,
    CentreRefusedError,
    CentreUnreachableError,
)
from sscard_chip.dayfile.centre import PlatformAuthoriser
from sscard_chip.dayfile.envelope import compact
from sscard_chip.settlement.ledger import Ledger, LedgerUnavailableError
from sscard_chip.settlement.platform import HOLD
from sscard_chip.settlement.serve import MOST_BODY, MessageQueue, TooBusyError
from sscard_chip.standard.settlement_mode import SettlementMode
from sscard_chip.terminal.pos.online import CentreUrlError, HttpCentre
from tests.bench.issued import roots
from tests.bench.shop import BILL, TIME, Shop
from tests.ports import free_port
from tests.settlement.platform.centre import (
    BALANCE,
    CARD,
    balances,
    bill,
    confirmation,
    message,
    open_centre,
    open_platform,
    person,
)
from tests.settlement.platform.test_till import MONEY, SETTLED, enter
from tests.settlement.platform.together import together

ROOT: Final = Path(__file__).resolve().parents[3]
YUAN: Final = bill("1.00", extra=f'{{"card_sn": "{CARD}", "split": [100, 0, 0]}}')
POLICY: Final = """\
format = "sscard-policy/1"
[pool.41]
percent = 100
deductible_fen = 1500
"""
_SERVE: Final = "import sys; from sscard_cli.main import main; sys.exit(main(sys.argv[1:]))"


class Centre:
    """A serving process; ``url`` is where. It may be killed and started anew on one port."""

    def __init__(
        self, folder: Path, ledger_url: str, policy: str = "", options: Sequence[str] = ()
    ) -> None:
        """With ``options`` it has these in place of a test clock."""
        self._folder = folder
        self._options = list(options) or ["--test-clock"]
        self._ledger_url = ledger_url
        self._listen = f"127.0.0.1:{free_port()}"
        roots().save(folder / "roots.json")
        (folder / "policy.toml").write_text(policy or POLICY)
        self.start()

    def start(self) -> None:
        arguments = ["--keys", "roots.json", "--policy", "policy.toml", *self._options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, "settle", "serve", "--listen", self._listen, *arguments],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SSCARD_LEDGER": self._ledger_url},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("serving ")
        self.url = line.split()[-1]
        self._listen = self.url.removeprefix("http://")

    def end(self, how: signal.Signals) -> str:
        """AsgiSend a signal; what it says last."""
        self.process.send_signal(how)
        out, _ = self.process.communicate(timeout=30)
        return out


@pytest.fixture
def centre(ledger: Ledger, ledger_url: str, tmp_path: Path) -> Iterator[Centre]:
    open_centre(ledger)
    folder = tmp_path / "centre"
    folder.mkdir()
    served = Centre(folder, ledger_url)
    yield served
    if served.process.poll() is None:
        served.end(signal.SIGKILL)


def sell(send: Any, number: int) -> bytes:
    """Hold and confirm one yuan; both answers."""
    held = send(message(HOLD, number, YUAN))
    assert held["infcode"] == 0, held["err_msg"]
    done = send(message("2102", 1000 + number, confirmation(held["output"]["setlinfo"], number)))
    assert done["infcode"] == 0, done["err_msg"]
    return compact([held, done]).encode()


# --- many tills ----------------------------------------------------------------------------------


def test_many_tills_at_once(ledger: Ledger, centre: Centre) -> None:
    def till(first: int) -> list[bytes]:
        with HttpCentre(centre.url) as line:
            return [sell(line, number) for number in range(first, first + 5)]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(till, range(1, 41, 5)))
    assert len({one for answers in found for one in answers}) == 40
    assert balances(ledger) == {"personal": BALANCE - 4000, "pharmacy": 4000}


def test_killed_at_any_moment(ledger: Ledger, centre: Centre) -> None:
    """What was answered is done; sent again it is answered the same; the rest follows, once."""
    answers: dict[int, bytes] = {}
    for killed in range(3):
        halt, told = threading.Event(), threading.Semaphore(0)

        def till(
            first: int, halt: threading.Event = halt, told: threading.Semaphore = told
        ) -> None:
            with HttpCentre(centre.url, seconds=5) as line:
                for number in range(first, first + 30):
                    try:
                        answer = sell(line, number)
                    except (CentreNoAnswerError, CentreUnreachableError):
                        return
                    assert answers.setdefault(number, answer) == answer
                    told.release()
                    if halt.is_set():
                        return

        tills = [threading.Thread(target=till, args=(1 + 30 * at,)) for at in range(3)]
        for one in tills:
            one.start()
        for _ in range(2 + 3 * killed):
            assert told.acquire(timeout=60)
        centre.end(signal.SIGKILL)
        halt.set()
        for one in tills:
            one.join()
        assert ledger.check().problems == ()
        centre.start()
    with HttpCentre(centre.url) as line:
        for number in sorted(answers):
            assert sell(line, number) == answers[number]
        for number in range(1, 91):
            sell(line, number)
    assert answers
    assert balances(ledger) == {"personal": BALANCE - 9000, "pharmacy": 9000}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_end(ledger: Ledger, centre: Centre, how: signal.Signals) -> None:
    with HttpCentre(centre.url) as line:
        sell(line, 1)
        assert centre.end(how) == "ended, every message answered\n"
        assert centre.process.returncode == 0
        with pytest.raises(CentreNoAnswerError):  # sent on the old line, perhaps
            line(message(HOLD, 2, YUAN))
        with pytest.raises(CentreUnreachableError):
            line(message(HOLD, 2, YUAN))
    assert balances(ledger) == {"personal": BALANCE - 100, "pharmacy": 100}


def test_a_till_of_ours_sells(ledger: Ledger, centre: Centre, tmp_path: Path) -> None:
    with HttpCentre(f"{centre.url}/fsi/api") as line:
        shop = Shop(
            tmp_path, 3, "sm4", mode=SettlementMode.ONLINE, authoriser=PlatformAuthoriser(line)
        )
        enter(ledger, shop, psn_no="P0077", source="shop")
        with shop.till() as till:
            outcome = till.sell(BILL, TIME)
    assert outcome.warnings == ()
    assert balances(ledger) == SETTLED | {"personal": BALANCE + MONEY - 1000}


# --- groups --------------------------------------------------------------------------------------


def test_a_group_is_one_commit(tmp_path: Path) -> None:
    """A message that fails takes nothing of its neighbours with it."""
    from sqlalchemy import event

    with Ledger.open(tmp_path / "city.db") as ledger:
        open_centre(ledger)
        platform = open_platform(ledger)
        commits: list[None] = []
        event.listen(ledger.database.engine, "commit", lambda _: commits.append(None))
        asked = f'{{"card_sn": "{CARD}", "split": [10100, 0, 0]}}'
        much = bill("101.00", extra=asked, med_type="14")
        told = together(
            platform,
            [
                message(HOLD, 9, YUAN),
                message(HOLD, 1, YUAN),
                message(HOLD, 2, much),
                message(HOLD, 1, bill("2.00")),  # the msgid was used for something else
                message(HOLD, 3, YUAN),
            ],
        )
        assert [one["infcode"] for one in told] == [0, 0, -1, -1, 0]
        assert len(commits) == 2  # the first, then all that had come meanwhile
        assert balances(ledger) == {"personal": BALANCE - 300, "held": 300}


def test_a_message_that_nobody_expected_to_fail_fails_alone(tmp_path: Path) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("of nobody")

    with Ledger.open(tmp_path / "city.db") as ledger:
        open_centre(ledger)
        platform = open_platform(ledger, extra={"9101": broken})
        upload = {"fsUploadIn": {"in": "AAAA", "filename": "a", "fixmedins_code": "P"}}
        asked = [
            message(HOLD, 9, YUAN),
            message(HOLD, 1, YUAN),
            message("9101", 2, upload),
            message(HOLD, 3, YUAN),
        ]
        told = together(platform, asked)
        assert [type(one) for one in told] == [dict, dict, ValueError, dict]
        assert balances(ledger) == {"personal": BALANCE - 300, "held": 300}


def test_nobody_is_answered_when_the_commit_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.open(tmp_path / "city.db") as ledger:
        open_centre(ledger)
        platform = open_platform(ledger)

        def gone(_: Any) -> Any:
            raise LedgerUnavailableError("gone")

        with MessageQueue(platform) as queue:
            monkeypatch.setattr(ledger, "run", gone)
            waiting = queue.answer(json.dumps(message(HOLD, 1, YUAN)).encode())
            with pytest.raises(LedgerUnavailableError):
                waiting.result(10)
            asked = queue.answer(json.dumps(message("1101", 2, person())).encode())
            assert json.loads(asked.result(10))["infcode"] == 0


def test_too_many_are_not_begun(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    open_centre(ledger)
    platform = open_platform(ledger)
    free = threading.Event()
    right = platform.handle_json

    def slow(asked: Any) -> Any:
        free.wait(20)
        return right(asked)

    monkeypatch.setattr(platform, "handle_json", slow)
    with MessageQueue(platform, waiting=2) as queue:
        first = queue.answer(json.dumps(message(HOLD, 1, YUAN)).encode())
        queue.answer(json.dumps(message(HOLD, 2, YUAN)).encode())
        with pytest.raises(TooBusyError):
            queue.answer(json.dumps(message(HOLD, 3, YUAN)).encode())
        free.set()
        assert json.loads(first.result(10))["infcode"] == 0
    with pytest.raises(TooBusyError):
        queue.answer(b"{}")
    assert balances(ledger) == {"personal": BALANCE - 200, "held": 200}


# --- HTTP ----------------------------------------------------------------------------------------


def ask(centre: Centre, method: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    host = centre.url.removeprefix("http://")
    connection = HTTPConnection(host, timeout=20)
    connection.request(method, "/anything", body, headers)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


def test_what_is_no_message(centre: Centre) -> None:
    assert ask(centre, "GET", b"") == (405, b"")
    assert ask(centre, "POST", b"x" * (MOST_BODY + 1))[0] == 413
    assert ask(centre, "POST", b"", **{"Content-Length": str(10**12)})[0] == 413
    for body in (b"", b"\xff", b"[" * 100_000, b"{}", b"7"):
        status, answer = ask(centre, "POST", body)
        assert (status, json.loads(answer)["infcode"]) == (200, -1)
    with socket.create_connection(tuple(centre.url[7:].split(":"))) as line:  # type: ignore[arg-type]
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + b"X: " + b"y" * 200_000)
        line.settimeout(20)
        assert line.recv(4096).startswith(b"HTTP/1.1 400")
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(tuple(centre.url[7:].split(":"))) as line:  # type: ignore[arg-type]
        line.sendall(chunked + b"10000\r\n" + b"y" * 0x10000 + b"\r\n")
        for _ in range(5):
            line.sendall(b"10000\r\n" + b"y" * 0x10000 + b"\r\n")
        line.settimeout(20)
        assert line.recv(4096).startswith(b"HTTP/1.1 413")


class Odd(BaseHTTPRequestHandler):
    """A server that answers what a test wants."""

    status = 200
    body = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def odd(status: int, body: bytes) -> Iterator[str]:
    kind = type("Kind", (Odd,), {"status": status, "body": body})
    with HTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (503, b"", CentreUnreachableError),
        (413, b"", CentreRefusedError),
        (500, b"{}", CentreNoAnswerError),
        (302, b"", CentreNoAnswerError),
        (200, b"<html>", CentreNoAnswerError),
        (200, b"[]", CentreNoAnswerError),
        (200, b"[" * 100_000, CentreNoAnswerError),
        (200, b'{"a": "' + b"x" * (1 << 20) + b'"}', CentreNoAnswerError),
    ],
)
def test_answers_that_are_none(status: int, body: bytes, error: type[Exception]) -> None:
    with odd(status, body) as url, HttpCentre(url) as line, pytest.raises(error):
        line({"infno": "1101"})


def test_a_centre_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        waiting = HttpCentre(f"http://127.0.0.1:{port}", seconds=0.2)
        with waiting as line, pytest.raises(CentreNoAnswerError):
            line({})
    with HttpCentre(f"http://127.0.0.1:{port}") as line, pytest.raises(CentreUnreachableError):
        line({})


@pytest.mark.parametrize(
    "url",
    ["", "centre", "ftp://centre", "http://", "http://a:b@centre", "http://centre:99999",
     "http://centre/?x", "http://centre/#x", "http://cen tre", "http://c/\n", "http://c/\u00e9"],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(CentreUrlError):
        HttpCentre(url)


# --- servers of all kinds ------------------------------------------------------------------------

_OK: Final = b'{"infcode":0}'
_FORMS: Final = {
    "usual": b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 13\r\nServer: y\r\n\r\n" + _OK,
    "no phrase": b"HTTP/1.1 200 \r\ncontent-length:13\r\n\r\n" + _OK,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n" + _OK[:6]
    + b"\r\n7\r\n" + _OK[6:] + b"\r\n0\r\n\r\n",
    "chunks and a length": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
    b"\r\nd\r\n" + _OK + b"\r\n0\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + _OK,
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\n" + _OK,
    "closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + _OK,
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 13\r\n\r\n" + _OK,
    "line feeds": b"HTTP/1.1 200 OK\nContent-Length: 13\n\n" + _OK,
    "more than an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + _OK + b"HTTP/1.1 200",
}  # fmt: skip


@contextmanager
def server_of(answers: Sequence[Sequence[bytes]]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that sends pieces and closes, a connection each; its URL and what it was sent."""
    sent: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for pieces in answers:
                line, _ = listening.accept()
                with line:
                    sent.append(line.recv(65536))
                    for piece in pieces:
                        line.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api", sent
        thread.join()


@pytest.mark.parametrize("form", _FORMS)
def test_answers_of_every_form(form: str) -> None:
    """Whole and byte by byte; and the line that closed behind an answer is opened anew."""
    whole = _FORMS[form]
    bytes_ = [bytes([one]) for one in whole]
    with server_of([[whole], bytes_, [whole]]) as (url, sent), HttpCentre(url) as line:
        for _ in range(3):
            assert line({"infno": "1101", "é": 1}) == {"infcode": 0}
    head, _, body = sent[0].partition(b"\r\n\r\n")
    assert body == '{"infno":"1101","é":1}'.encode()
    host = url.removeprefix("http://").removesuffix("/api").encode()
    assert head.split(b"\r\n") == [
        b"POST /api HTTP/1.1",
        b"Host: " + host,
        b"Accept-Encoding: identity",
        b"Content-Type: application/json; charset=utf-8",
        b"Content-Length: 23",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 13\r\n\r\n" + _OK,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"220 mail\r\n",
    ],
)
def test_answers_that_are_broken(answer: bytes) -> None:
    with (
        server_of([[answer]]) as (url, _),
        HttpCentre(url) as line,
        pytest.raises(CentreNoAnswerError),
    ):
        line({})
