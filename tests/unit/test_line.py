"""Certificates of the dedicated line, and where it listens; without a server."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from broker.errors import ConfigError
from qianbei.doctor import machine
from qianbei.doctor.finding import Level
from qianbei.inspect.connection import FORMATS, ClientConnection, over_line
from qianbei.line import issue, make_ca, require_issuable
from qianbei.site import settings_of
from qianbei.stack import StackError, kafka_server
from qianbei.stack.home import Home
from qianbei.stack.line import FOLDER, Line, line_at
from schemas.catalogue import load_catalogue
from tests.unit.test_stack_servers import PASSWORDS, PORTS, PROGRAMS, listening_hosts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of secrets with an authority and the line's own certificate."""
    made = tmp_path / FOLDER
    make_ca(made)
    issue(made, "server", hosts=["127.0.0.1", "kafka.example"])
    return made


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_certificates_are_of_their_authority_for_a_year_and_one_purpose(folder: Path) -> None:
    tax = issue(folder, "tax")
    trusted = PolicyBuilder().store(Store([read(folder / "ca.pem")]))
    server = trusted.build_server_verifier(x509.DNSName("kafka.example"))
    server.verify(read(folder / "server.pem"), [])
    trusted.build_server_verifier(x509.IPAddress(ipaddress.ip_address("127.0.0.1"))).verify(
        read(folder / "server.pem"), []
    )
    client = trusted.build_client_verifier().verify(read(tax.certfile), [])
    assert [name.value for name in client.subjects or ()] == ["urn:qianbei:principal:tax"]
    with pytest.raises(VerificationError):
        server.verify(read(tax.certfile), [])
    assert read(tax.certfile).subject.rfc4514_string() == "CN=tax,O=Qianbei"
    lasts = read(tax.certfile).not_valid_after_utc - read(tax.certfile).not_valid_before_utc
    assert lasts == timedelta(days=365)
    assert read(tax.keystore).public_key() == read(tax.certfile).public_key()


def test_nobody_else_reads_the_files(folder: Path) -> None:
    issue(folder, "tax", into=folder / "for-tax")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 8
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_what_cannot_be_issued(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no principal qb-operator"):
        require_issuable("qb-operator", [], load_catalogue())
    with pytest.raises(ConfigError, match="give --host"):
        require_issuable("server", [], load_catalogue())
    require_issuable("bank.icbc", [], load_catalogue())
    require_issuable("server", ["localhost"], load_catalogue())
    with pytest.raises(ConfigError, match="run `qianbei line ca`"):
        issue(tmp_path / "none", "tax")
    with pytest.raises(ConfigError, match="is there already"):
        make_ca(folder)


def test_the_doctor_finds_what_ends_in_the_lines_folder(folder: Path) -> None:
    issue(folder, "tax", days=20)
    issue(folder, "police", days=1, now=datetime.now(UTC) - timedelta(days=2))
    (folder / "torn.pem").write_text("nothing")
    (folder / "server.pem").unlink()
    found = {one.what.split()[0].rstrip(","): one.level for one in machine.judge_line(folder.parent)}
    assert found["police.pem"] is Level.FAIL
    assert found["tax.pem"] is Level.WARN
    assert found["server-keystore.pem"] is Level.OK
    assert found["ca.pem"] is Level.OK
    assert found[str(folder / "torn.pem")] is Level.FAIL


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("9098", "HOST:PORT"),
        ("127.0.0.1:0", "HOST:PORT"),
        ("127.0.0.1:https", "HOST:PORT"),
        ("0.0.0.0:9098", "one address"),
        ("[::]:9098", "one address"),
    ],
)
def test_addresses_that_clients_could_not_use(folder: Path, address: str, says: str) -> None:
    with pytest.raises(StackError, match=says):
        line_at(address, folder.parent)


def test_a_line_needs_its_files(folder: Path) -> None:
    assert line_at("[::1]:9098", folder.parent).address == "[::1]:9098"
    (folder / "server-keystore.pem").unlink()
    with pytest.raises(StackError, match=r"line issue server --host kafka\.example"):
        line_at("kafka.example:9098", folder.parent)


def test_kafka_listens_on_the_line_with_certificates_alone(tmp_path: Path, folder: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    line = line_at("192.0.2.7:9098", folder.parent)
    settings = kafka_server.properties(home, PORTS, PASSWORDS, line)
    assert listening_hosts(settings["listeners"]) == ["127.0.0.1", "127.0.0.1", "192.0.2.7"]
    assert settings["advertised.listeners"].endswith(",LINE://192.0.2.7:9098")
    assert settings["listener.security.protocol.map"].endswith(",LINE:SSL")
    assert settings["listener.name.line.ssl.client.auth"] == "required"
    assert settings["super.users"] == "User:admin"


def test_the_page_has_the_rules_of_the_listener() -> None:
    page = (Path(__file__).parents[2] / "docs" / "connect" / "line.md").read_text(encoding="utf-8")
    for name, value in kafka_server.LINE_RULES.items():
        assert f"{name}={value}\n" in page


def test_a_running_kafka_with_another_line_is_found_out(tmp_path: Path, folder: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    line = line_at("127.0.0.1:9098", folder.parent)
    other = Line("127.0.0.1", 9099, line.keystore, line.truststore)
    assert kafka_server.listens_as(home, PORTS, line)  # nothing was ever written
    kafka_server.write_configuration(home, PROGRAMS, PORTS, PASSWORDS, line)
    assert [kafka_server.listens_as(home, PORTS, one) for one in (line, other, None)] == [True, False, False]
    kafka_server.write_configuration(home, PROGRAMS, PORTS, PASSWORDS)
    assert [kafka_server.listens_as(home, PORTS, one) for one in (line, None)] == [False, True]


def test_what_a_client_is_given_holds_files_instead_of_a_password(folder: Path) -> None:
    words = ("tax", "127.0.0.1:1", "SASL_PLAINTEXT", "SCRAM-SHA-256", "tax", "the-password", None)
    plain = ClientConnection(*words, "http://r", "intake.tax", "decision.tax", (), "tax-", 4, {})
    with pytest.raises(ConfigError, match="run `qianbei line issue tax`"):
        over_line(plain, "127.0.0.1:9098", folder)
    issue(folder, "tax")
    found = over_line(plain, "127.0.0.1:9098", folder)
    for form in FORMATS.values():
        text = form(found)
        assert "the-password" not in text
        assert "127.0.0.1:9098" in text
        assert str(folder / "ca.pem") in text
    assert f"ssl.keystore.location={folder / 'tax-keystore.pem'}" in FORMATS["java"](found)
    assert f"ssl.key.location={folder / 'tax.key'}" in FORMATS["kcat"](found)


def test_a_login_by_certificate_is_taken_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tax = issue(folder, "tax")
    given = {
        "QIANBEI_KAFKA_BOOTSTRAP": "kafka.example:9098",
        "QIANBEI_KAFKA_SECURITY": "SSL",
        "QIANBEI_KAFKA_USERNAME": "tax",
        "QIANBEI_KAFKA_CERTFILE": str(tax.certfile),
        "QIANBEI_KAFKA_KEYFILE": str(tax.keyfile),
        "SCHEMA_REGISTRY_URL": "http://r",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = settings_of("tax", given)
    assert settings.kafka_certfile == tax.certfile
    assert settings.kafka_password is None
