"""A small certificate authority for the dedicated line of sandboxes and tests: PEM files, EC P-256.

A production line uses the department's own authority; what a certificate of it must say stands in docs/connect/line.md.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.errors import ConfigError
from qianbei.stack.line import SERVER, TRUSTED, keystore_name
from schemas.catalogue import Catalogue
from schemas.said import said

CA_KEY = "ca.key"
CA_DAYS, DAYS = 1825, 365
_EARLIER = timedelta(minutes=5)  # clocks differ


@dataclass(frozen=True, slots=True)
class Issued:
    """The files of one certificate; ``keystore`` holds key and certificate, as Java takes them."""

    certfile: Path
    keyfile: Path
    keystore: Path


def make_ca(folder: Path, *, now: datetime | None = None) -> Path:
    """Make the authority; gives the file that everybody trusts. Raises ConfigError if there is one already."""
    if (folder / TRUSTED).exists():
        raise ConfigError(
            said(
                "{path} is there already: a new authority would make every certificate worthless; "
                "move the folder away if that is meant",
                path=folder / TRUSTED,
            )
        )
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Qianbei sandbox line CA")
    usage = _usage(signs_certificates=True)
    made = (
        _begun(name, name, key.public_key(), CA_DAYS, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(folder / CA_KEY, _pem_key(key))
    _write(folder / TRUSTED, made.public_bytes(serialization.Encoding.PEM))
    return folder / TRUSTED


def require_issuable(name: str, hosts: Sequence[str], catalogue: Catalogue) -> None:
    """Raises ConfigError unless the name is a principal's, or ``server`` with the hosts that clients know it by.

    The listener refuses all other names; to prove that, ``issue`` makes them too.
    """
    if name == SERVER:
        if not hosts:
            raise ConfigError(
                said("the server's certificate needs the names or addresses that clients use: give --host")
            )
        return
    if name not in catalogue.members:
        names = ", ".join([*sorted(catalogue.members), SERVER])
        raise ConfigError(
            said("there is no principal {principal}; there are {names}", principal=name, names=names)
        )


def issue(
    folder: Path,
    name: str,
    *,
    hosts: Sequence[str] = (),
    days: int = DAYS,
    into: Path | None = None,
    now: datetime | None = None,
) -> Issued:
    """A certificate of that common name: with ``hosts`` for a listener, else for a client.

    Raises ConfigError without the authority.
    """
    ca, ca_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    made = (
        _begun(_name(name), ca.subject, key.public_key(), days, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternatives(name, hosts)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    place = into or folder
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = Issued(place / f"{name}.pem", place / f"{name}.key", place / keystore_name(name))
    certificate, private = made.public_bytes(serialization.Encoding.PEM), _pem_key(key)
    _write(files.keyfile, private)
    _write(files.keystore, private + certificate)
    _write(files.certfile, certificate)
    return files


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        ca = x509.load_pem_x509_certificate((folder / TRUSTED).read_bytes())
        key = serialization.load_pem_private_key((folder / CA_KEY).read_bytes(), None)
    except (OSError, ValueError) as error:
        raise ConfigError(
            said(
                "there is no authority in {folder} ({kind}): run `qianbei line ca`, or have your own "
                "one issue",
                folder=folder,
                kind=type(error).__name__,
            )
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(
            said(
                "{path} is not a key of `qianbei line ca`: have that authority issue the certificate itself",
                path=folder / CA_KEY,
            )
        )
    return ca, key


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int, now: datetime | None
) -> x509.CertificateBuilder:
    begins = (now or datetime.now(UTC)) - _EARLIER
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Qianbei"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(name: str, hosts: Sequence[str]) -> list[x509.GeneralName]:
    if not hosts:
        return [x509.UniformResourceIdentifier(f"urn:qianbei:principal:{name}")]
    return [_host(host) for host in hosts]


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _write(path: Path, content: bytes) -> None:
    """Never to be read by others, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
