"""The simulator's own identifiers, against the worked examples of the standards and against the exchange's checks."""

from datetime import date
from random import Random

import pytest

from producers.simulator import numbers
from schemas.identifiers import case_no as case_no_check
from schemas.identifiers import citizen_id as citizen_id_check
from schemas.identifiers import house_code as house_code_check
from schemas.identifiers import realty_unit as realty_unit_check
from schemas.identifiers import uscc as uscc_check


@pytest.mark.parametrize(
    ("born", "sequence", "expected"),
    [
        (date(1990, 3, 7), 1, "411499199003070015"),
        (date(1985, 11, 15), 2, "411499198511150025"),
        (date(2015, 6, 1), 3, "411499201506010030"),
        (date(1968, 2, 29), 123, "411499196802291232"),
        (date(2000, 1, 1), 60, "411499200001010604"),
    ],
)
def test_citizen_ids_of_the_standards_examples(born: date, sequence: int, expected: str) -> None:
    assert numbers.citizen_id(born, sequence) == expected


@pytest.mark.parametrize(
    ("region", "building", "unit", "expected"),
    [
        ("411402001", "202006000012", 101, "41140200120200600001201016"),
        ("411402001", "2020**000012", 1, "4114020012020**00001200016"),
        ("411402001", "001200340005", 203, "41140200100120034000502033"),
        ("411403002", "385312415209", 1, "41140300238531241520900012"),
    ],
)
def test_house_codes_of_the_standards_examples(region: str, building: str, unit: int, expected: str) -> None:
    assert numbers.house_code(region, building, unit) == expected


def test_uscc_of_the_examples() -> None:
    assert numbers.uscc("411400", 1) == "91411400MA4000012N"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_what_kafkas_own_test_expects(data: bytes, expected: int) -> None:
    assert numbers.murmur2(data) == expected & 0xFFFFFFFF


def test_the_exchange_finds_nothing_wrong_with_any_of_them() -> None:
    rng = Random(7)
    for _ in range(500):
        born = date.fromordinal(rng.randrange(date(1940, 1, 1).toordinal(), date(2020, 1, 1).toordinal()))
        assert citizen_id_check.check(numbers.citizen_id(born, rng.randrange(1000))) is None
        assert uscc_check.check(numbers.uscc("411425", rng.randrange(100_000))) is uscc_check.Result.VALID
        building = f"{rng.randrange(1, 10**12):012d}"
        assert (
            house_code_check.check(numbers.house_code("411481003", building, rng.randrange(1, 10_000)))
            is None
        )
        assert (
            realty_unit_check.check(numbers.realty_unit_no("411402", 1, rng.randrange(10**5), 3, 204)) is None
        )
        assert case_no_check.check(numbers.case_no(2021, "豫1402", "执恢", rng.randrange(1, 10**6))) is None
