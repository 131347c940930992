# SPDX-License-Identifier: Apache-2.0
"""``sscard settle serve``: the centre's process that tills talk to."""

from __future__ import annotations

import logging
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import click

from issuance.stores import WorkingKeys
from sscard_chip.dayfile.business_string import TEST_KEY, BusinessStrings
from sscard_chip.settlement.credential import CredentialService, CredentialStore
from sscard_chip.settlement.gateway import (
    LOGINS,
    FaultPlan,
    Gateway,
    GatewaySecrets,
    load_faults,
    load_secrets,
    make_login,
)
from sscard_chip.settlement.ledger import Ledger
from sscard_chip.settlement.platform import Platform
from sscard_chip.settlement.platform.persons import PersonRegister, read_persons
from sscard_chip.settlement.platform.services import ServiceHandler
from sscard_chip.settlement.policy import load_policy
from sscard_chip.settlement.reconciliation.messages import file_services
from sscard_chip.settlement.serve import MessageQueue, TlsFiles
from sscard_chip.settlement.serve import serve as run_server
from sscard_cli.options import file_option, policy_option
from sscard_cli.output import say
from sscard_cli.settle.options import ledger_option, open_ledger
from sscard_cli.stores import keys_option, open_keys

_ADDRESS: Final = re.compile(r"(?:\[([0-9a-fA-F:]+)\]|([^:\[\]\s]+)):([0-9]{1,5})")


@click.command()
@ledger_option
@keys_option(use=" with which TACs are verified")
@policy_option
@click.option(
    "--listen",
    default="127.0.0.1:8097",
    show_default=True,
    metavar="HOST:PORT",
    help="Where tills send their messages; port 0 takes a free one."
    "  Example: --listen 0.0.0.0:8097",
)
@file_option(
    "--tls-certificate",
    "certificate",
    "FILE",
    "Serve HTTPS with this chain (PEM), and --tls-key.  Example: --tls-certificate chain.pem",
)
@file_option(
    "--tls-key", "key", "FILE", "The certificate's private key (PEM).  Example: --tls-key key.pem"
)
@file_option(
    "--persons",
    "persons_path",
    "PERSONS.tsv",
    "Who the holders are, for 1101 and certificates 01, 02 and 04; see sscard settle persons."
    "  Example: --persons persons.tsv",
)
@click.option(
    "--login",
    type=click.Choice(sorted(LOGINS)),
    default="none",
    show_default=True,
    help="The log-in that programs need, with --secrets.  Example: --login csb",
)
@file_option(
    "--secrets",
    "secrets_path",
    "GATEWAY.toml",
    "Secrets of log-ins, applications and business strings (sscard-gateway/1)."
    "  Example: --secrets gateway.toml",
)
@file_option(
    "--faults",
    "faults_path",
    "FAULTS.toml",
    "Faults that are to happen (sscard-faults/1).  Example: --faults faults.toml",
)
@click.option(
    "--credential-text",
    "as_text",
    is_flag=True,
    help="Give data of the electronic credential's answers as text, as some programs want it, and"
    " not as an object.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Refuse by name what is not in the form of the interface, else it is taken and listed in"
    " warn_msg.",
)
@file_option(
    "--service-keys",
    "service_keys",
    "FILE",
    "The key file of card services on this ledger (extra service): hospitals' filings 2501 and 2502"
    " are taken then.  Example: --service-keys service.keys",
)
@file_option(
    "--service-region",
    "service_region",
    "FILE.toml",
    "The region's document of the card services; the one that ships without it."
    "  Example: --service-region my.toml",
)
@click.option(
    "--test-clock",
    is_flag=True,
    help="A test centre: its clock is the time of each message, so that examples with fixed dates"
    " go.",
)
def serve(
    ledger_url: str,
    roots: str,
    passphrase_file: Path | None,
    policy_path: Path | None,
    listen: str,
    certificate: Path | None,
    key: Path | None,
    persons_path: Path | None,
    login: str,
    secrets_path: Path | None,
    faults_path: Path | None,
    as_text: bool,
    strict: bool,
    service_keys: Path | None,
    service_region: Path | None,
    test_clock: bool,
) -> None:
    """Serve on-line sales to tills over HTTP until Ctrl-C or SIGTERM (extra serve).

    Messages of the national interface, one a POST, to any path: docs/transactions.md lists them.
    Paths that end with localQrCodeQuery, localEcTokenCheck or hsecfc are the electronic credential.
    Those under way are answered before it ends; one that is killed loses none that was
    answered, and tills send the others again. Beyond one machine, use HTTPS.

    \b
    Example:
      sscard settle serve --ledger city.db --keys roots.json --policy policy.toml
      sscard pos sale --mode 1 --authorisations http://127.0.0.1:8097 …
    """
    address = _ADDRESS.fullmatch(listen)
    if address is None or int(address[3]) > 0xFFFF:
        raise click.UsageError("--listen: must be HOST:PORT")
    if (certificate is None) != (key is None):
        raise click.UsageError("--tls-certificate and --tls-key go together")
    tls = TlsFiles(certificate, key) if certificate and key else None
    policy = load_policy(policy_path) if policy_path else None
    persons = read_persons(persons_path) if persons_path else None
    secrets = load_secrets(secrets_path) if secrets_path else GatewaySecrets()
    faults = FaultPlan(load_faults(faults_path)) if faults_path else None
    gateway = Gateway(make_login(login, secrets), secrets, faults)
    business = bytes.fromhex(secrets.business_key) if secrets.business_key else TEST_KEY
    logging.basicConfig(format="sscard: %(message)s", level=logging.WARNING)

    if service_region is not None and service_keys is None:
        raise click.UsageError("--service-region goes with --service-keys")

    def ready(host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        scheme = "https" if tls else "http"
        say(f"serving {ledger.name} at {scheme}://{shown}:{port}")

    def filings(ledger: Ledger) -> dict[str, ServiceHandler]:
        if service_keys is None:
            return {}
        from sscard_service import ServiceCentre, load_region
        from sscard_service.hospital import filing_services
        from sscard_service.store.secrets import ServiceKeys

        centre = ServiceCentre(ledger, ServiceKeys.load(service_keys), load_region(service_region))
        return filing_services(centre, test_clock=test_clock)

    with (
        open_keys(roots, passphrase_file) as store,
        WorkingKeys(store) as keys,
        open_ledger(ledger_url) as ledger,
        nullcontext(
            CredentialService(CredentialStore(ledger), persons or PersonRegister(), as_text=as_text)
        ) as credentials,
        MessageQueue(
            Platform(
                ledger,
                policy=policy,
                keys=keys,
                test_clock=test_clock,
                strict=strict,
                persons=persons,
                business=BusinessStrings(business),
                tokens=credentials.certno_of,
                extra=file_services() | filings(ledger),
            )
        ) as queue,
    ):
        run_server(
            queue,
            address[1] or address[2],
            int(address[3]),
            tls=tls,
            gateway=gateway,
            credentials=credentials,
            ready=ready,
        )
    click.echo("ended, every message answered")
