"""Who asks, and what it may: from the Authorization header to a token with its rights."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime

from broker.api.problems import ProblemError
from broker.api.tokens import Token, split

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="qianbei"'}
_ALWAYS = datetime.min.replace(tzinfo=UTC)

_NOBODY = Token("", "0" * 64, "", frozenset(), _ALWAYS, "", expires_at=_ALWAYS)
"""Checked where there is no token of the id that is presented: an unknown id then takes as long as a wrong secret."""


class TokenBook:
    """The tokens as last read from the database: no request asks for them. Also notes which were used."""

    def __init__(
        self, principals: Collection[str], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._principals = principals
        self._clock = clock
        self._tokens: Mapping[str, Token] = {}
        self._used: dict[str, datetime] = {}

    @property
    def principals(self) -> frozenset[str]:
        """Whose tokens open something."""
        return frozenset(self._principals)

    def admit(self, principals: Collection[str]) -> None:
        """From now on only tokens of these principals open anything."""
        self._principals = principals

    def replace(self, tokens: Iterable[Token]) -> None:
        """Take over what the database now holds."""
        self._tokens = {token.token_id: token for token in tokens}

    def take_used(self) -> dict[str, datetime]:
        """The tokens used since this was last asked, with the time of their last use."""
        used, self._used = self._used, {}
        return used

    def owner(self, authorization: str | None) -> Token:
        """The token of an Authorization header. Raises ProblemError 401, the same for every reason."""
        scheme, _, presented = (authorization or "").partition(" ")
        parts = split(presented.strip()) if scheme.lower() == "bearer" else None
        now = self._clock()
        if parts is not None:
            token = self._tokens.get(parts[0], _NOBODY)
            if token.opened_by(parts[1]) and token.valid(now) and token.principal in self._principals:
                self._used[token.token_id] = now
                return token
        raise ProblemError(
            "unauthorized",
            "no token that is known, not expired and not revoked",
            "send Authorization: Bearer with a token of `qianbei token issue`",
            headers=_CHALLENGE,
        )


def require(token: Token, action: str, subject: str | None = None) -> None:
    """The token must allow the action, on this subject if one is named. Raises ProblemError 403."""
    if token.may(action, subject):
        return
    scope = action if subject is None else f"{action}:{subject}"
    others = ", ".join(token.subjects(action))
    mend = f"it has {action} on {others}; " if others else ""
    raise ProblemError(
        "forbidden", f"this token has no scope {scope}", f"{mend}ask for a token with the scope {scope}"
    )
