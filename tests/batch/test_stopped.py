# SPDX-License-Identifier: Apache-2.0
"""A batch that is stopped, by whatever: one clear line, and then exactly the missing cards."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from issuance.batch import work as batch_work
from issuance.batch.container import Container
from issuance.batch.errors import BatchError, BatchStoppedError
from issuance.batch.job import ChunkTask
from issuance.batch.ledger import BatchLedger
from issuance.batch.pools import processes, single_process
from issuance.batch.run import batch_status, start, work
from issuance.batch.work import ChunkResult, make_chunk
from issuance.roots import RootKeyError
from sscard_cli.main import main
from tests.batch.conftest import TODAY, RunBatch, people, rows_of, write_table

COUNT, CHUNK = 300, 20


def begin(tmp_path: Path, keys: Path, *, chunk: int = CHUNK, count: int = COUNT) -> Path:
    table = write_table(tmp_path / "people.csv", people(count))
    folder = tmp_path / "out"
    start(folder, generation=1, keys=str(keys), holders=table, chunk=chunk, today=TODAY)
    return folder


def check_whole(folder: Path, count: int = COUNT) -> None:
    """Every holder has one card, in the ledger, in the containers and in the return file."""
    persons = [person["card_number"] for person in people(count)]
    returned = rows_of(folder / "return.csv")
    assert [row["card_number"] for row in returned] == persons
    assert len({row["atr"] for row in returned}) == count
    assert sum(len(Container.open(path)) for path in (folder / "images").iterdir()) == count
    summary = batch_status(folder)
    assert (summary.state, summary.cards, summary.rejected) == ("finished", count, 0)
    with BatchLedger(folder, lock=False) as ledger:
        assert all(ledger.find(number) for number in persons)
    assert not (folder / "return").exists()
    assert not list(folder.rglob(".*"))


def cli(*arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-m", "sscard_cli", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=_interruptible,
    )


def _interruptible() -> None:
    """A terminal of its own; tests in the background inherit that Ctrl-C is not heard."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_moment_it_resumes(tmp_path: Path, keys: Path, workers: int) -> None:
    folder = begin(tmp_path, keys)
    drawn = random.Random(workers)
    killed = 0
    for target in sorted(drawn.sample(range(1, COUNT // CHUNK - 1), 3)):
        process = cli("batch", "resume", str(folder), "--workers", str(workers))
        deadline = time.monotonic() + 60
        while batch_status(folder).chunks < target and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(drawn.random() * 0.01)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
    assert killed
    assert work(folder, single_process(None)).state == "finished"
    check_whole(folder)
    assert work(folder, single_process(None)).cards == COUNT  # and again: nothing to do


@pytest.mark.parametrize("step", range(0, 34, 3))
def test_cut_before_any_write_it_resumes(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Every rename and every commit of the ledgers is a point where the power may go."""
    folder = begin(tmp_path, keys, chunk=10, count=30)
    done = 0

    class PowerCutError(BaseException):
        pass

    def cut_at(real: Any) -> Any:
        def replaced(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done > step:
                raise PowerCutError
            return real(*arguments, **named)

        return replaced

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut_at(os.replace))
        patch.setattr(os, "fsync", cut_at(os.fsync))
        patch.setattr(BatchLedger, "finish_chunk", cut_at(BatchLedger.finish_chunk))
        patch.setattr(BatchLedger, "set_facts", cut_at(BatchLedger.set_facts))
        with pytest.raises(PowerCutError):
            work(folder, single_process(None))
    work(folder, single_process(None))
    check_whole(folder, 30)


def test_a_full_disk_is_one_line_and_resumable(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit on the size of files stands in for a disk: the system refuses the write."""
    folder = begin(tmp_path, keys, chunk=150)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        assert main(["batch", "resume", str(folder)]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "File too large" in error or "disk" in error
    assert f"sscard batch resume {folder} goes on" in error
    assert main(["batch", "resume", str(folder)]) == 0
    check_whole(folder)


def test_a_read_only_folder_is_one_line_and_resumable(
    tmp_path: Path,
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = begin(tmp_path, keys, chunk=150)

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder / "images"))

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", refuse)
        assert main(["batch", "resume", str(folder)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{folder / 'return' / '000001.return.csv'}: Read-only file system" in error
    assert main(["batch", "resume", str(folder)]) == 0
    check_whole(folder)


def test_a_lost_session_of_the_key_store_is_one_line_and_resumable(
    tmp_path: Path,
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = begin(tmp_path, keys)
    calls = 0

    def lose(location: str) -> Any:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise RootKeyError("pkcs11:token=issuer: the session with the token is lost")
        return real(location)

    real = batch_work.store_of
    with monkeypatch.context() as patch:
        patch.setattr(batch_work, "store_of", lose)
        assert main(["batch", "resume", str(folder)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "the session with the token is lost; sscard batch resume" in error
    assert batch_status(folder).chunks == 4
    assert main(["batch", "resume", str(folder)]) == 0
    check_whole(folder)


def test_root_keys_that_are_gone_are_one_line(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = begin(tmp_path, keys)
    shutil.move(keys, tmp_path / "elsewhere")
    assert main(["batch", "resume", str(folder)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_killed_worker_is_one_line_and_resumable(tmp_path: Path, keys: Path) -> None:
    folder = begin(tmp_path, keys)
    real = processes(2, None)

    def killing(tasks: Iterator[ChunkTask]) -> Iterator[ChunkResult]:
        for number, result in enumerate(real(tasks)):
            if number == 2:
                servers = [c for c in _children(os.getpid()) if b"forkserver" in _command(c)]
                (server,) = [c for c in servers if _children(c)]
                os.kill(_children(server)[0], signal.SIGKILL)
            yield result

    with pytest.raises(BatchStoppedError, match=r"^a worker process was killed$"):
        work(folder, killing)
    assert batch_status(folder).state == "running"
    work(folder, single_process(None))
    check_whole(folder)


def _children(process: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _command(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def test_workers_end_with_a_killed_parent(tmp_path: Path, keys: Path) -> None:
    folder = begin(tmp_path, keys, count=3000, chunk=20)
    process = cli("batch", "resume", str(folder), "--workers", "2")
    while batch_status(folder).chunks < 2:
        assert process.poll() is None
        time.sleep(0.01)
    children = _children(process.pid)
    children += [worker for server in children for worker in _children(server)]
    assert len(children) >= 3  # two workers and the server that forks them
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_batch_says_how_it_goes_on(
    tmp_path: Path, keys: Path, number: signal.Signals, workers: int
) -> None:
    folder = begin(tmp_path, keys, count=3000, chunk=20)
    process = cli("batch", "resume", str(folder), "--workers", str(workers))
    while batch_status(folder).chunks < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    message = f"sscard: error: interrupted; sscard batch resume {folder} goes on\n"
    assert error.decode() == message
    assert 2 <= batch_status(folder).chunks < 150
    work(folder, single_process(None))
    check_whole(folder, 3000)


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.3, 0.5, 0.8])
def test_ctrl_c_at_a_terminal_goes_to_the_workers_too_and_is_one_line(
    tmp_path: Path, keys: Path, seconds: float
) -> None:
    """It reaches all processes of the terminal, also workers that are just beginning."""
    folder = begin(tmp_path, keys, count=3000, chunk=20)
    process = cli("batch", "resume", str(folder), "--workers", "2")
    while not (folder / "images").exists():
        assert process.poll() is None
        time.sleep(0.002)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error.decode()) == (
        130,
        f"sscard: error: interrupted; sscard batch resume {folder} goes on\n",
    )


@pytest.mark.parametrize("left", [(), ("lock",), ("lock", "ledger.sqlite")])
def test_a_batch_that_was_stopped_before_it_began_begins_anew(
    tmp_path: Path, keys: Path, left: tuple[str, ...]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    BatchLedger(folder, create=True).close()
    for path in folder.iterdir():
        if path.name not in left:
            path.unlink()
    assert begin(tmp_path, keys) == folder
    work(folder, single_process(None))
    check_whole(folder)


def test_an_interrupt_between_the_beginning_and_the_work_names_resume(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    table = write_table(tmp_path / "people.csv", people(2))
    folder = tmp_path / "out"
    line = f"batch run --generation 1 --keys {keys} --holders {table} --out {folder}"
    with monkeypatch.context() as patch:
        patch.setattr("sscard_cli.issuing.batch.start", interrupt)
        assert main(line.split()) == 130
        assert capsys.readouterr().err.strip() == "sscard: error: interrupted"
    with monkeypatch.context() as patch:
        patch.setattr("sscard_cli.issuing.batch.work_shown", interrupt)
        assert main(line.split()) == 130
    message = f"sscard: error: interrupted; sscard batch resume {folder} goes on\n"
    assert capsys.readouterr().err == message
    assert main(["batch", "resume", str(folder)]) == 0
    check_whole(folder, 2)


def test_two_processes_do_not_share_a_batch(tmp_path: Path, keys: Path) -> None:
    folder = begin(tmp_path, keys)
    with (
        BatchLedger(folder),
        pytest.raises(BatchError, match="another process is at work on this batch"),
    ):
        work(folder, single_process(None))


def test_a_changed_table_is_refused(tmp_path: Path, keys: Path) -> None:
    folder = begin(tmp_path, keys)
    write_table(tmp_path / "people.csv", people(COUNT, seed=3))
    with pytest.raises(BatchError, match=r"people\.csv: has changed since the batch was started"):
        work(folder, single_process(None))


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: None, "has a batch already; sscard batch resume goes on with it"),
        (lambda folder: (folder / "ledger.sqlite").unlink(), "must be a new or empty folder"),
    ],
)
def test_a_folder_in_use_is_refused(
    run_batch: RunBatch, tmp_path: Path, prepare: Any, message: str
) -> None:
    run_batch(people(2))
    prepare(tmp_path / "out")
    with pytest.raises(BatchError, match=message):
        run_batch(people(2))


def test_order_of_results_does_not_matter(tmp_path: Path, keys: Path) -> None:
    folder = begin(tmp_path, keys)

    def backwards(tasks: Iterator[ChunkTask]) -> Iterator[ChunkResult]:
        results: Sequence[ChunkResult] = [make_chunk(task) for task in tasks]
        yield from reversed(results)

    work(folder, backwards)
    check_whole(folder)


def test_the_ledgers_and_tables_hold_no_key(run_batch: RunBatch, tmp_path: Path) -> None:
    from tests.vectors.cards import roots

    run_batch(people(50), outputs=("images", "scripts", "data"))
    whole = b"".join(
        p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p.stem != "roots"
    )
    document = roots().document()
    import json

    found = 0
    for suite in ("3des", "sm4"):
        for versions in json.loads(document)[suite].values():
            for text in versions.values():
                found += 1
                assert bytes.fromhex(text) not in whole
                assert text.encode() not in whole
                assert text.lower().encode() not in whole
    assert found > 100
