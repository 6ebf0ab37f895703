"""Which fields a way out showed: of a whole record, or of one person's part in it. Pure.

A record has *party lists*: those whose items are persons. To a person belong the fields of the record itself, and those of the
list items in which he stands, if the terms show his role. The fields of other persons in the same record are not his.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache

from broker.disclosed.terms import Terms, of_question, of_topic
from broker.query.told import FIGURES
from schemas.derive import ALWAYS, KEYS, LEFT, Schema, item_record, named_types
from schemas.entitlements import newest_schemas
from schemas.shown import Shown

Stands = Collection[str] | None
"""How a person stands in it, such as ``parties.BUYER``; None: it is not asked for one person's part, or not known."""


def of_record(terms: Terms, event_type: str | None, stands: Stands) -> tuple[str, ...]:
    """The fields of a department's record, by their names there."""
    if event_type == LEFT:
        return KEYS
    schema = _schemas()[terms["subject"]]
    present = {field["name"] for field in schema["fields"]}
    always = (name for name in ALWAYS if name in present)
    return (*always, *(_there(of_topic(terms), path) for path in _own(of_topic(terms), schema, stands)))


def of_answer(terms: Terms, fields: Iterable[str], stands: Stands, *, asked: bool = False) -> tuple[str, ...]:
    """Those fields of an answer (paths at which it held anything) that are about a person.

    ``stands`` are as in the access log, ``<list>:<stand>``; ``asked``: whether it was he who was asked about.
    """
    if stands is None:
        return tuple(fields)
    query = of_question(terms)
    own: dict[str, list[str]] = {}
    for name, _, stand in (one.partition(":") for one in stands):
        own.setdefault(name, []).append(stand)
    told: set[str] = set()
    for name, records in query.records.items():
        schema = _schemas()[records.subject]
        about_nobody = asked and not party_lists(schema)
        if name in own or about_nobody:
            told |= {f"{name}.{_there(records, path)}" for path in _own(records, schema, own.get(name, ()))}
    counted = asked or FIGURES in own
    told |= {path for path in query.figures if counted or path.partition(".")[0] in own}
    return tuple(path for path in fields if path in told)


def party_lists(schema: Schema) -> frozenset[str]:
    """The party lists of a subject."""
    named = named_types(schema)
    found = ((field["name"], item_record(field["type"], named)) for field in schema["fields"])
    return frozenset(
        name for name, inner in found if inner and any(f["name"] == "party_ref" for f in inner[0]["fields"])
    )


def _own(shown: Shown, schema: Schema, stands: Stands) -> Iterator[str]:
    """The paths that are shown of a record and are a person's, in the order of the terms."""
    parties = party_lists(schema)
    for path in shown.fields:
        head, dot, _ = path.partition(".")
        if (
            stands is None
            or not dot
            or head not in parties
            or any(_is_shown(shown, head, stand) for stand in stands)
        ):
            yield path


def _is_shown(shown: Shown, head: str, stand: str) -> bool:
    name, _, role = stand.partition(".")
    roles = shown.party_roles.get(head)
    return name == head and (roles is None or role in roles)


def _there(shown: Shown, path: str) -> str:
    """A field's name as it leaves: a masked one has its own."""
    mask = shown.masks.get(path)
    head, dot, _ = path.rpartition(".")
    return path if mask is None else f"{head}{dot}{mask.name}"


# --- Chinese names ------------------------------------------------------------------------------------------------------


def in_chinese(terms: Terms, fields: Iterable[str]) -> tuple[str, ...]:
    """The Chinese names of fields, each once; a field that the schemas do not know any more keeps its own."""
    if "subject" in terms:
        names = _of_subject(terms["subject"], of_topic(terms))
    else:
        query = of_question(terms)
        names = {path: figure.zh for path, figure in query.figures.items()}
        for name, records in query.records.items():
            inner = _of_subject(records.subject, records)
            names |= {f"{name}.{path}": zh for path, zh in inner.items()}
    return tuple(dict.fromkeys(names.get(field, field) for field in fields))


def _of_subject(subject: str, shown: Shown) -> dict[str, str]:
    known = _chinese(subject)
    names = {path: known.get(path, path) for path in (*KEYS, *ALWAYS, *shown.fields)}
    return names | {_there(shown, path): f"{names[path]}（已遮盖）" for path in shown.masks}


@cache
def _schemas() -> Mapping[str, Schema]:
    return newest_schemas()


@cache
def _chinese(subject: str) -> Mapping[str, str]:
    """The Chinese name of each field of a subject by path: its documentation up to the colon."""
    schema = _schemas()[subject]
    named, found = named_types(schema), {}
    for field in schema["fields"]:
        found[field["name"]] = _name(field)
        inner = item_record(field["type"], named)
        for one in inner[0]["fields"] if inner else ():
            found[f"{field['name']}.{one['name']}"] = f"{_name(field)}·{_name(one)}"
    return found


def _name(field: Schema) -> str:
    doc = str(field.get("doc", "")).partition("：")[0].partition("，")[0].partition("；")[0]
    return doc or str(field["name"])
