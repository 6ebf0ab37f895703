"""Who is meant: one document gives a person's reference, and with standing aliases all that are his."""

from dataclasses import dataclass

from broker.admission.store.facts import closure
from broker.errors import ConfigError
from broker.protected import normalise_id, party_ref
from broker.store.connect import Connection
from schemas.codelists import code_list
from schemas.said import said


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """A person's document. Its repr is left out: it would hold the number."""

    id_type: str
    id_no: str

    def ref(self, party_key: bytes) -> str:
        """The ``party_ref`` of whoever has it."""
        return party_ref(party_key, self.id_type, self.id_no)

    @property
    def written(self) -> frozenset[str]:
        """The ways in which sources may have written the number."""
        number = normalise_id(self.id_no)
        return frozenset({self.id_no.strip(), number, number.lower()})


def document(id_type: str, id_no: str) -> Document:
    """Raises ConfigError for a type that is none, or a number that is empty; never says the number."""
    if id_type not in code_list("id_type"):
        raise ConfigError(
            said("{id_type} is no type of document: see schemas/codes/id_type.yaml", id_type=id_type)
        )
    if not id_no.strip():
        raise ConfigError(said("no document number was given"))
    return Document(id_type, id_no)


def refs_of(db: Connection, ref: str) -> frozenset[str]:
    """All references of the person, by aliases that stand, and by an erasure of his that was not finished."""
    found = frozenset(closure(db, {ref})[ref])
    rows = db.execute(
        "SELECT DISTINCT unnest(refs) FROM keys.erasure WHERE finished_at IS NULL AND refs && %s",
        (sorted(found),),
    ).fetchall()
    return found | {str(row[0]) for row in rows}
