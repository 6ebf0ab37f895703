"""A person as operators name him: by a document."""

from dataclasses import dataclass

from pydantic import ValidationError

from broker.errors import ConfigError
from broker.protected import normalise_id, party_ref
from broker.query.asked import Person
from broker.reckoning.reading import CITIZEN
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


def document(given: str) -> Document:
    """Of ``<number>`` (a citizen's identity card) or ``<kind> <number>``. Raises ConfigError, which holds no value."""
    words = given.split()
    kind, number = words if len(words) == 2 else (CITIZEN, "".join(words))
    try:
        checked = Person(id_type=kind, id_no=number)
    except ValidationError:
        raise ConfigError(
            said("this is no document: give its kind (code list id_type) and its number, as in: 1 4114…0015")
        ) from None
    return Document(checked.id_type, checked.id_no)
