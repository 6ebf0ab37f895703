"""What of a subject is shown to somebody: fields, masks and the roles of listed parties, checked against its schema.

Both kinds of entitlement are made of this: what is pushed (``entitlements``) and what is answered (``queries``).
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas import derive
from schemas.derive import Schema
from schemas.said import said

MaskName = Literal["last4", "surname", "id"]
Untold = Annotated[
    str | None,
    Field(
        min_length=1,
        description="why, and by what law, a citizen who asks who saw his data is not told of this; null: he is",
    ),
]


class EntitlementError(ValueError):
    """An entitlement file is wrong. The message names the file, the place, and how to mend it."""


class Model(BaseModel):
    """Frozen, and no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Bilingual(Model):
    """The same text for both kinds of reader."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Mask(Model):
    """How a field is blurred, and the department's name for it, which is never the name of the clear field."""

    mask: MaskName
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")


class Shown(Model):
    """The part of an entitlement that shapes a record of one subject: fields, roles of listed parties, masks."""

    fields: tuple[str, ...] = Field(min_length=1)
    party_roles: Mapping[str, frozenset[str]] = {}
    masks: Mapping[str, Mask] = {}

    @property
    def wanted(self) -> derive.Wanted:
        """The same, as selections and projections are made from it."""
        masks = {path: derive.Masked(mask.mask, mask.name) for path, mask in self.masks.items()}
        return derive.Wanted(frozenset(self.fields), masks, self.party_roles)


# --- checks against the subject's schema ----------------------------------------------------------------------------


def check_shown(where: str, shown: Shown, schema: Schema, *, envelope: bool) -> None:
    """Raises EntitlementError, which begins with ``where``, for what is no field, mask or role of the subject.

    ``envelope``: whether the fields that every department is sent of a record must be listed to be shown.
    """
    _check_paths(where, shown, derive.paths_of(schema), envelope=envelope)
    _check_masks(where, shown, schema)
    _check_roles(where, shown, schema)


def _check_paths(where: str, shown: Shown, known: frozenset[str], *, envelope: bool) -> None:
    for path in shown.fields:
        if path in derive.ALWAYS:
            if envelope:
                continue
            raise EntitlementError(
                said("{where}.{path} is always sent and need not be listed", where=where, path=path)
            )
        if path.rsplit(".", 1)[-1] in derive.NEVER:
            raise EntitlementError(
                said("{where}.{path} is the exchange's own and is shared with nobody", where=where, path=path)
            )
        if path not in known:
            raise EntitlementError(
                said(
                    "{where}.{path} is no field; {path2}", where=where, path=path, path2=nearest(path, known)
                )
            )
    doubled = sorted({path for path in shown.fields if shown.fields.count(path) > 1})
    if doubled:
        raise EntitlementError(said("{where}.{doubled} is listed twice", where=where, doubled=doubled[0]))


def _check_masks(where: str, shown: Shown, schema: Schema) -> None:
    clear = _field_names(shown.fields)
    for path, mask in shown.masks.items():
        if path not in shown.fields:
            raise EntitlementError(
                said(
                    "{where}.{path} is masked but not listed; {path2}",
                    where=where,
                    path=path,
                    path2=nearest(path, shown.fields),
                )
            )
        parent = path.rpartition(".")[0]
        if (parent, mask.name) in clear or mask.name in derive.ALWAYS:
            raise EntitlementError(
                said(
                    "{where}.{path}: the mask's name {name} is that of another field",
                    where=where,
                    path=path,
                    name=mask.name,
                )
            )
    for leaf in _leaves(derive.select(schema, shown.wanted)):
        if leaf.mask and not (leaf.protected or leaf.type == "string"):
            raise EntitlementError(
                said("{where}: {source} is no text, so it cannot be masked", where=where, source=leaf.source)
            )


def _field_names(paths: Iterable[str]) -> set[tuple[str, str]]:
    return {(parent, name) for parent, _, name in (path.rpartition(".") for path in paths)}


def _leaves(picks: Iterable[derive.Pick]) -> Iterator[derive.Leaf]:
    for pick in picks:
        if isinstance(pick, derive.Leaf):
            yield pick
        else:
            yield from _leaves(pick.picks)


def _check_roles(where: str, shown: Shown, schema: Schema) -> None:
    lists = {pick.name: pick for pick in derive.select(schema, shown.wanted) if _is_list(pick)}
    for name in shown.party_roles:
        if name not in lists:
            raise EntitlementError(
                said(
                    "{where}: party_roles.{name} is no entitled list; {name2}",
                    where=where,
                    name=name,
                    name2=nearest(name, lists),
                )
            )
        pick = lists[name]
        assert isinstance(pick, derive.Nested)
        if "role" not in {field["name"] for field in pick.item["fields"]}:
            raise EntitlementError(
                said("{where}: party_roles.{name}: its items have no field role", where=where, name=name)
            )


def _is_list(pick: Any) -> bool:
    return isinstance(pick, derive.Nested) and pick.many


def nearest(name: str, known: Iterable[str]) -> str:
    """What was probably meant, as the end of an error."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"the nearest is {near[0]}" if near else "nothing is known there"
