"""Whether a Kafka listener with TLS takes us: tried by a handshake of our own before a client is opened.

kafka-python tells every failure of TLS as a bootstrap that timed out, after ten seconds. Here the same files are used for
one handshake and one small request (ApiVersions), so that the error says which side does not trust the other, and why.
"""

import socket
import ssl
import struct
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from broker.errors import AccessDenied, ConfigError, Unavailable
from broker.kafka.connection import Connection
from schemas.said import Said, said

_ENCRYPTED = ("SSL", "SASL_SSL")
# Length, ApiVersions, version 0, correlation id 0, no client id: allowed before any login.
_ASK = struct.pack(">ihhih", 10, 18, 0, 0, -1)
_TIMEOUT_S = 5.0


def require_accepted(connection: Connection) -> None:
    """Nothing where the connection has no TLS, one server takes us, or none can be reached (its client will say so).

    Raises ConfigError if our files are wrong or do not trust the server, AccessDenied if it refuses our certificate,
    Unavailable if it hangs up.
    """
    if connection.security not in _ENCRYPTED:
        return
    context = _context(connection)
    for server in connection.bootstrap.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            plain = socket.create_connection((host.strip("[]"), int(port)), timeout=_TIMEOUT_S)
        except (OSError, OverflowError, ValueError):
            continue  # no server, or no address: the client says so
        with plain:
            _greet(connection, context, plain, host)
            return


def _greet(connection: Connection, context: ssl.SSLContext, plain: socket.socket, host: str) -> None:
    try:
        with context.wrap_socket(plain, server_hostname=host.strip("[]")) as line:
            # A refusal of our certificate comes after the handshake (TLS 1.3); it is still there to be read.
            with suppress(ConnectionError):
                line.sendall(_ASK)
            if line.recv(4):
                return
    except ssl.SSLCertVerificationError as error:
        raise ConfigError(
            said(
                "the certificate of Kafka at {bootstrap} is not to be trusted ({reason}): "
                "check QIANBEI_KAFKA_CAFILE, and that the address is the one in the certificate",
                bootstrap=connection.bootstrap,
                reason=error.verify_message,
            )
        ) from None
    except ssl.SSLError as error:
        raise _refused(connection, error.reason or type(error).__name__) from None
    except TimeoutError:
        raise Unavailable(
            said(
                "Kafka at {bootstrap} does not answer within {seconds:.0f} s",
                bootstrap=connection.bootstrap,
                seconds=_TIMEOUT_S,
            )
        ) from None
    except ConnectionError:
        pass
    raise _hung_up(connection)


def _context(connection: Connection) -> ssl.SSLContext:
    """Raises ConfigError naming the file that is wrong."""
    if (connection.certfile is None) != (connection.keyfile is None):
        raise ConfigError(
            said(
                "a certificate takes its key: set QIANBEI_KAFKA_CERTFILE and QIANBEI_KAFKA_KEYFILE, or neither"
            )
        )
    try:
        context = ssl.create_default_context(cafile=connection.cafile)
    except OSError as error:
        raise ConfigError(
            said(
                "QIANBEI_KAFKA_CAFILE {cafile} holds no certificates ({kind})",
                cafile=connection.cafile,
                kind=type(error).__name__,
            )
        ) from None
    if connection.certfile is not None:
        try:
            context.load_cert_chain(connection.certfile, connection.keyfile, password="")
        except OSError as error:
            raise ConfigError(
                said(
                    "QIANBEI_KAFKA_CERTFILE {certfile} and QIANBEI_KAFKA_KEYFILE {keyfile} do not belong "
                    "together, or cannot be read ({kind}); a key with a password is not taken",
                    certfile=connection.certfile,
                    keyfile=connection.keyfile,
                    kind=type(error).__name__,
                )
            ) from None
    return context


def _refused(connection: Connection, reason: str) -> Exception:
    bootstrap = connection.bootstrap
    if "ALERT" not in reason:
        return ConfigError(
            said(
                "Kafka at {bootstrap} does not speak TLS as we do ({reason}): check the port and QIANBEI_KAFKA_SECURITY",
                bootstrap=bootstrap,
                reason=reason,
            )
        )
    if connection.certfile is None:
        return AccessDenied(
            said(
                "Kafka at {bootstrap} requires a certificate, and none was shown: set QIANBEI_KAFKA_CERTFILE and "
                "QIANBEI_KAFKA_KEYFILE",
                bootstrap=bootstrap,
            )
        )
    return AccessDenied(
        said(
            "Kafka at {bootstrap} refuses the certificate {certfile} ({reason}): {why}",
            bootstrap=bootstrap,
            certfile=connection.certfile,
            reason=reason,
            why=_why(connection.certfile),
        )
    )


def _why(certfile: Path) -> Said:
    try:
        ends = x509.load_pem_x509_certificate(certfile.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return said("it cannot be read as PEM")
    if ends <= datetime.now(UTC):
        return said("it has expired, at {ends:%Y-%m-%d %H:%M} UTC: have it renewed", ends=ends)
    return said("it is not of the certificate authority that this line trusts: have it issued by that one")


def _hung_up(connection: Connection) -> Exception:
    if connection.security == "SSL":
        return Unavailable(
            said(
                "Kafka at {bootstrap} hung up after the handshake: it is stopping, or the name in "
                "the certificate {certfile} is no principal's",
                bootstrap=connection.bootstrap,
                certfile=connection.certfile,
            )
        )
    return Unavailable(
        said("Kafka at {bootstrap} hung up after the handshake", bootstrap=connection.bootstrap)
    )
