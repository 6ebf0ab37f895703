"""A thousand poisons through the running exchange: no service stops or bloats, each lands in quarantine with a reason."""

import hashlib
import random
from collections import Counter

import psutil
import pytest

from broker.admission.reasons import REASONS
from broker.errors import TooLarge
from broker.kafka import Connection, IdempotentProducer, Outgoing
from broker.registry import Registry
from broker.released import decoder, topic_subject
from tests.support.exchange import Exchange, until
from tests.support.poison import POISONS, poisoned
from tests.support.story import Event, event, example, new_house_code, sender, sold_house

POISONED = 1_000
GROWTH_MB = 150


def resident_mb(exchange: Exchange) -> dict[str, float]:
    found = {}
    for name in exchange.supervisor.names():
        process = exchange.supervisor.process(name)
        if name.rsplit("-", 1)[0] in ("admission", "routing", "compaction"):
            assert isinstance(process, psutil.Process), f"{name} has stopped"
            found[name] = process.memory_info().rss / 2**20
    return found


def sound_sale() -> Event:
    house = new_house_code()
    return event("bureau", "sale", example("sale", "presale"), house_code=house, entity_id=f"HT-{house}")


@pytest.mark.timeout(300)
def test_a_thousand_poisons(exchange: Exchange) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"poison seed {seed}")
    rng = random.Random(seed)
    before = resident_mb(exchange)
    settings = exchange.site.settings("bureau")
    sent: Counter[str] = Counter()
    kinds = [kind for kind in POISONS if kind != "flipped"]  # a flipped bit may leave a sound record
    with sender(exchange.site, "bureau") as bureau, IdempotentProducer(Connection.of(settings)) as producer:
        sound = bureau.message(sound_sale()).value
        assert sound is not None
        receipts = []
        for n in range(POISONED):
            value = poisoned(kinds[n % len(kinds)], rng, sound)
            sent[hashlib.sha256(value).hexdigest()] += 1
            receipts.append(producer.send(Outgoing("intake.bureau", n % settings.slots, b"poison", value)))
        for receipt in receipts:
            receipt()

    topic = "quarantine.bureau"
    with Registry(settings.registry_url) as registry:
        known = decoder(registry, [topic_subject(topic, "quarantine")])

    def quarantined() -> Counter[str]:
        found: Counter[str] = Counter()
        for record in exchange.read([topic]):
            body = known.decode(record.value)[1]
            assert body["reason"] in REASONS
            if body["intake_sha256"] in sent:
                found[body["intake_sha256"]] += 1
        return found

    until("all are quarantined", lambda: quarantined().total() >= POISONED, 120)
    assert quarantined() == sent, f"seed {seed}"

    with sender(exchange.site, "bureau") as bureau:  # and the exchange still does its work
        story = sold_house()
        bureau.send(*story)
    contract = story[-1].record["entity_id"].encode()
    until(
        "a filing after them",
        lambda: sum(r.key == contract for r in exchange.read(["dept.tax.sale.v1"])) == 2,
    )
    after = resident_mb(exchange)
    grown = {name: after[name] - before[name] for name in before}
    assert all(mb < GROWTH_MB for mb in grown.values()), f"{grown}, seed {seed}"


def test_the_longest_record_that_intake_takes_is_quarantined(exchange: Exchange) -> None:
    """What Kafka takes from a source must fit into a quarantine record, or one record would stop admission."""
    value = random.Random(1).randbytes(1_300_000)
    digest = hashlib.sha256(value).hexdigest()
    settings = exchange.site.settings("bureau")
    with IdempotentProducer(Connection.of(settings)) as producer:
        producer.send(Outgoing("intake.bureau", 0, b"long", value))()
        with pytest.raises(TooLarge, match=r"longer than the topic takes"):
            producer.send(Outgoing("intake.bureau", 0, b"longer", value * 2))()
    with Registry(settings.registry_url) as registry:
        known = decoder(registry, [topic_subject("quarantine.bureau", "quarantine")])

    def found() -> list[str]:
        bodies = [known.decode(record.value)[1] for record in exchange.read(["quarantine.bureau"])]
        return [body["reason"] for body in bodies if body["intake_sha256"] == digest]

    until("it is quarantined", lambda: found() == ["TOO_LARGE"])
