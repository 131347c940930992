# SPDX-License-Identifier: Apache-2.0
"""Several machines: a Dask cluster of two workers, one of which is killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from issuance.batch.errors import BatchStoppedError
from issuance.batch.job import ChunkTask
from issuance.batch.pools import cluster
from issuance.batch.run import CHUNK, batch_status, start, work
from issuance.batch.work import ChunkResult
from sscard_cli.main import main
from tests.batch.conftest import TODAY, people, rows_of, write_table

COUNT = 8 * CHUNK


def test_a_killed_worker_of_a_cluster_costs_no_card(tmp_path: Path, keys: Path) -> None:
    distributed: Any = import_module("distributed")
    persons = people(COUNT)
    table = write_table(tmp_path / "people.csv", persons)
    folder = tmp_path / "out"
    start(folder, generation=1, keys=str(keys), holders=table, today=TODAY)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
    ) as local:
        real = cluster(local.scheduler_address)
        sizes, killed = [], []

        def killing(tasks: Iterator[ChunkTask]) -> Iterator[ChunkResult]:
            for number, result in enumerate(real(tasks)):
                if number == 1:
                    killed.append(local.workers[0].pid)
                    os.kill(killed[0], signal.SIGKILL)
                sizes.append(len(result.cards))
                yield result

        summary = work(folder, killing)
    assert killed
    assert sizes == [1000] * 8
    assert (summary.state, summary.cards) == ("finished", COUNT)
    returned = rows_of(folder / "return.csv")
    assert [row["card_number"] for row in returned] == [p["card_number"] for p in persons]
    assert len({row["atr"] for row in returned}) == COUNT


def certificate(folder: Path, name: str, by: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
    """A certificate and its key, PEM files NAME.pem and NAME.key.pem; its own authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing_key = (by[0].subject, by[1]) if by else (subject, key)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=20_000))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(signing_key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"{name}.key.pem").write_bytes(secret)
    return made, key


def test_a_cluster_over_tls(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    distributed: Any = import_module("distributed")
    authority = certificate(tmp_path, "ca")
    certificate(tmp_path, "node", authority)
    certificate(tmp_path, "stranger")
    node = {"cert": str(tmp_path / "node.pem"), "key": str(tmp_path / "node.key.pem")}
    security = distributed.Security(
        tls_ca_file=str(tmp_path / "ca.pem"),
        require_encryption=True,
        **{f"tls_{who}_{what}": path for who in ("scheduler", "worker", "client")
           for what, path in node.items()},
    )  # fmt: skip
    table = write_table(tmp_path / "people.csv", people(5))
    run = ["batch", "run", "--generation", "1", "--keys", str(keys), "--holders", str(table)]
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        dashboard_address=None,
        silence_logs="CRITICAL",
        security=security,
        protocol="tls://",
    ) as local:
        assert local.scheduler_address.startswith("tls://")
        run += ["--cluster", local.scheduler_address, "--cluster-ca", str(tmp_path / "ca.pem")]
        for name, code in (("stranger", 1), ("node", 0)):
            files = ["--cluster-cert", str(tmp_path / f"{name}.pem")]
            files += ["--cluster-key", str(tmp_path / f"{name}.key.pem")]
            monkeypatch.setattr(
                "sscard_chip.workers._CONNECT_SECONDS", 2 if name == "stranger" else 20
            )
            assert main([*run, *files, "--out", str(tmp_path / name), "--json"]) == code
            output = capsys.readouterr()
            if code:
                assert "or not with a certificate of this authority" in output.err
            else:
                assert json.loads(output.out)["cards"] == 5


@pytest.mark.parametrize("command", ["batch run", "settle run"])
def test_plain_tcp_to_another_machine_is_refused(
    tmp_path: Path,
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    """Before anything is begun: no folder, no ledger, no connection."""
    line = f"{command} --keys {keys} --out {tmp_path / 'out'} --cluster tcp://192.0.2.1:8786"
    more = {
        "batch run": f"--generation 1 --holders {write_table(tmp_path / 'h.csv', people(2))}",
        "settle run": f"--ledger {tmp_path / 'city.db'} DAY.tsv",
    }
    monkeypatch.setitem(sys.modules, "distributed", None)  # nothing could be sent
    assert main([*line.split(), *more[command].split()]) == 2
    error = capsys.readouterr().err
    assert "tcp://192.0.2.1:8786: is plain tcp to another machine" in error
    assert "--insecure-cluster" in error
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "city.db").exists()


def test_tls_without_its_files_is_one_line(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dask's own configuration may have them, so nothing but the connection tells."""
    table = write_table(tmp_path / "people.csv", people(2))
    line = f"batch run --generation 1 --keys {keys} --holders {table} --out {tmp_path / 'out'}"
    assert main([*line.split(), "--cluster", "tls://127.0.0.1:9"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("sscard: error: tls://127.0.0.1:9: TLS needs three files")
    assert error.count("\n") == 1


def test_no_scheduler_is_one_line(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sscard_chip.workers._CONNECT_SECONDS", 1)
    table = write_table(tmp_path / "people.csv", people(2))
    folder = tmp_path / "out"
    start(folder, generation=1, keys=str(keys), holders=table, today=TODAY)
    with pytest.raises(BatchStoppedError, match="no Dask scheduler answers there"):
        work(folder, cluster("tcp://127.0.0.1:9"))
    assert batch_status(folder).chunks == 0
