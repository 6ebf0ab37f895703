"""Marked records go once through a whole exchange: what is in them is where the table says, and nowhere else.

Looked at are the raw bytes of every department's topics, of the answers to every question that is offered, of the services'
logs and metrics, and of answers that refuse.
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from broker.query.registry import installed_offers
from broker.store.connect import connected
from qianbei.cli.gov_key_cmd import gov_key_command
from qianbei.site import Site
from schemas.catalogue import load_catalogue
from schemas.entitlements import grants, load_entitlements
from tests.entitlement.markers import Mark
from tests.entitlement.plausible import Markers, Published
from tests.entitlement.published import COUNTY, FUND, ICBC, Sources, events_of, on_house
from tests.entitlement.table import CLEAR, Way, always, table
from tests.support.door_client import known_client, site_token
from tests.support.exchange import Exchange, until
from tests.support.front_door import json_of
from tests.support.gov_client import Platform
from tests.support.latest import OFFICER
from tests.support.story import Event

Asks = list[dict[str, Any]]

_CONTRACTS = {f"{subject}.entity_id" for subject in ("sale", "lease", "mortgage")}
_ENTITIES = _CONTRACTS | {f"{subject}.entity_id" for subject in ("title", "seizure", "defaulter", "watch")}
REFERS = {
    ("mortgage", "sale_contract_no"): {"sale.contract_no"},
    ("feedback", "about_entity_id"): _CONTRACTS,
    ("feedback", "contract_no"): {"sale.contract_no", "lease.contract_no"},
    ("conflict", "sides.entity_id"): _ENTITIES,
    ("watch", "hit_entity_id"): _ENTITIES,
    ("signal", "about_entity_id"): _CONTRACTS,
    ("signal", "contract_no"): {"sale.contract_no", "mortgage.contract_no"},
}
"""Fields that name another record: whoever may see them sees that record's own field."""


@dataclass(frozen=True)
class World:
    """What was sent, who may be asked, and the texts of what came out."""

    exchange: Exchange
    url: str
    sent: list[Published]
    house: dict[str, Published]
    other: dict[str, Published]
    said: dict[str, Published]

    @property
    def marks(self) -> list[tuple[Published, Mark]]:
        return [(one, mark) for one in self.sent for mark in one.marks]


@pytest.fixture(scope="module")
def world(deployed: Exchange) -> World:
    deployed.ensure_services(1)
    sources = Sources(Markers(uuid.uuid4().hex[:3]))
    house, other = sources.house(ICBC), sources.house(FUND)
    said = on_house(sources, house)
    url = deployed.site.front_doors()[0]
    for one in sources.sent:
        file_all(deployed.site, url, one)
    found = World(deployed, url, sources.sent, house, other, said)
    until("all is folded", lambda: not missing_in_latest(found), 60)
    until("all is routed", lambda: not missing_in_topics(found), 60)
    return found


_tokens: dict[tuple[str, str], str] = {}


def token_of(site: Site, principal: str) -> str:
    """One token a principal and site."""
    key = (site.admin.dsn(), principal)
    if key not in _tokens:
        _tokens[key] = site_token(site, principal)[1]
    return _tokens[key]


def file_all(site: Site, url: str, one: Published) -> None:
    with known_client(url, token_of(site, one.source)) as source:
        for record in events_of(one):
            answer = source.post(
                f"/v1/filings/{one.subject}", json=json_of(Event(one.source, one.subject, record))
            )
            assert answer.status_code == 200, (one.subject, answer.text)
            assert answer.json()["outcome"] == "ACCEPTED", (one.subject, answer.text)


def missing_in_latest(world: World) -> list[str]:
    """The entities that are not folded yet, and the conflict of the seizure with the sale."""
    wanted = [(one.subject, "entity_id", str(one.record["entity_id"])) for one in world.sent]
    wanted.append(("conflict", "house_code", world.house["sale"].record["house_code"]))
    with connected(world.exchange.site.admin.dsn(), "test") as db:
        return [
            subject
            for subject, column, value in wanted
            if not db.execute(
                f"SELECT 1 FROM latest.{subject} WHERE {column} = %s".encode(), (value,)
            ).fetchall()
        ]


def missing_in_topics(world: World) -> list[str]:
    raw = raw_topics(world)
    return [
        topic
        for one in world.sent
        for topic, (department, subject) in topics().items()
        if subject == one.subject and sees(department, one)
        if one.record["entity_id"].encode() not in raw[topic]
    ]


