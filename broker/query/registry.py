"""All definitions. A department's module is one line here."""

from broker.query.definition import Definition, Offer, offers
from broker.query.departments import (
    education,
)
from schemas.entitlements import load_entitlements, newest_schemas

DEFINITIONS: tuple[Definition, ...] = (*education.QUERIES,)


def installed_offers() -> list[Offer]:
    """The queries that this version offers. Raises ConfigError or EntitlementError."""
    schemas = newest_schemas()
    return offers(load_entitlements(schemas=schemas), DEFINITIONS, schemas)
