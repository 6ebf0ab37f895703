"""Connections to Postgres, and what its errors mean to us, by SQLSTATE and never by text."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa
from psycopg import errors as pg
from sqlalchemy.engine import make_url

from broker.errors import AccessDenied, ConfigError, Unavailable
from broker.settings import server_of
from schemas.said import said

Connection = psycopg.Connection[tuple[object, ...]]

_DENIED = (pg.InvalidPassword, pg.InvalidAuthorizationSpecification, pg.InsufficientPrivilege)
_UNPREPARED = (pg.UndefinedTable, pg.InvalidSchemaName, pg.UndefinedColumn)


@contextmanager
def connected(dsn: str, application: str) -> Iterator[Connection]:
    """A connection that is closed at the end of the block. Raises AccessDenied or Unavailable."""
    with translated(dsn):
        connection = psycopg.connect(
            dsn, application_name=application, connect_timeout=10, autocommit=True, options="-c TimeZone=UTC"
        )
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def translated(dsn: str) -> Iterator[None]:
    """Turn psycopg's errors of the environment into ours; errors of the data (classes 22 and 23) pass through.

    Raises AccessDenied, ConfigError (the database is not prepared) or Unavailable, each naming the address.
    """
    try:
        yield
    except _DENIED as error:
        raise AccessDenied(
            said(
                "Postgres at {dsn} refuses this user ({sqlstate}): check its role and password",
                dsn=server_of(dsn),
                sqlstate=error.sqlstate,
            )
        ) from None
    except _UNPREPARED as error:
        raise ConfigError(
            said(
                "the database at {dsn} is not prepared ({sqlstate}): run `qianbei deploy`",
                dsn=server_of(dsn),
                sqlstate=error.sqlstate,
            )
        ) from error
    except psycopg.OperationalError as error:
        raise _unavailable(dsn, error) from error
    except psycopg.Error as error:
        if (error.sqlstate or "")[:2] in ("22", "23"):
            raise
        raise _unavailable(dsn, error) from error


@contextmanager
def transaction(dsn: str) -> Iterator[sa.Connection]:
    """A SQLAlchemy connection of its own within one transaction.

    Raises as ``translated``, and ConfigError for a DSN that is no URL.
    """
    try:
        url = make_url(dsn).set(drivername="postgresql+psycopg")
    except sa.exc.ArgumentError:
        raise ConfigError(
            said("the DSN is no URL: write it as postgresql://user@host:port/database")
        ) from None
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with translated(dsn):
        try:
            with engine.begin() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            if isinstance(error.orig, psycopg.Error):
                raise error.orig from None
            raise
        finally:
            engine.dispose()


def _unavailable(dsn: str, error: psycopg.Error) -> Exception:
    # A failed login reaches libpq before any SQLSTATE does; its text is the only place that says so.
    if error.sqlstate is None and "authentication failed" in str(error):
        return AccessDenied(
            said("Postgres at {dsn} refuses this user: check its role and password", dsn=server_of(dsn))
        )
    return Unavailable(
        said(
            "Postgres at {dsn} did not answer ({value}): check that it is running and reachable",
            dsn=server_of(dsn),
            value=error.sqlstate or type(error).__name__,
        )
    )