def topics() -> dict[str, tuple[str, str]]:
    return {grant.topic: (grant.department, grant.subject) for grant in grants(load_entitlements())}


def raw_topics(world: World) -> dict[str, bytes]:
    """All bytes of each department topic: keys, headers and values."""
    raw = dict.fromkeys(topics(), b"")
    parts: dict[str, list[bytes]] = {topic: [] for topic in raw}
    for record in world.exchange.read(list(raw)):
        headers = [part for name, value in record.headers for part in (name.encode(), value)]
        parts[record.topic] += [record.key or b"", *headers, record.value or b""]
    return {topic: b"\n".join(found) for topic, found in parts.items()}


# --- what the table says --------------------------------------------------------------------------------------------


def sees(department: str, one: Published) -> bool:
    """Whether records such as this go to the department at all."""
    (rows,) = table().terms.get((department, f"topic/{one.subject}"), ("none",))
    return rows == "all" or (rows == "own" and department in one.interested)


def in_clear(way: Way, mark: Mark) -> bool:
    roles = table().roles.get((way, mark.list))
    listed = table().cells.get((way, mark.path)) == CLEAR or mark.path in always(way)
    return listed and (roles is None or mark.role in roles)


def named_by(way: Way, mark: Mark) -> bool:
    """Whether a field of this way names the record in which the mark stands."""
    return f"{mark.subject}.{mark.path}" in named_in(way)


@cache
def named_in(way: Way) -> frozenset[str]:
    shown = [path for path, how in table().of(way).items() if how == CLEAR]
    return frozenset(place for path in shown for place in REFERS.get((way.subject, path), ()))


# --- topics ---------------------------------------------------------------------------------------------------------


def test_topics_hold_what_the_table_says_and_nothing_else(world: World) -> None:
    raw = raw_topics(world)
    found = 0
    for topic, (department, subject) in topics().items():
        way = Way(department, f"topic/{subject}", subject)
        for one, mark in world.marks:
            if not mark.in_avro:
                continue
            here = mark.in_avro in raw[topic]
            own = one.subject == subject and sees(department, one) and in_clear(way, mark)
            where = (topic, mark.subject, mark.path, mark.role)
            assert here or not own, (where, "is not there")
            assert own or not here or named_by(way, mark), (where, "is there")
            found += here
    assert found > 500


# --- answers --------------------------------------------------------------------------------------------------------


def person(one: Published, role: str | None = None, at: str = "parties") -> dict[str, str]:
    return {"id_type": "99", "id_no": one.text_of(f"{at}.id_no", role)}


def asks(world: World) -> dict[str, Asks]:
    """What to ask, so that every marked record comes up that the question can bring up."""
    sale, lease = world.house["sale"], world.house["lease"]
    day, code = lease.record["lease_start"].isoformat(), sale.record["house_code"]
    tenant, buyer = person(lease, "LESSEE"), person(sale, "BUYER")
    checked = world.said["match"].record["happened_on"].isoformat()
    return {
        "police/lawful_dwelling": [
            {"person": tenant, "on": day, "house_code": code},
            {"person": buyer, "on": day, "address": sale.record["address"]},
        ],
        "police/tenants_of_house": [
            {
                "house_code": one["lease"].record["house_code"],
                "on": one["lease"].record["lease_start"].isoformat(),
            }
            for one in (world.house, world.other)
        ],
        "police/houses_of_tenant": [
            {"person": person(one["lease"], "LESSEE"), "on": one["lease"].record["lease_start"].isoformat()}
            for one in (world.house, world.other)
        ],
        "police/consistency_rate": [{"county_codes": [COUNTY], "since": checked, "until": checked}],
        "court/everything_on_house": [
            {"house_code": one["sale"].record["house_code"]} for one in (world.house, world.other)
        ],
        "court/everything_on_person": [
            {"person": one}
            for one in (
                *(person(house[s], r) for house in (world.house, world.other) for s, r in PARTIES),
                person(world.said["title"], at="holders"),
                person(world.said["seizure"], at="debtors"),
                person(world.said["defaulter"]),
                person(world.said["watch"]),
            )
        ],
        **of_lenders(world, "bank"),
        **of_lenders(world, "fund"),
        "fund/withdrawal_basis": [
            {
                "claimant": person(one["lease"], "LESSEE"),
                "period_start": one["lease"].record["lease_start"].isoformat(),
                "period_end": one["lease"].record["lease_end"].isoformat(),
            }
            for one in (world.house, world.other)
        ],
        **{
            f"tax/{name}": [
                {"contract_no": one["sale"].record["contract_no"]} for one in (world.house, world.other)
            ]
            for name in ("sale", "sale_prefill")
        },
        "civil/household_means": [
            {"authority_no": "AU-2020-0001", "members": [person(one["sale"], "BUYER")]}
            for one in (world.house, world.other)
        ],
        "education/home_for_admission": [{"parent": buyer, "address": sale.record["address"]}],
        "education/rent_for_admission": [{"parent": tenant, "county_code": COUNTY, "on": day}],
    }


