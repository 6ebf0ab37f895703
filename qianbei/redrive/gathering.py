"""Reading what is in quarantine and what has become of it: topics as the operator, decisions on redrives from Postgres."""

import hashlib

from broker.admission.model import Place
from broker.admission.redriven import redriven_of
from broker.errors import DecodeError
from broker.kafka import PartitionReader, Record
from broker.replay.decoding import AnyDecoder
from broker.settings import Settings
from broker.store.connect import connected, translated
from broker.topics import OPERATOR, REDRIVE, intake_topic
from qianbei.inspect.quarantine import Quarantined, read_quarantine, topics_of
from qianbei.inspect.reading import partitions_of, retained
from qianbei.redrive.cases import Attempt, Case, Settled, cases_of
from qianbei.site import Site
from schemas.catalogue import Catalogue

READER_ROLE = "qb_reader"


def as_operator(site: Site) -> Settings:
    """What reading takes: the operator's user and the reader's role."""
    return site.settings(OPERATOR, role=READER_ROLE)


def gather(
    reader: PartitionReader, decoder: AnyDecoder, settings: Settings, catalogue: Catalogue
) -> list[Case]:
    """All cases whose records are retained. Raises Unavailable or AccessDenied."""
    records = list(read_quarantine(reader, decoder, topics_of(reader, [*catalogue.principals])))
    return with_outcomes(reader, records, settings, catalogue)


def with_outcomes(
    reader: PartitionReader, records: list[Quarantined], settings: Settings, catalogue: Catalogue
) -> list[Case]:
    """The cases of these quarantine records."""
    partitions = partitions_of(reader, intake_topic(REDRIVE), OPERATOR, settings.installation())
    attempts = [found for one in retained(reader, partitions) if (found := _attempt(one, catalogue))]
    return cases_of(records, attempts, _settled(settings), catalogue)


def _attempt(record: Record, catalogue: Catalogue) -> Attempt | None:
    """A redrive; None for what does not say whose it is, which lies in quarantine as such."""
    try:
        redriven = redriven_of(record.headers, hashlib.sha256(record.value or b"").hexdigest(), catalogue)
    except DecodeError:
        return None
    return Attempt(Place(record.topic, record.partition, record.offset), redriven)


def _settled(settings: Settings) -> dict[Place, Settled]:
    with connected(settings.dsn(), "qianbei quarantine") as db, translated(settings.dsn()):
        rows = db.execute('SELECT topic, partition, "offset", decision_id, outcome FROM admission.redriven')
        return {
            Place(str(topic), int(str(partition)), int(str(offset))): Settled(str(decision), str(outcome))
            for topic, partition, offset, decision, outcome in rows
        }
