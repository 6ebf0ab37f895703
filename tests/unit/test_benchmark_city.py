"""The synthetic city that queries are measured on: it is the same every time, valid, and every question is asked of it."""

import json
from collections import Counter
from datetime import date
from io import BytesIO
from itertools import chain

import fastavro
import pytest

from benchmarks.asking import QUESTIONS, Questioner
from benchmarks.city import City
from benchmarks.city_records import CityRecords, Made
from broker.protected import reveal
from broker.query.asked import Person
from broker.query.definition import Offer
from broker.query.registry import installed_offers
from broker.reckoning.reading import read_household, read_lease, read_sale, read_title, read_unit
from schemas.files import latest_version, parsed
from schemas.identifiers import house_code

CITY = City(160, 7, date(2026, 3, 1))
KEY = bytes(32)
READERS = {
    "household": read_household,
    "lease": read_lease,
    "sale": read_sale,
    "title": read_title,
    "unit": read_unit,
}


def made() -> list[Made]:
    records = CityRecords(CITY, KEY)
    of_houses = (records.of_house(CITY.deeds(n)) for n in range(CITY.houses))
    of_families = (records.of_family(CITY.family(n)) for n in range(CITY.families))
    return list(chain(*of_houses, *of_families))


def test_every_record_fits_its_schema_and_can_be_reckoned_from() -> None:
    found = made()
    for subject, record in found:
        fastavro.schemaless_writer(BytesIO(), parsed(subject, latest_version(subject)), record)
        if subject in READERS:
            READERS[subject](record)
    counts = Counter(subject for subject, _ in found)
    keys = Counter(record["entity_id"] for _, record in found)
    assert max(keys.values()) == 1
    contracts = counts["sale"] + counts["lease"] + counts["mortgage"]
    assert 1.7 < contracts / CITY.houses < 2.2
    assert set(READERS) | {"mortgage", "feedback", "seizure"} <= set(counts)


def test_it_is_the_same_every_time_and_another_by_another_seed() -> None:
    assert made() == made()
    assert City(160, 8, CITY.today).family(3) != CITY.family(3)


def test_people_and_houses_have_valid_numbers_of_their_own() -> None:
    people = [one for n in range(CITY.families) for one in CITY.family(n).members]
    assert len({one.id_no for one in people}) == len(people)
    for one in people[:50]:
        Person(id_type="1", id_no=one.id_no)
    codes = {CITY.house(n).code for n in range(CITY.houses)}
    assert len(codes) == CITY.houses
    assert not any(house_code.check(code) for code in codes)


def test_a_person_of_a_question_stands_in_the_records() -> None:
    buyers = {
        reveal(party["id_no"])
        for subject, record in made()
        if subject == "sale"
        for party in record["parties"]
        if party["role"] == "BUYER"
    }
    ask = Questioner(CITY, 1)
    for _ in range(20):
        assert QUESTIONS["bank", "household_units"].drawn(ask)["borrower"]["id_no"] in buyers


@pytest.mark.parametrize("offer", installed_offers(), ids=lambda offer: offer.label)
def test_every_question_is_measured_and_asked_as_it_must_be(offer: Offer) -> None:
    question = QUESTIONS[offer.group, offer.query.name]
    ask = Questioner(CITY, 1)
    for _ in range(10):
        asked = json.loads(json.dumps(question.drawn(ask)))
        offer.definition.asked.model_validate(asked)
    told = {path.partition(".")[0] for path in (*offer.query.figures, *offer.query.records)}
    assert question.tells in told
