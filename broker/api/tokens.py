"""Bearer tokens: who may use the front door, for what, until when.

A token reads ``qb_<id>_<secret>``. The secret is 256 random bits, shown once. What is kept is its SHA-256: a slow
password hash protects what people choose, by making each guess dear; 2^256 equally likely secrets cannot be guessed at
any price, so a plain hash keeps a stolen table useless, and checking it costs microseconds on every request.

*Actions* are ``file`` (send filings), ``ask`` (eligibility), ``read`` (decisions) and ``query`` (the query API). A *scope* is
an action on one subject, such as ``file:sale``, on one query, such as ``query:household_means``, or ``read`` by itself. When a
token is issued its scopes are never wider than what the principal may send and its entitlement lets it ask; whatever the catalogue takes from the principal later, its tokens lose too.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.errors import ConfigError
from broker.store.connect import Connection
from schemas.catalogue import Catalogue
from schemas.entitlements import Entitlement, queries_of
from schemas.said import said

FILE, ASK, READ, QUERY = "file", "ask", "read", "query"
ACTIONS = (FILE, ASK, READ, QUERY)
ASKABLE = ("sale", "lease", "mortgage")
"""Subjects that eligibility can be asked about: the contracts."""

CHANNEL = "qb_tokens"
"""Notified when tokens change, so that a revoked one is refused at once."""

MAX_DAYS = 366
OWN_CITY = "411400"
_CITY = re.compile(r"[1-8][0-9]{3}00")
_PRESENTED = re.compile(r"qb_([0-9a-f]{12})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept; its secret is not here."""

    token_id: str
    secret_sha256: str
    principal: str
    scopes: frozenset[str]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    city_code: str | None = None
    """The other city whose authority holds it (异地), by its six digits; None: our own."""

    def valid(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at

    def opened_by(self, secret: str) -> bool:
        return hmac.compare_digest(_sha256(secret), self.secret_sha256)

    def may(self, action: str, subject: str | None = None) -> bool:
        """Whether a scope allows the action on this subject; without one, on any at all."""
        if subject is not None:
            return f"{action}:{subject}" in self.scopes
        return any(scope.partition(":")[0] == action for scope in self.scopes)

    def subjects(self, action: str) -> list[str]:
        """The subjects on which the token allows an action, in order."""
        return sorted(scope.partition(":")[2] for scope in self.scopes if scope.startswith(f"{action}:"))


def split(presented: str) -> tuple[str, str] | None:
    """The id and the secret of what a client presents; None if it has not the form of a token."""
    match = _PRESENTED.fullmatch(presented)
    return (match[1], match[2]) if match else None


def city_of(code: str) -> str:
    """The code of another city, by GB/T 2260. Raises ConfigError for what is none, or our own."""
    if not _CITY.fullmatch(code):
        raise ConfigError(
            said("{code} is no code of a city: write six digits of GB/T 2260 such as 410100", code=code)
        )
    if code == OWN_CITY:
        raise ConfigError(said("{code} is our own city: leave --city out", code=code))
    return code


def scopes_of(
    catalogue: Catalogue,
    principal: str,
    wanted: Iterable[str],
    entitlements: Iterable[Entitlement] | None = None,
    *,
    elsewhere: bool = False,
) -> frozenset[str]:
    """The scopes of words such as ``file``, ``file:sale,lease`` or ``read``; none at all means all that is possible.

    ``entitlements`` say what it may query; None: those that are shipped.
    ``elsewhere``: those of the principal's colleague of another city, who may ask some queries and do nothing else.
    Raises ConfigError for an unknown principal or action, or a subject or query that the action cannot be on.
    """
    if principal not in catalogue.members:
        names = ", ".join(sorted(catalogue.members))
        raise ConfigError(
            said("there is no principal {principal}; there are {names}", principal=principal, names=names)
        )
    words = list(wanted)
    if elsewhere:
        return _scopes_elsewhere(principal, words, entitlements)
    sends = set(catalogue.principal(principal).sends)
    possible = {FILE: sends, ASK: sends & set(ASKABLE), QUERY: queries_of(principal, entitlements)}
    if not words:
        return frozenset({READ, *(f"{a}:{s}" for a, subjects in possible.items() for s in subjects)})
    return frozenset(scope for word in words for scope in _scopes(word, principal, possible))


def _scopes_elsewhere(
    principal: str, words: Sequence[str], entitlements: Iterable[Entitlement] | None
) -> frozenset[str]:
    if wrong := sorted({word.partition(":")[0] for word in words} - {QUERY}):
        raise ConfigError(
            said(
                "a token of another city cannot {actions}; it can {query}",
                actions=", ".join(wrong),
                query=QUERY,
            )
        )
    possible = {QUERY: queries_of(principal, entitlements, elsewhere=True)}
    return frozenset(scope for word in words or [QUERY] for scope in _scopes(word, principal, possible))


def _scopes(word: str, principal: str, possible: Mapping[str, AbstractSet[str]]) -> list[str]:
    action, _, listed = word.partition(":")
    if word == READ:
        return [READ]
    if action not in possible:
        raise ConfigError(
            said(
                "there is no scope {word}; write {actions}, or {file}:SUBJECT,…",
                word=word,
                actions=", ".join(ACTIONS),
                file=FILE,
            )
        )
    subjects = set(filter(None, listed.split(","))) or possible[action]
    if not subjects or (wrong := subjects - possible[action]):
        named = f" on {', '.join(sorted(wrong))}" if subjects else ""
        mend = f"it can on {', '.join(sorted(possible[action]))}" if possible[action] else "it can on nothing"
        raise ConfigError(
            said(
                "{principal} cannot {action}{named}; {mend}",
                principal=principal,
                action=action,
                named=named,
                mend=mend,
            )
        )
    return [f"{action}:{subject}" for subject in subjects]


def issue(
    db: Connection,
    principal: str,
    scopes: Iterable[str],
    days: int,
    created_by: str,
    city_code: str | None = None,
) -> tuple[Token, str]:
    """Make a token and keep it, of ``city_code`` if that is another city; the second value is what the client presents, and is nowhere else."""
    token_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    now = datetime.now(UTC)
    token = Token(
        token_id,
        _sha256(secret),
        principal,
        frozenset(scopes),
        now,
        created_by,
        now + timedelta(days=days),
        city_code=city_code,
    )
    with db.transaction():
        db.execute(
            "INSERT INTO front.token (token_id, secret_sha256, principal, scopes, created_at, created_by, expires_at,"
            " city_code) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                token_id,
                token.secret_sha256,
                principal,
                sorted(token.scopes),
                now,
                created_by,
                token.expires_at,
                city_code,
            ),
        )
        _notify(db)
    return token, f"qb_{token_id}_{secret}"


