"""Beyond loopback the front door speaks TLS or does not start; and what an operator sets holds."""

import ipaddress
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from qianbei.services import SERVICES, child
from qianbei.site import Site, environment_of
from qianbei.stack.ports import free_port
from tests.support.door_client import client, file, known_client, problem, site_token, story, written
from tests.support.exchange import Exchange

INSTANCE = 7
RATE = 1


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for loopback and its key, as files."""

    certfile: Path
    keyfile: Path

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certfile))


def certificate(folder: Path, password: bytes | None = None) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "front door of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    found = Certificate(folder / "cert.pem", folder / "key.pem")
    found.certfile.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.keyfile.write_bytes(private)
    return found


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def outside(exchange: Exchange, trusted: Certificate) -> Iterator[str]:
    """A second front door, on every address of this machine, where a token may file once a second."""
    own = {
        "api_host": "0.0.0.0",
        "api_port": free_port() - INSTANCE,
        "api_certfile": trusted.certfile,
        "api_keyfile": trusted.keyfile,
        "api_rate": RATE,
    }
    there = replace(exchange.site, admin=exchange.site.admin.model_copy(update=own))
    one = child(there, SERVICES["api"], INSTANCE)
    exchange.supervisor.start(one)
    try:
        exchange.supervisor.wait_ready(one)
        yield f"https://127.0.0.1:{one.port}"
    finally:
        exchange.supervisor.stop(one.name)


def test_it_serves_over_tls_to_those_who_trust_its_certificate(
    outside: str, trusted: Certificate, site: Site
) -> None:
    token = site_token(site, "bureau")[1]
    with known_client(outside, token, trusted.trust()) as one:
        answer = file(one, story()[0])
        assert answer.status_code == 200, answer.text
    with client(outside, token) as doubting, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY"):
        doubting.get("/healthz")


def test_it_speaks_nothing_older_and_nothing_in_clear(outside: str, trusted: Certificate) -> None:
    address = ("127.0.0.1", httpx.URL(outside).port or 0)
    weak = trusted.trust()
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-SHA256:AES128-GCM-SHA256")
    with (
        socket.create_connection(address, timeout=5) as plain,
        pytest.raises(ssl.SSLError),
        weak.wrap_socket(plain, server_hostname="127.0.0.1"),
    ):
        pass
    with socket.create_connection(address, timeout=5) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: door\r\n\r\n")
        assert not plain.recv(1000).startswith(b"HTTP/")


def test_too_many_requests_are_429_and_write_nothing(outside: str, trusted: Certificate, site: Site) -> None:
    with known_client(outside, site_token(site, "bureau")[1], trusted.trust()) as one:
        empty = [{"subject": "unit", "filing": {}}] * 490
        assert one.post("/v1/filings:batch", json=empty).status_code == 200
        before = written(site)
        answers = [file(one, story()[0]) for _ in range(40)]
        refused = [answer for answer in answers if answer.status_code == 429]
        for answer in refused:
            problem(answer, 429, "too-many-requests")
            assert int(answer.headers["retry-after"]) >= 1
        taken = len(answers) - len(refused)
        assert refused
        assert sum(written(site).values()) == sum(before.values()) + 2 * taken


def start(exchange: Exchange, **changes: str) -> subprocess.CompletedProcess[str]:
    settings = exchange.site.settings("qb-api", role="qb_api")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("QIANBEI_", "SCHEMA_"))}
    environment = inherited | environment_of(settings) | {"QIANBEI_API_PORT": str(free_port())} | changes
    command = [sys.executable, "-m", "qianbei", "service", "api"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def refusal(ran: subprocess.CompletedProcess[str]) -> str:
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("qianbei:")]
    return line


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "door.example"])
def test_beyond_loopback_it_does_not_start_without_tls(deployed: Exchange, host: str) -> None:
    line = refusal(start(deployed, QIANBEI_API_HOST=host))
    assert "not loopback" in line
    assert "QIANBEI_API_CERTFILE" in line


def test_what_is_no_certificate_with_its_key_is_named(
    deployed: Exchange, trusted: Certificate, tmp_path: Path
) -> None:
    other = certificate(tmp_path, password=b"secret")
    tls = {"QIANBEI_API_CERTFILE": str(trusted.certfile)}
    for wrong in (other.keyfile, trusted.certfile):
        line = refusal(start(deployed, **tls, QIANBEI_API_KEYFILE=str(wrong)))
        assert "belong together" in line
    assert "cannot be read" in refusal(start(deployed, **tls, QIANBEI_API_KEYFILE="/nowhere"))
    assert "takes both" in refusal(start(deployed, **tls))


def test_a_port_that_is_taken_is_named(deployed: Exchange) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}" in refusal(start(deployed, QIANBEI_API_PORT=str(port)))
