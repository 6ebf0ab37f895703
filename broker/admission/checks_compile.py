"""From the properties of a schema's fields to the plan that checks its records."""

from broker.admission.checks_parties import Roles
from broker.admission.checks_plan import MAX_ITEMS, Items, Plan
from broker.admission.checks_relations import number_code, relations_of
from broker.admission.checks_schema import Field, Kind, Named, Schema, fields_of
from broker.admission.checks_values import FORMATS, ID_NO, Check, Defect
from broker.errors import ConfigError
from schemas.codelists import UnknownCodeListError, code_list
from schemas.said import said

UNLIMITED = 1 << 30


def compile_plan(schema: Schema, named: Named) -> Plan:
    """The plan of a record's schema.  Raises ConfigError for a property that cannot be kept."""
    fields = fields_of(schema, named)
    texts = [f for f in fields if f.kind is Kind.TEXT]
    return Plan(
        coded=tuple((f.name, _codes_or_null(f)) for f in texts if f.has("code_list")),
        texts=tuple((f.name, _shortest(f), _longest(f)) for f in texts if _is_plain(f)),
        formats=tuple((f.name, _format(f)) for f in texts if f.has("format")),
        protected=tuple(
            (f.name, _shortest(f), _longest(f), _form(f)) for f in fields if f.kind is Kind.PROTECTED
        ),
        identified=any(f.properties.get("format") == ID_NO for f in fields),
        positive=tuple((f.name, number_code(f)) for f in fields if f.has("positive")),
        non_negative=tuple((f.name, number_code(f)) for f in fields if f.has("non_negative")),
        words=tuple(
            (f.name, _codes(f), f.properties.get("min_length", 0), _longest(f))
            for f in fields
            if f.kind is Kind.TEXTS
        ),
        records=tuple(
            (f.name, compile_plan(f.item, named)) for f in fields if f.kind is Kind.RECORD and f.item
        ),
        items=tuple(_items(f, f.item, named) for f in fields if f.kind is Kind.RECORDS and f.item),
        present=tuple(f.name for f in fields if f.nullable and f.has("core")),
        relations=relations_of({f.name: f for f in fields}),
    )


def _nested_plan(item: Schema, named: Named) -> Plan:
    for field in fields_of(item, named):
        if field.has("required_from") or field.has("required_for"):
            raise ConfigError(
                said(
                    "{item}.{name}: only a contract's own fields can depend on its status",
                    item=item["name"],
                    name=field.name,
                )
            )
    return compile_plan(item, named)


def _is_plain(field: Field) -> bool:
    """Whether a text is held to its length and characters: a code needs neither, most formats say both.

    The check of a credit code only warns, so its length is still looked at.
    """
    return not field.has("code_list") and field.properties.get("format") in {None, "uscc"}


def _codes(field: Field) -> frozenset[str] | None:
    name = field.properties.get("code_list")
    if name is None:
        return None
    try:
        return code_list(name).codes
    except UnknownCodeListError as error:
        raise ConfigError(said("{where}: {error}", where=field.name, error=error)) from error


def _codes_or_null(field: Field) -> frozenset[str | None]:
    codes: frozenset[str | None] = frozenset(_codes(field) or ())
    return codes | {None} if field.nullable else codes


def _shortest(field: Field) -> int:
    least: int = field.properties.get("min_length", 0)
    return max(least, 1) if field.has("core") else least


def _longest(field: Field) -> int:
    most: int = field.properties.get("max_length", UNLIMITED)
    return most


def _format(field: Field) -> Check:
    """The check of a format; one that a required field must not be empty goes before it."""
    name = field.properties["format"]
    if name not in FORMATS:
        raise ConfigError(
            said(
                "{name}: there is no format {name2!r}; there are {formats}",
                name=field.name,
                name2=name,
                formats=", ".join(FORMATS),
            )
        )
    check = FORMATS[name]
    if not _shortest(field) or name == "uscc":
        return lambda value: check(value) if value else None
    return lambda value: check(value) if value.strip() else Defect("EMPTY_CORE_FIELD")


def _form(field: Field) -> Check | None:
    return _format(field) if field.properties.get("format") not in {None, ID_NO} else None


def _items(field: Field, item: Schema, named: Named) -> Items:
    properties = field.properties
    names = {each.name for each in fields_of(item, named)}
    roles = _roles(field)
    # A missing side says more than a number of parties: two sellers are no sale either.
    fewest = properties.get("min_items", 1 if field.has("core") else 0)
    return Items(
        name=field.name,
        plan=_nested_plan(item, named),
        fewest=0 if roles and len(roles.required) >= fewest else fewest,
        most=properties.get("max_items", MAX_ITEMS),
        roles=roles,
        by_shares={"co_ownership_code", "share", "share_text"} <= names,
    )


def _roles(field: Field) -> Roles | None:
    if "roles" not in field.properties:
        return None
    allowed = frozenset(field.properties["roles"])
    required = frozenset(field.properties.get("required_roles", ()))
    if foreign := (allowed | required) - code_list("party_role").codes or required - allowed:
        raise ConfigError(
            said("{name}: no such role: {foreign}", name=field.name, foreign=", ".join(sorted(foreign)))
        )
    return Roles(allowed, required, code_list("party_role").codes)
