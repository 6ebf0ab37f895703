"""Putting admission together: what it knows, read once, and one session after another on the live servers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from broker.admission import store
from broker.admission.batch import Decider
from broker.admission.checks import compile_all
from broker.admission.decide import Law
from broker.admission.erasing import ERASABLE
from broker.admission.model import Body
from broker.admission.records import Encoders
from broker.admission.requests import REQUESTED
from broker.admission.sealing import Sealer
from broker.admission.service import GROUP, AdmissionSession, FillPartyRefs, Knowledge
from broker.codec import MAX_RECORD_BYTES, Decoder
from broker.errors import ConfigError
from broker.kafka import Connection as Kafka
from broker.kafka import GroupConsumer, TransactionalProducer
from broker.keys.ciphers import Algorithm
from broker.keys.master import read_master_key
from broker.keys.places import places_of
from broker.metrics import ServiceMetrics
from broker.protected import fill_party_refs, party_lists
from broker.registry import Registry
from broker.released import decoder, encode_newest, exchange_subject, intake_subject, topic_subject
from broker.settings import Settings
from broker.store.connect import Connection, connected, translated
from broker.topics import decision_topic, exchange_topic, intake_topics, quarantine_topics
from schemas.catalogue import Catalogue
from schemas.files import Schema, latest_version, load_schema
from schemas.installation import Installation
from schemas.said import said


def know(settings: Settings, installation: Installation) -> Knowledge:
    """Read schemas and the party key. Raises ConfigError or Unavailable."""
    catalogue = installation.catalogue
    with Registry(settings.registry_url) as registry:
        intake = intake_decoder(registry, catalogue)
        states = decoder(registry, [exchange_subject(subject) for subject in catalogue.subjects])
        encoders = _encoders(registry, catalogue)
    decider = Decider(law_of(settings, catalogue), encoders, settings.slots)
    schemas = _schemas(catalogue)
    refs = party_ref_filler(settings.party_key(), catalogue)
    return Knowledge(intake, states, decider, refs, sealer_of(settings, schemas))


def sealer_of(settings: Settings, schemas: Mapping[str, Schema]) -> Callable[[], Sealer] | None:
    """What makes a session's sealer; None if encryption is off. Raises ConfigError for a master key that is missing."""
    if settings.encryption == "off":
        return None
    algorithm, master = Algorithm(settings.encryption), read_master_key(settings.master_key_file)
    places = {subject: places_of(schema) for subject, schema in schemas.items()}
    return lambda: Sealer(algorithm, master, places)


def intake_decoder(registry: Registry, catalogue: Catalogue) -> Decoder:
    """What admission reads the intake with. Raises ConfigError or Unavailable."""
    subjects = [intake_subject(s) for s in catalogue.subjects]
    return decoder(registry, subjects, max_bytes=MAX_RECORD_BYTES)


def law_of(settings: Settings, catalogue: Catalogue) -> Law:
    """What admission decides by. Raises ConfigError for a wrong policy file."""
    checks = compile_all(_schemas(catalogue))
    return Law(catalogue, settings.policy(), checks, settings.reckoning())


def _schemas(catalogue: Catalogue) -> dict[str, Schema]:
    return {subject: load_schema(subject, latest_version(subject)) for subject in catalogue.subjects}


def _encoders(registry: Registry, catalogue: Catalogue) -> Encoders:
    records = dict.fromkeys(map(decision_topic, catalogue.principals), "decision")
    records |= dict.fromkeys(quarantine_topics(catalogue), "quarantine")
    answers = {
        topic: encode_newest(registry, topic_subject(topic, record)) for topic, record in records.items()
    }
    revisions = {
        subject: encode_newest(registry, exchange_subject(subject)) for subject in catalogue.subjects
    }
    requests = {subject: encode_newest(registry, intake_subject(subject)) for subject in REQUESTED | ERASABLE}
    return Encoders(revisions, requests, answers)


def party_ref_filler(key: bytes, catalogue: Catalogue) -> FillPartyRefs:
    """What fills in the party references of a subject's record, in place."""
    lists = {subject: party_lists(schema) for subject, schema in _schemas(catalogue).items()}

    def fill(subject: str, body: Body, *, own: bool = False) -> None:
        fill_party_refs(body, key, lists[subject], own=own)

    return fill


def _require_slots(db: Connection, settings: Settings) -> None:
    """With another number of slots every sound record would seem misplaced."""
    with translated(settings.dsn()):
        made_with = store.slot_count(db)
    if made_with != settings.slots:
        raise ConfigError(
            said(
                "this exchange was made with {made_with} slots: set QIANBEI_SLOTS={made_with}, not {slots}",
                made_with=made_with,
                slots=settings.slots,
            )
        )


@contextmanager
def session(settings: Settings, knowledge: Knowledge, metrics: ServiceMetrics) -> Iterator[AdmissionSession]:
    """One membership in the admission group, with the clients that belong to it."""
    kafka = Kafka.of(settings)
    instance = f"{GROUP}-{settings.instance}"
    encoders = knowledge.decider.encoders
    topics = intake_topics(knowledge.decider.law.catalogue)
    with (
        connected(settings.dsn(), f"qianbei admission {settings.instance}") as db,
        TransactionalProducer(kafka, instance) as producer,
        GroupConsumer(kafka, GROUP, topics, instance=instance) as consumer,
    ):
        _require_slots(db, settings)
        producer.learn([*encoders.answer, *map(exchange_topic, encoders.exchange)])
        yield AdmissionSession(knowledge, consumer, producer, db, settings.dsn(), instance, metrics)