def of_lenders(world: World, group: str) -> dict[str, Asks]:
    """What banks and the fund ask of both houses."""
    found: dict[str, Asks] = {}
    for house in (world.house, world.other):
        buyer, contract = person(house["sale"], "BUYER"), {"contract_no": house["sale"].record["contract_no"]}
        wanted = {
            "applicant_contract": {"applicant": buyer, **contract},
            "loan_base": {"applicant": buyer, **contract},
            "household_units": {"borrower": buyer},
            "household_homes": {"borrower": buyer},
            "mortgage_status": contract,
        }
        for name, asked in wanted.items():
            found.setdefault(f"{group}/{name}", []).append(asked)
    return found


OWN = frozenset({"mortgage_status"})
"""Questions that are answered of the asker's own contracts alone."""
PARTIES = (
    ("sale", "BUYER"),
    ("sale", "SELLER"),
    ("lease", "LESSOR"),
    ("lease", "LESSEE"),
    ("mortgage", "MORTGAGOR"),
)


@pytest.fixture(scope="module")
def answers(world: World) -> dict[str, list[bytes]]:
    """The raw answers to all that can be asked."""
    wanted = asks(world)
    found: dict[str, list[bytes]] = {}
    for label, body in of_citizens(world):
        found.setdefault(label, []).append(body)
    for offer in installed_offers():
        query = offer.query
        number = {query.number.value: "（2020）豫1402执1号" if query.number == "case_no" else "MK-1"}
        frame = {"officer": OFFICER, "purpose": query.purpose.code, **number}
        token = token_of(world.exchange.site, offer.departments[0])
        with known_client(world.url, token) as department:
            for asked in wanted[offer.label]:
                answer = department.post(f"/v1/query/{offer.label}", json=frame | {"asked": asked})
                assert answer.status_code == 200, (offer.label, answer.text)
                found.setdefault(offer.label, []).append(answer.content)
    return found


