# SPDX-License-Identifier: Apache-2.0
"""Frames over a byte stream that cuts and joins them as it likes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sscard_chip.reader.framing import MAX_PAYLOAD, FrameSocket, PeerClosedError
from tests.reader.fake_vpcd import frame

Pair = tuple[FrameSocket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    near.settimeout(10)
    far.settimeout(10)
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with near, far:
        yield FrameSocket(near), far


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.integers(1, 200))
def test_frames_arrive_whole_however_they_are_cut(
    pair: Pair, payloads: list[bytes], step: int
) -> None:
    frames, far = pair
    stream = b"".join(frame(payload) for payload in payloads)
    for start in range(0, len(stream), step):
        far.sendall(stream[start : start + step])
    assert [frames.receive() for _ in payloads] == payloads


def test_one_byte_at_a_time(pair: Pair) -> None:
    frames, far = pair
    for byte in frame(b"\x00\xb2\x01\x04\x00"):
        far.sendall(bytes((byte,)))
    assert frames.receive() == b"\x00\xb2\x01\x04\x00"


def test_longest_frame_both_ways(pair: Pair) -> None:
    frames, far = pair
    payload = bytes(range(255)) * 257
    assert len(payload) == MAX_PAYLOAD
    far.sendall(frame(payload))
    assert frames.receive() == payload
    frames.send(payload)
    received = b""
    while len(received) < MAX_PAYLOAD + 2:
        received += far.recv(MAX_PAYLOAD)
    assert received == frame(payload)


def test_a_frame_leaves_in_one_call(pair: Pair) -> None:
    frames, far = pair
    frames.send(b"\x90\x00")
    assert far.recv(100) == b"\x00\x02\x90\x00"


@pytest.mark.parametrize("size", [0, MAX_PAYLOAD + 1])
def test_sizes_that_do_not_exist(pair: Pair, size: int) -> None:
    frames, far = pair
    with pytest.raises(ValueError, match=f"{size} bytes"):
        frames.send(bytes(size))
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(1)


@pytest.mark.parametrize("sent", ["", "00", "0005", "000500B201"])
def test_end_of_stream(pair: Pair, sent: str) -> None:
    frames, far = pair
    far.sendall(bytes.fromhex(sent))
    far.shutdown(socket.SHUT_WR)
    with pytest.raises(PeerClosedError):
        frames.receive()


def test_a_timeout_loses_nothing() -> None:
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far, pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "setsockopt", lambda *_: None)
        frames = FrameSocket(near)
        near.settimeout(0.02)
        far.sendall(b"\x00\x02\x90")
        with pytest.raises(TimeoutError):
            frames.receive()
        far.sendall(b"\x00")
        assert frames.receive() == b"\x90\x00"


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="TCP_QUICKACK is of Linux")
def test_quickack_is_set_before_every_recv(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Recorder(socket.socket):
        def setsockopt(self, level: int, option: int, value: object, *rest: object) -> None:
            if (level, option) == (socket.IPPROTO_TCP, socket.TCP_QUICKACK):
                calls.append("quickack")

        def recv(self, size: int, flags: int = 0) -> bytes:
            calls.append("recv")
            return super().recv(size, flags)

    with socket.create_server(("127.0.0.1", 0)) as listener, Recorder() as near:
        near.connect(listener.getsockname())
        far, _ = listener.accept()
        with far:
            frames = FrameSocket(near)
            for part in (b"\x00", b"\x02\x90", b"\x00"):
                far.sendall(part)
            near.settimeout(10)
            assert frames.receive() == b"\x90\x00"
    assert calls[::2] == ["quickack"] * (len(calls) // 2)
    assert calls[1::2] == ["recv"] * (len(calls) // 2)
