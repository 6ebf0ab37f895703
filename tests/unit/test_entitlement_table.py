"""Who sees what, by a table that was written by hand: the catalogue agrees with it, and so do the bytes that leave.

Every department, way, subject and field. The records here are marked throughout; ``tests/integration/test_markers.py`` sends
such ones through a whole exchange.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
import yaml

from broker.api.answers import as_json
from broker.query.cutting import Cut, compile_cut
from broker.routing.cut import Cutter
from broker.routing.masks import MASKS
from schemas.catalogue import load_catalogue
from schemas.derive import paths_of
from schemas.entitlements import Entitlement, Grant, grants, load_entitlements, newest_schemas
from schemas.files import latest_version, parsed
from schemas.queries import Query
from tests.entitlement.markers import Mark, Marked, marked, shown_in
from tests.entitlement.table import CLEAR, Seen, Way, always, catalogued, differences, table

SCHEMAS = newest_schemas()
FIELDS = {subject: paths_of(schema) | {"county_code", "entity_id"} for subject, schema in SCHEMAS.items()}
ENTITLEMENTS = load_entitlements()
GRANTS = {(grant.department, grant.subject): grant for grant in grants(ENTITLEMENTS)}
QUERIES = {(e.group, query.name): query for e in ENTITLEMENTS for query in e.queries}


def departments() -> list[str]:
    """All who could see anything, and those who see nothing."""
    entitled = [department for one in ENTITLEMENTS for department in one.departments]
    return list(
        dict.fromkeys([*load_catalogue().principals, *entitled, *(way.department for way in table().ways)])
    )


# --- the catalogue --------------------------------------------------------------------------------------------------


def test_the_table_names_fields_that_there_are() -> None:
    cells = table().cells
    assert not [f"{way}: {path}" for way, path in cells if path not in FIELDS[way.subject]]
    told = [one for fields in table().figures.values() for one in fields]
    assert not [one for one in told if one.partition(".")[2] not in FIELDS[one.partition(".")[0]]]


def test_the_catalogue_is_as_the_table_says_for_every_department_way_subject_and_field() -> None:
    found, looked = differences(catalogued(ENTITLEMENTS), departments(), FIELDS)
    assert found == []
    assert looked > len(departments()) * sum(map(len, FIELDS.values()))


def test_a_citizen_is_told_of_all_but_what_is_written_down_as_kept_from_him() -> None:
    path = Path(__file__).parents[1] / "entitlement" / "untold.yaml"
    written = {(who, way) for who, ways in yaml.safe_load(path.read_text()).items() for way in ways}
    pushed = {(g.department, f"topic/{g.subject}") for g in GRANTS.values() if g.terms.untold}
    answered = {
        (department, f"query/{query.name}")
        for one in ENTITLEMENTS
        for department in one.departments
        for query in one.queries
        if query.untold
    }
    assert pushed | answered == written


@pytest.mark.parametrize(
    ("department", "subject", "change", "told"),
    [
        (
            "police",
            "lease",
            {"fields": ("rent_amount",)},
            "police topic/lease rent_amount: None in the table",
        ),
        ("tax", "sale", {"fields": ()}, "tax topic/sale total_price: clear in the table, None here"),
        ("bureau", "defaulter", {"masks": {}}, "parties.id_no: id in the table, clear here"),
        ("police", "sale", {"party_roles": {}}, "frozenset({'BUYER'}) / None"),
        ("fund", "sale", {"legal_basis": "某办法"}, "is not among 某办法"),
    ],
)
def test_a_catalogue_that_says_otherwise_is_told(
    department: str, subject: str, change: dict[str, Any], told: str
) -> None:
    changed = [
        with_terms(one, subject, change) if department in one.departments else one for one in ENTITLEMENTS
    ]
    found, _ = differences(catalogued(changed), departments(), FIELDS)
    assert [one for one in found if told in one], found


def with_terms(entitlement: Entitlement, subject: str, change: dict[str, Any]) -> Entitlement:
    terms = entitlement.subjects[subject]
    if added := change.get("fields"):
        change = {"fields": (*terms.fields, *added)}
    return entitlement.model_copy(
        update={"subjects": dict(entitlement.subjects) | {subject: terms.model_copy(update=change)}}
    )


# --- the bytes of topics --------------------------------------------------------------------------------------------


def everything(subject: str, department: str) -> Marked:
    """A marked record that concerns this department."""
    lists = {"interested": [department], "interested_before": [department]}
    return marked(subject, SCHEMAS[subject], **lists)


def cut_bytes(grant: Grant, record: dict[str, Any]) -> bytes:
    """What routing sends of a record, by cutting its bytes."""
    written = parsed(grant.subject, latest_version(grant.subject))
    out = BytesIO()
    fastavro.schemaless_writer(out, written, record)
    (cut,) = Cutter(SCHEMAS[grant.subject], written, [grant], [b""]).cut(out.getvalue(), 0)
    return cut.value


def shows(seen: Seen, way: Way, mark: Mark) -> bool:
    """Whether the table lets this value leave by this way in clear."""
    if mark.path in always(way):
        return True
    roles = seen.roles.get((way, mark.list))
    return seen.cells.get((way, mark.path)) == CLEAR and (roles is None or mark.role in roles)


@pytest.mark.parametrize("subject", SCHEMAS)
def test_the_bytes_of_a_topic_hold_what_the_table_says_and_nothing_else(subject: str) -> None:
    assert len(everything(subject, "tax").marks) > len(FIELDS[subject]) / 2
    for department in departments():
        way, one = Way(department, f"topic/{subject}", subject), everything(subject, department)
        wanted = {mark for mark in one.marks if shows(table(), way, mark)}
        grant = GRANTS.get((department, subject))
        if grant is None:
            assert not table().of(way)
            continue
        raw = cut_bytes(grant, one.record)
        assert set(shown_in(raw, one.marks, json=False)) == wanted
        for path, rule in table().of(way).items():
            if rule != CLEAR:
                blurred = [MASKS[rule](mark.in_avro.decode()) for mark in one.marks if mark.path == path]
                assert [text for text in blurred if text.encode() in raw]


def test_a_field_that_is_taken_out_of_the_catalogue_is_out_of_the_topic() -> None:
    taken = 0
    for (department, subject), grant in GRANTS.items():
        one = everything(subject, department)
        before = set(shown_in(cut_bytes(grant, one.record), one.marks, json=False))
        for path in grant.terms.fields:
            if len(grant.terms.fields) == 1:
                continue
            masks = {name: mask for name, mask in grant.terms.masks.items() if name != path}
            fields = tuple(name for name in grant.terms.fields if name != path)
            roles = {
                name: of
                for name, of in grant.terms.party_roles.items()
                if any(f.startswith(f"{name}.") for f in fields)
            }
            terms = grant.terms.model_copy(update={"fields": fields, "masks": masks, "party_roles": roles})
            raw = cut_bytes(Grant(department, subject, terms), one.record)
            left = set(shown_in(raw, one.marks, json=False))
            assert left == {mark for mark in before if mark.path != path}, (department, subject, path)
            taken += 1
    assert taken == sum(len(grant.terms.fields) for grant in GRANTS.values())


# --- the bytes of answers -------------------------------------------------------------------------------------------


def given_to(query: Query) -> tuple[dict[str, Any], list[tuple[str, Marked]]]:
    """All that a function could answer with: whole marked records, every figure it knows and some that nobody declared."""
    lists = [
        (name, marked(records.subject, SCHEMAS[records.subject])) for name, records in query.records.items()
    ]
    given: dict[str, Any] = {name: [one.record] for name, one in lists}
    stray = {f"stray_{subject}": [marked(subject, schema).record] for subject, schema in SCHEMAS.items()}
    return given | stray | {"stray": "{stray}"}, lists


def answer_bytes(cut: Cut, given: dict[str, Any]) -> bytes:
    return as_json(cut(given))


@pytest.mark.parametrize("name", QUERIES, ids="/".join)
def test_an_answer_holds_what_the_table_says_and_nothing_else(name: tuple[str, str]) -> None:
    query = QUERIES[name]
    department = next(one for one in departments() if one.partition(".")[0] == name[0])
    given, lists = given_to(query)
    raw = answer_bytes(compile_cut(query, SCHEMAS), given)
    assert b"stray" not in raw
    held = dict(part_of(compile_cut(query, SCHEMAS), given))
    for shown, one in lists:
        way = Way(department, f"query/{query.name}/{shown}", query.records[shown].subject)
        assert set(shown_in(held[shown], one.marks, json=True)) == {
            m for m in one.marks if shows(table(), way, m)
        }
    everywhere = [mark for subject, schema in SCHEMAS.items() for mark in marked(subject, schema).marks]
    allowed = {mark.in_json for _, one in lists for mark in one.marks}
    assert not [m for m in shown_in(raw, tuple(everywhere), json=True) if m.in_json not in allowed]


def part_of(cut: Cut, given: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    for name, value in cut(given).items():
        yield name, as_json({name: value})


@pytest.mark.parametrize("name", [name for name in QUERIES if QUERIES[name].records], ids="/".join)
def test_a_field_that_is_taken_out_of_the_catalogue_is_out_of_the_answer(name: tuple[str, str]) -> None:
    query = QUERIES[name]
    given, lists = given_to(query)
    for shown, one in lists:
        records = query.records[shown]
        before = set(shown_in(dict(part_of(compile_cut(query, SCHEMAS), given))[shown], one.marks, json=True))
        for path in records.fields:
            fields = tuple(field for field in records.fields if field != path)
            masks = {field: mask for field, mask in records.masks.items() if field != path}
            roles = {
                f: of for f, of in records.party_roles.items() if any(p.startswith(f"{f}.") for p in fields)
            }
            less = records.model_copy(update={"fields": fields, "masks": masks, "party_roles": roles})
            changed = query.model_copy(update={"records": dict(query.records) | {shown: less}})
            part = dict(part_of(compile_cut(changed, SCHEMAS), given))[shown]
            left = set(shown_in(part, one.marks, json=True))
            assert left == {mark for mark in before if mark.path != path}, path


@pytest.mark.parametrize("name", [name for name in QUERIES if QUERIES[name].figures], ids="/".join)
def test_a_figure_that_is_taken_out_of_the_catalogue_is_out_of_the_answer(name: tuple[str, str]) -> None:
    query = QUERIES[name]
    for figure in query.figures:
        head, _, inner = figure.partition(".")
        less = {path: kind for path, kind in query.figures.items() if path != figure}
        cut = compile_cut(query.model_copy(update={"figures": less}), SCHEMAS)
        whole = compile_cut(query, SCHEMAS)
        given = given_to(query)[0]
        item = given[head][0] if head in query.records else {}
        given = given | ({head: [item]} if inner else {})
        if inner:
            assert inner in whole(given)[head][0]
            assert not [one for one in cut(given).get(head, []) if inner in one]
        else:
            assert figure in whole(given)
            assert figure not in cut(given)