def revoke(db: Connection, token_id: str) -> None:
    """From now on the token opens nothing. Raises ConfigError if there is none of that id."""
    with db.transaction():
        found = db.execute(
            "UPDATE front.token SET revoked_at = coalesce(revoked_at, now()) WHERE token_id = %s", (token_id,)
        )
        _notify(db)
    if not found.rowcount:
        raise ConfigError(
            said("there is no token {token_id}; `qianbei token list` shows all", token_id=token_id)
        )


def revoke_all(db: Connection, principal: str) -> int:
    """From now on no token of this principal opens anything; gives how many still did."""
    with db.transaction():
        found = db.execute(
            "UPDATE front.token SET revoked_at = now() WHERE principal = %s AND revoked_at IS NULL AND expires_at > now()",
            (principal,),
        )
        _notify(db)
    return found.rowcount


def load(db: Connection) -> list[Token]:
    """All tokens, newest last."""
    return [token_of(row) for row in db.execute(SELECT).fetchall()]


SELECT = (
    "SELECT token_id, secret_sha256, principal, scopes, created_at, created_by, expires_at, revoked_at, last_used_at,"
    " city_code FROM front.token ORDER BY created_at, token_id"
)


def token_of(row: Sequence[Any]) -> Token:
    """A row of ``SELECT``."""
    token_id, sha256, principal, scopes, *rest = row
    return Token(token_id, sha256, principal, frozenset(scopes), *rest)


def _notify(db: Connection) -> None:
    db.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
