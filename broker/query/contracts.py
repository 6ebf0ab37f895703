"""One contract by its number, as departments ask for it."""

from collections.abc import Callable
from typing import TypeVar

from broker.api.problems import invalid
from broker.protected import Envelope
from broker.query.reading import Reading
from broker.query.records import Record
from broker.reckoning.reading import RecordError
from schemas.jsonform import Problem
from schemas.said import said

Read = TypeVar("Read")


async def contract(reading: Reading, subject: str, number: str) -> Record | None:
    """The contract of this contract or filing number; None if there is none.

    Raises ProblemError 422 if several contracts have the number: none of them is more right than the others.
    """
    either = await reading.by(subject, ("contract_no", "filing_no"), number)
    found = [one for one in either if one["contract_no"] == number] or either
    if len(found) > 1:
        raise invalid(
            [
                Problem(
                    "asked.contract_no",
                    said("several contracts have this number"),
                    said("give the filing number, or ask the bureau to mend it"),
                )
            ]
        )
    return found[0] if found else None


def as_read(read: Callable[[Record], Read], record: Record) -> Read:
    """The contract that was asked about, as calculations look at it. Raises ProblemError 422 if it lacks what they need."""
    try:
        return read(record)
    except RecordError as error:
        raise invalid(
            [
                Problem(
                    "asked.contract_no",
                    said("the record of this contract cannot be reckoned from: {error}", error=str(error)),
                    said("ask the bureau to send it again, complete"),
                )
            ]
        ) from None


def has_party(record: Record, refs: list[str], *roles: str) -> bool:
    """Whether one of these references is a party in one of these roles."""
    return any(party["party_ref"] in refs and party["role"] in roles for party in record["parties"])


def names_of(record: Record, refs: frozenset[str], role: str) -> list[Envelope]:
    """The protected names of the parties of a role that have one of these references."""
    return [
        party["name"] for party in record["parties"] if party["role"] == role and party["party_ref"] in refs
    ]
