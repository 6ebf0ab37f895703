"""Which topics a department's tables are kept from."""

import pytest

from broker.errors import ConfigError
from consumers.sync.topics import chosen, superseded, versions_of

SEEN = (
    "dept.bank.icbc.sale.v1",
    "dept.bank.icbc.sale.v2",
    "dept.bank.icbc.sale.v10",
    "dept.bank.icbc.mortgage.v1",
    "dept.bank.sale.v3",
    "decision.bank.icbc",
    "intake.bank.icbc",
    "dept.bank.icbc.sale.vX",
)


def test_only_the_department_s_own_topics_count() -> None:
    assert versions_of("bank.icbc", SEEN) == {
        "sale": {1: SEEN[0], 2: SEEN[1], 10: SEEN[2]},
        "mortgage": {1: SEEN[3]},
    }
    assert versions_of("bank", SEEN) == {"sale": {3: SEEN[4]}}


def test_new_tables_begin_with_the_newest_version() -> None:
    assert chosen("bank.icbc", SEEN, {}) == {"mortgage": SEEN[3], "sale": SEEN[2]}


def test_tables_stay_with_their_topic_and_gain_new_subjects() -> None:
    assert chosen("bank.icbc", SEEN, {"sale": SEEN[0]}) == {"mortgage": SEEN[3], "sale": SEEN[0]}
    assert superseded("bank.icbc", SEEN, {"sale": SEEN[0], "mortgage": SEEN[3]}) == {SEEN[0]: SEEN[2]}


def test_a_topic_that_has_gone_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"dept\.bank\.icbc\.lease\.v1 is to be seen no longer.*--rebuild"):
        chosen("bank.icbc", SEEN, {"lease": "dept.bank.icbc.lease.v1"})
    with pytest.raises(ConfigError, match="no topic of tax is to be seen"):
        chosen("tax", SEEN, {})