def of_citizens(world: World) -> Iterator[tuple[str, bytes]]:
    """As the platform asks for each who is a party: his contracts, and who saw his data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qianbei.cli.gov_key_cmd.current_site", lambda: world.exchange.site)
        ran = CliRunner().invoke(gov_key_command, ["issue", "--json"], catch_exceptions=False)
    issued = json.loads(ran.stdout)
    platform = Platform(issued["key_id"], bytes.fromhex(issued["secret"]))
    with httpx.Client(base_url=world.url, timeout=40, trust_env=False) as client:
        for house in (world.house, world.other):
            for subject, role in PARTIES:
                one = house[subject]
                citizen = person(one, role) | {"name": one.text_of("parties.name", role)}
                body = {"business_no": "MK-1", "citizen": citizen | {"level": 3, "session_no": "S-1"}}
                for name in ("own_contracts", "own_disclosures"):
                    body["purpose"] = f"CITIZEN_{name.upper()}"
                    answer = client.request(**platform.signed("POST", f"/v1/gov/{name}", body))
                    assert answer.status_code == 200, answer.text
                    yield f"gov/{name}", answer.content


def test_answers_hold_what_the_table_says_and_nothing_else(
    world: World, answers: dict[str, list[bytes]]
) -> None:
    for label, bodies in answers.items():
        group, _, name = label.partition("/")
        department = next(
            one.departments[0]
            for one in load_entitlements()
            if one.queries and one.departments[0].partition(".")[0] == group
        )
        ways = [
            one
            for one in table().ways
            if (one.department, one.path.split("/")[:2]) == (department, ["query", name])
        ]
        told = [
            place
            for (owner, path), places in table().figures.items()
            if owner == department and path.startswith(f"query/{name}/")
            for place in places
        ]
        raw = b"\n".join(bodies)
        for one, mark in world.marks:
            here = mark.in_json in raw
            foreign = name in OWN and department not in one.interested
            listed = (
                []
                if foreign
                else [way for way in ways if way.subject == mark.subject and in_clear(way, mark)]
            )
            where = (label, mark.subject, mark.path, mark.role)
            assert here or not listed, (where, "is not there")
            by_figure = f"{mark.subject}.{mark.path}" in told
            named = [way for way in ways if named_by(way, mark)]
            assert listed or by_figure or named or not here, (where, "is there")


def departments() -> list[str]:
    return [department for one in load_entitlements() for department in one.departments]


def test_a_department_is_told_what_it_came_for(answers: dict[str, list[bytes]]) -> None:
    """From what the sources filed to the finished job, over Kafka, Postgres and HTTP."""
    told = {label: [json.loads(body)["answer"] for body in bodies] for label, bodies in answers.items()}
    by_lease, by_purchase = told["police/lawful_dwelling"]
    assert [one["basis"] for one in by_lease["dwellings"]] == ["LEASE"]
    assert [one["basis"] for one in by_purchase["dwellings"]] == ["PURCHASE"]
    assert told["police/consistency_rate"][0]["counties"][0]["matched"] >= 1
    on_house_ = told["court/everything_on_house"][0]
    assert all(on_house_[name] for name in on_house_ if name != "next")
    assert on_house_["seizures"][0]["queue_place"] == 1
    assert (
        "PRE_SEIZED" in on_house_["units"][0]["restrictions"]
        or "SEIZED" in on_house_["units"][0]["restrictions"]
    )
    assert told["education/home_for_admission"][0]["matched"]
    assert not told["education/rent_for_admission"][0]["continuous"], "one day is no year"


# --- logs, metrics, refusals ----------------------------------------------------------------------------------------


def test_no_log_and_no_metric_holds_a_mark(world: World, answers: dict[str, list[bytes]]) -> None:
    assert answers, "the door has logged its calls"
    log = world.exchange.supervisor.log
    logs = {path.name: path.read_bytes() for path in log.rglob("*") if path.is_file()}
    assert {name.partition("-")[0] for name in logs} >= {"admission", "routing", "compaction", "api"}
    pages = {
        name: httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).content
        for name, port in ports(world)
    }
    assert len(pages) >= 4
    assert all(b"# TYPE" in page for page in pages.values())
    assert held(world, [*logs.values(), *pages.values()]) == []


def ports(world: World) -> Iterator[tuple[str, str]]:
    supervisor = world.exchange.supervisor
    for name in supervisor.names():
        process = supervisor.process(name)
        if process is not None and (port := process.environ().get("QIANBEI_METRICS_PORT")):
            yield name, port


def held(world: World, texts: Iterable[bytes]) -> list[tuple[str, str]]:
    """The marks that are in any of these."""
    raw = b"\n".join(texts)
    return [
        (m.subject, m.path) for _, m in world.marks if m.in_json in raw or (m.in_avro and m.in_avro in raw)
    ]


def test_no_refusal_holds_a_mark(world: World) -> None:
    """Wrong calls of every department, with marked values in every place where one can be put."""
    site, refusals = world.exchange.site, []
    for principal in load_catalogue().principals:
        if principal in {"internal", "gov"}:
            continue
        with known_client(world.url, token_of(site, principal)) as client:
            refusals += list(wrong_questions(world, client))
            refusals += list(wrong_filings(world, client, principal))
    assert {400, 403, 422} >= {answer.status_code for answer in refusals}
    assert {403, 422} <= {answer.status_code for answer in refusals}
    assert held(world, [answer.content for answer in refusals]) == []


def wrong_filings(world: World, client: httpx.Client, principal: str) -> Iterator[httpx.Response]:
    """Records of their own source, and to one who sends none of them, with something wrong; each with all its marks."""
    for one in world.sent:
        # One that may send nothing of it is refused before its body is looked at, whoever it is.
        if principal != one.source and (principal, one.subject) != ("education", "sale"):
            continue
        body = json_of(Event(one.source, one.subject, one.record))
        for broken in (
            body | {"version": "x"},
            body | {"more": list(body.values())[-1]},
            body | {"address": [body]},
        ):
            yield client.post(f"/v1/filings/{one.subject}", json=broken)


def wrong_questions(world: World, client: httpx.Client) -> Iterator[httpx.Response]:
    for label, asked in asks(world).items():
        frame = {"officer": OFFICER, "purpose": "NO_PURPOSE", "business_no": "1", "asked": asked[0]}
        yield client.post(f"/v1/query/{label}", json=frame)
        marked_more = frame | {"asked": asked[0] | {asked_name(asked[0]): asked[0]}, "case_no": str(asked[0])}
        yield client.post(f"/v1/query/{label}", json=marked_more)


def asked_name(asked: dict[str, Any]) -> str:
    return next(iter(asked))
