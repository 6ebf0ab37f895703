"""The doorway on the live servers, and what it knows of them from its start."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker.admission.eligibility import Judge, Judgement, Question
from broker.admission.opening import know as know_admission
from broker.api.decisions import EventKey, Found
from broker.api.filing import Forms
from broker.api.intake import Intake
from broker.api.ledger import Ledger
from broker.api.openapi import subjects_to_file
from broker.api.tokens import Token
from broker.codec import Decoder
from broker.disclosed.terms import ELIGIBILITY, eligibility_words
from broker.errors import Unavailable
from broker.kafka import Outgoing
from broker.query.access_log import Access, AccessLog
from broker.registry import Registry
from broker.released import decoder, encode_newest, intake_subject, topic_subject
from broker.settings import Settings
from broker.store.connect import Connection, connected, translated
from broker.topics import INTERNAL, decision_topic
from schemas.files import latest_version, load_schema
from schemas.installation import Installation
from schemas.jsonform import to_json
from schemas.said import said

LOOK_S = 3.0


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What does not change until the site's files do."""

    forms: Forms
    decisions: Decoder
    judge: Judge


def know(settings: Settings, installation: Installation) -> Knowledge:
    """Read schemas and the party key. Raises ConfigError or Unavailable."""
    admission = know_admission(settings, installation)
    catalogue = installation.catalogue
    with Registry(settings.registry_url) as registry:
        encoders = {s: encode_newest(registry, intake_subject(s)) for s in subjects_to_file(catalogue)}
        topics = [decision_topic(name) for name in catalogue.principals if name != INTERNAL]
        decisions = decoder(registry, [topic_subject(topic, "decision") for topic in topics])
    forms = Forms(catalogue, encoders, settings.slots)
    judge = Judge(admission.decider.law, admission.states, admission.fill_party_refs, settings.slots)
    return Knowledge(forms, decisions, judge)


class LiveDoorway:
    """See ``Doorway``. Questions of eligibility are few and take turns on one thread with one connection."""

    def __init__(
        self, knowledge: Knowledge, intake: Intake, ledger: Ledger, accesses: AccessLog, dsn: str
    ) -> None:
        self.forms = knowledge.forms
        self._decisions = knowledge.decisions
        self._schema = load_schema("decision", latest_version("decision"))
        self._intake = intake
        self._ledger = ledger
        self._accesses = accesses
        self._asker = _Asker(knowledge.judge, dsn)

    def learn(self, knowledge: Knowledge) -> None:
        """From now on answer by this; what is under way keeps what it began with."""
        self.forms = knowledge.forms
        self._decisions = knowledge.decisions
        self._asker.judge = knowledge.judge

    @property
    def waiting(self) -> int:
        return self._ledger.waiter.waiting

    @property
    def healthy(self) -> bool:
        return self._intake.open and self._ledger.open

    async def look(self, key: EventKey) -> Found | None:
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._ledger.waiter.look(key)
        except TimeoutError:
            raise Unavailable(said("the database does not answer")) from None

    def post(self, message: Outgoing) -> asyncio.Future[int]:
        return self._intake.post(message)

    async def wait(self, key: EventKey, seconds: float) -> Found | None:
        return await self._ledger.waiter.wait(key, seconds)

    def read(self, found: Found) -> Mapping[str, Any]:
        return to_json(self._schema, self._decisions.decode(found.record)[1])

    async def judge(self, question: Question, token: Token) -> Judgement:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(LOOK_S):
                judged = await self._asker.ask(question)
        except TimeoutError:
            raise Unavailable(said("the database does not answer")) from None
        await self._accesses.write(judgement_access(question, judged, token, begun))
        return judged

    def close(self) -> None:
        """Give the connection for questions back."""
        self._asker.close()


def judgement_access(question: Question, judged: Judgement, token: Token, begun: float) -> Access:
    """The row of the access log: a judgement tells of those who would sign, and of the house."""
    purpose, basis = eligibility_words()
    told = {"eligible": True, "reasons": judged.reasons, "warnings": judged.warnings}
    return Access(
        access_id=uuid.uuid4(),
        at=judged.as_of,
        principal=token.principal,
        token_id=token.token_id,
        city_code=token.city_code,
        officer_id=None,
        officer_name=None,
        query=ELIGIBILITY,
        purpose=purpose,
        legal_basis=basis,
        number_kind=None,
        number=None,
        parties=list(judged.refs),
        houses=[question.house_code],
        contracts=[],
        granted=True,
        code="answered",
        fields=[name for name, value in told.items() if value],
        records=len(judged.reasons) + len(judged.warnings),
        answer_sha256=None,
        latency_us=round((time.monotonic() - begun) * 1_000_000),
    )


class _Asker:
    """One thread, one connection, made when first needed and thrown away after any failure."""

    def __init__(self, judge: Judge, dsn: str) -> None:
        self.judge = judge
        self._dsn = dsn
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="eligibility")
        self._opened = ExitStack()
        self._db: Connection | None = None

    async def ask(self, question: Question) -> Judgement:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, question)

    def _ask(self, question: Question) -> Judgement:
        if self._db is None:
            self._db = self._opened.enter_context(connected(self._dsn, "qianbei api eligibility"))
        try:
            with translated(self._dsn):
                return self.judge.judge(self._db, question, datetime.now(UTC))
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        self._db = None
        self._opened.close()

    def close(self) -> None:
        self._thread.submit(self._drop)
        self._thread.shutdown(wait=False)
