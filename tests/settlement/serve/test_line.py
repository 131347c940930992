# SPDX-License-Identifier: Apache-2.0
"""The line of a till: what it reads by itself is what h11 reads; the rest is h11's."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform import HOLD
from sscard_chip.settlement.serve import MOST_BODY, MessageQueue
from sscard_chip.settlement.serve import server as serving
from sscard_chip.settlement.serve.line import TillLine, body_length
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

YUAN: Final = bill("1.00", extra=f'{{"card_sn": "{CARD}", "split": [100, 0, 0]}}')
HEAD: Final = b"POST /fsi/api HTTP/1.1\r\nHost: c\r\nContent-Length: %d\r\n\r\n"


def http(body: bytes | dict[str, Any]) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HEAD % len(content) + content


# --- heads ---------------------------------------------------------------------------------------


def nowhere(_: str) -> bool:
    return False


_NAMES: Final = st.sampled_from(
    (b"Host", b"host", b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection",
     b"Content-Type", b"X-Y", b"X Y", b"", b"Expect", b"Accept", b"X\xff", b"Upgrade")
)  # fmt: skip
_VALUES: Final = st.sampled_from(
    (b" c", b"", b" 5", b"5", b" 05", b" +5", b" 5, 5", b" 5 ", b" 1000000", b" chunked", b" close",
     b" keep-alive", b" Keep-Alive", b" multipart/form-data; boundary=x", b" a\tb", b" a\x0bb",
     b" a\nb", b"\x00", b" 100-continue", b" \xe9", b" websocket", b" a\r b")
)  # fmt: skip
_FIRST: Final = st.sampled_from(
    (b"POST / HTTP/1.1", b"POST /x/y HTTP/1.1", b"GET / HTTP/1.1", b"POST / HTTP/1.0",
     b"POST  / HTTP/1.1", b"POST /a b HTTP/1.1", b"POST /?q HTTP/1.1", b"POST /%41 HTTP/1.1",
     b"POST http://c/ HTTP/1.1", b"post / HTTP/1.1", b"POST /\xe9 HTTP/1.1", b"POST * HTTP/1.1")
)  # fmt: skip


@given(_FIRST, st.lists(st.tuples(_NAMES, _VALUES), max_size=4), st.booleans())
@example(b"POST / HTTP/1.1", [(b"Host", b" c"), (b"Content-Length", b" 5")], False)
@example(b"POST / HTTP/1.1", [(b"Content-Length", b" 5")], True)
def test_a_head_is_read_as_h11_reads_it(
    first: bytes, fields: list[tuple[bytes, bytes]], complete: bool
) -> None:
    if complete:
        fields = [(b"Host", b" c"), *fields]
    head = b"\r\n".join([first, *(b"%s:%s" % one for one in fields)]) + b"\r\n\r\n"
    length = body_length(head, nowhere)
    if length is None:
        return
    other = h11.Connection(h11.SERVER)
    other.receive_data(head + b"x" * length)
    request = other.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.http_version) == (b"POST", b"1.1")
    data = b""
    while not isinstance(event := other.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
        data += event.data
    assert data == b"x" * length
    assert other.their_state is h11.DONE  # the connection stays open


def test_usual_heads_are_read() -> None:
    usual = (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept-Encoding: identity\r\nContent-Length: 855"
        b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
    )
    assert body_length(usual, nowhere) == 855
    assert body_length(HEAD % MOST_BODY, nowhere) == MOST_BODY
    assert body_length(HEAD % (MOST_BODY + 1), nowhere) is None
    assert body_length(usual, lambda path: path == "/") is None
    assert (
        body_length(usual.replace(b"Length: ", b"Length: 9\r\nContent-Length: "), nowhere) is None
    )


# --- a server ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, tuple[str, int]]]:
    """A centre in a thread; its ledger and address."""
    folder: Path = tmp_path_factory.mktemp("line")
    found: list[tuple[str, int]] = []
    up, servers = threading.Event(), []

    def ready(host: str, port: int) -> None:
        found.append((host, port))
        up.set()

    with Ledger.open(folder / "city.db") as ledger, pytest.MonkeyPatch.context() as patch:
        import uvicorn

        open_centre(ledger)
        make = uvicorn.Server.__init__

        def kept(self: Any, *arguments: Any) -> None:
            make(self, *arguments)
            servers.append(self)

        patch.setattr(uvicorn.Server, "__init__", kept)
        with MessageQueue(open_platform(ledger)) as queue:
            arguments = (queue, "127.0.0.1", 0)
            thread = threading.Thread(
                target=serving.serve, args=arguments, kwargs={"ready": ready}, daemon=True
            )
            thread.start()
            assert up.wait(60)
            yield ledger, found[0]
            servers[0].should_exit = True
            thread.join(60)
            assert not thread.is_alive()


def receive(line: socket.socket, count: int) -> list[tuple[int, Any]]:
    """So many answers of a connection, by h11: their status and JSON."""
    line.settimeout(60)
    client = h11.Connection(h11.CLIENT)
    found: list[tuple[int, Any]] = []
    for _ in range(count):
        client.send(h11.Request(method="POST", target="/", headers=[("Host", "c")]))
        client.send(h11.EndOfMessage())
        status, body = 0, b""
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                client.receive_data(line.recv(65536))
            elif isinstance(event, h11.Response):
                status = event.status_code
                names = {name for name, _ in event.headers}
                assert status != 200 or {b"date", b"content-type", b"content-length"} <= names
            elif isinstance(event, h11.Data):
                body += event.data
        found.append((status, json.loads(body) if status == 200 else None))
        if client.our_state is h11.MUST_CLOSE or client.their_state is h11.MUST_CLOSE:
            break
        client.start_next_cycle()
    return found


def connect(address: tuple[str, int]) -> Any:
    return closing(socket.create_connection(address))


def test_requests_that_come_together_and_in_pieces(
    centre: tuple[Ledger, tuple[str, int]],
) -> None:
    """Three in one go are answered in their order; and one that comes byte by byte."""
    ledger, address = centre
    with connect(address) as line:
        line.sendall(b"".join(http(message(HOLD, number, YUAN)) for number in (1, 2, 3)))
        told = receive(line, 3)
        assert [one["infcode"] for _, one in told] == [0, 0, 0]
        infos = [one["output"]["setlinfo"] for _, one in told]
        assert [one["medins_setl_id"][-4:] for one in infos] == ["0001", "0002", "0003"]
        for at, info in enumerate(infos):
            whole = http(message("2102", 1001 + at, confirmation(info, at + 1)))
            for piece in (whole[:1], whole[1:30], whole[30:200], whole[200:]):
                line.sendall(piece)
            assert [one["infcode"] for _, one in receive(line, 1)] == [0]
    assert balances(ledger) == {"personal": BALANCE - 300, "pharmacy": 300}


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"GET / HTTP/1.1\r\nHost: c\r\n\r\n", [405]),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", [400]),
        (b"POST / HTTP/1.1\r\nHost: c\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", [400]),
        (b"\x16\x03\x01\r\n\r\n", [400]),
        (b"POST / HTTP/1.1\r\nHost: c\r\nX: " + b"y" * 70_000, [400]),
        (http(b"x" * (MOST_BODY + 1)), [413]),
        (http(b"{}") + b"GET / HTTP/1.1\r\nHost: c\r\n\r\n", [200, 405]),
        (
            http(b"7") + b"POST / HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n" + http(b"[]"),
            [200, 200, 200],
        ),
    ],
)
def test_what_is_unusual_is_answered_as_ever(
    centre: tuple[Ledger, tuple[str, int]], sent: bytes, statuses: list[int]
) -> None:
    _, address = centre
    with connect(address) as line:
        line.sendall(sent)
        assert [status for status, _ in receive(line, len(statuses))] == statuses


def test_what_takes_another_way_on_the_same_line(
    centre: tuple[Ledger, tuple[str, int]],
) -> None:
    """A question, a message that is refused, one that is no JSON, one in a form of the gateway."""
    _, address = centre
    bodies: list[Any] = [
        message("1101", 1101, person()),
        message("2102", 1102, bill("1.00", extra='{"setl_id": "none", "row": "none"}')),
        b"{",
        {"encData": "00", "appId": "nobody"},
    ]
    with connect(address) as line:
        for body in bodies:
            line.sendall(http(body))
        told = receive(line, len(bodies))
    assert [(status, one["infcode"]) for status, one in told] == [
        (200, 0), (200, -1), (200, -1), (200, -1),
    ]  # fmt: skip
    assert told[1][1]["err_msg"] == "the centre knows no such settlement"
    assert told[3][1]["err_msg"] == "appId: is not known here"


# --- time ----------------------------------------------------------------------------------------


class Desk:
    """A counter whose clock a test sets, and what it has sent."""

    idle_seconds = 75.0

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[Any] = []

    def length(self, head: bytes) -> int | None:
        return body_length(head, nowhere)

    def takes(self, _: bytes) -> bool:
        return True

    def ask(self, _: TillLine, body: bytes) -> None:
        self.sent.append(body)

    def hand_over(self, _: TillLine, data: bytes) -> None:
        self.sent.append(("other", data))

    def response(self, status: int, *_: Any, last: bool) -> bytes:
        return b"%d%d" % (status, last)

    def add(self, _: TillLine) -> None:
        """Nothing."""

    drop = add
    write = property(lambda self: self.sent.append)
    close = property(lambda self: lambda: self.sent.append("closed"))
    is_closing = pause_reading = resume_reading = lambda self: False


@pytest.mark.parametrize(
    ("come", "end"),
    [(b"", 75.0), (b"POST", 10.0), (http(b"{}")[:-1], 10.0)],
)
def test_who_sends_nothing_or_slowly_is_broken_off(come: bytes, end: float) -> None:
    desk: Any = Desk()
    line = TillLine(desk, lambda: desk.now)
    line.connection_made(desk)
    if come:
        desk.now = 50.0
        line.data_received(come[:2])
    end += desk.now
    desk.now = end - 1
    if come:
        line.data_received(come[2:])  # what comes later does not give more time
    line.look(end)
    assert desk.sent == []
    line.look(end + 0.1)
    assert desk.sent == ([b"4081", "closed"] if come else ["closed"])


def test_the_one_under_way_is_answered_before_the_end() -> None:
    desk: Any = Desk()
    line = TillLine(desk, lambda: desk.now)
    line.connection_made(desk)
    line.data_received(http(b"1") + http(b"2"))
    line.look(1000.0)
    line.shutdown()
    assert desk.sent == [b"1"]
    line.deliver(200, b"one")
    assert desk.sent == [b"1", b"2001", "closed"]


def test_protocol_of_asyncio() -> None:
    assert issubclass(TillLine, asyncio.Protocol)
