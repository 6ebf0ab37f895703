"""Clients of the front door for tests: tokens, filings in JSON form, and a door without servers."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import structlog

from broker.admission.eligibility import Judgement, Question
from broker.admission.intake import read
from broker.admission.model import Candidate
from broker.api.access import TokenBook
from broker.api.app import create_app
from broker.api.decisions import EventKey, Found
from broker.api.edge import Edge
from broker.api.filing import Forms
from broker.api.limits import Limits
from broker.api.tokens import Token, scopes_of
from broker.codec import Decoder, Released, encoder
from broker.errors import Unavailable
from broker.kafka import Outgoing, Record
from broker.metrics import ServiceMetrics
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema, parsed
from schemas.jsonform import to_json
from tests.support.story import Event

SLOTS = 4


def json_of(event: Event) -> dict[str, Any]:
    """An event as a source writes it: without what the exchange fills, and without nulls."""
    schema = load_schema(event.subject, latest_version(event.subject))
    owned = {f["name"] for f in schema["fields"] if f.get("owner") == "exchange"}
    written = to_json(schema, event.record)
    return {name: value for name, value in written.items() if name not in owned and value is not None}


def made_token(principal: str, *scopes: str, days: int = 1) -> tuple[Token, str]:
    """A token that no database holds, and what its client presents."""
    secret, now = uuid.uuid4().hex * 2, datetime.now(UTC)
    token = Token(
        secret[:12],
        hashlib.sha256(secret.encode()).hexdigest(),
        principal,
        scopes_of(load_catalogue(), principal, scopes),
        now,
        "test",
        now + timedelta(days=days),
    )
    return token, f"qb_{token.token_id}_{secret}"


def forms() -> tuple[Forms, Decoder]:
    """Forms as on a real registry, with ids of our own, and what reads them."""
    catalogue = load_catalogue()
    released = {
        n: Released(s, latest_version(s), n, parsed(s, latest_version(s)))
        for n, s in enumerate(catalogue.subjects, start=1)
    }
    encoders = {r.subject: encoder(r.schema_id, r.parsed) for r in released.values()}
    return Forms(catalogue, encoders, SLOTS), Decoder(released)


@dataclass
class FakeDoor:
    """A doorway whose admission accepts everything, unless it is told otherwise."""

    forms: Forms
    decoder: Decoder
    reasons: tuple[dict[str, Any], ...] = ()
    deciding: bool = True
    broken: bool = False
    waiting: int = 0
    written: list[Outgoing] = field(default_factory=list)
    decisions: dict[EventKey, Found] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        return not self.broken

    async def look(self, key: EventKey) -> Found | None:
        return self.decisions.get(key)

    def post(self, message: Outgoing) -> asyncio.Future[int]:
        if self.broken:
            raise Unavailable("broken by the test at server-of-secrets:9092")
        self.written.append(message)
        if self.deciding:
            self.decide(message)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(len(self.written) - 1)
        return done

    def decide(self, message: Outgoing) -> None:
        place = Record(
            message.topic, message.partition, len(self.written) - 1, 0, message.key, message.value, ()
        )
        found = read(place, self.decoder, self.forms.catalogue, SLOTS)
        assert isinstance(found, Candidate)
        record = json.dumps(self._decision(found)).encode()
        self.decisions.setdefault((found.principal, found.event_id), Found(found.sha256, record))

    def _decision(self, found: Candidate) -> dict[str, Any]:
        refused = any(reason["severity"] == "REFUSE" for reason in self.reasons)
        return {
            "event_id": found.event_id,
            "outcome": "REFUSED" if refused else "ACCEPTED",
            "reasons": list(self.reasons),
            "intake_offset": found.place.offset,
        }

    async def wait(self, key: EventKey, seconds: float) -> Found | None:
        return self.decisions.get(key)

    def read(self, found: Found) -> Mapping[str, Any]:
        decision: dict[str, Any] = json.loads(found.record)
        return decision

    async def judge(self, question: Question, token: Token) -> Judgement:
        if self.broken:
            raise Unavailable("broken by the test at server-of-secrets:5432")
        return Judgement((), (), datetime(2026, 1, 2, tzinfo=UTC))


def reason(code: str, severity: str = "REFUSE") -> dict[str, Any]:
    """A reason in JSON form."""
    return {"code": code, "severity": severity, "zh": "…", "en": "…", "legal_basis": "…", "field": None}


@dataclass
class Client:
    """A client of an application without servers, with a token that may do all that its principal can."""

    door: FakeDoor
    principal: str = "bureau"
    limits: Limits = field(default_factory=Limits)
    logged: list[dict[str, Any]] = field(default_factory=list)
    """What the edge has logged."""

    def __post_init__(self) -> None:
        self.book = TokenBook(self.door.forms.catalogue.principals)
        self.tokens: list[Token] = []
        self.presented = self.issue(self.principal)
        inner = create_app(self.door, self.book, self.limits, "test")
        log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[self._note])
        self.app = Edge(inner, ServiceMetrics("api"), log)

    def _note(self, _logger: object, _method: str, event: Any) -> Any:
        self.logged.append(dict(event))
        return str(event)

    def issue(self, principal: str, *scopes: str, days: int = 1) -> str:
        """Another token."""
        token, presented = made_token(principal, *scopes, days=days)
        self.tokens.append(token)
        self.book.replace(self.tokens)
        return presented

    def post(self, path: str, body: Any, token: str | None = None, **request: Any) -> httpx.Response:
        """A JSON body, with our own token or another."""
        return self.call("POST", path, token, json=body, **request)

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        return self.call("GET", path, token)

    def call(self, method: str, path: str, token: str | None = None, **request: Any) -> httpx.Response:
        """One request, in a loop of its own. The token "" sends none."""
        presented = self.presented if token is None else token
        headers = {"Authorization": f"Bearer {presented}"} if presented else {}
        request["headers"] = headers | request.get("headers", {})

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                return await client.request(method, path, **request)

        return asyncio.run(run())


def new_id() -> str:
    return str(uuid.uuid4())
