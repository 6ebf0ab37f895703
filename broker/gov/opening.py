"""Putting the citizens' channel together."""

from broker.errors import ConfigError
from broker.gov import contracts, seen
from broker.query.definition import Offer, offers
from schemas.entitlements import load_entitlements, newest_schemas
from schemas.said import said

DEFINITIONS = (contracts.DEFINITION, seen.DEFINITION)


def offered() -> list[Offer]:
    """What the platform may ask. Raises ConfigError if the catalogue lets it ask nothing."""
    schemas = newest_schemas()
    found = offers(load_entitlements(schemas=schemas), DEFINITIONS, schemas)
    if not found:
        raise ConfigError(said("schemas/entitlements has no query of gov: the platform may ask nothing"))
    return found
