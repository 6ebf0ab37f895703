"""From records to what the calculations look at.

A record may be in its JSON form (`schemas.jsonform`), decoded from Avro, or a row of ``latest`` to which the rows of its
party list were added under the list's name (``parties``, ``holders``, ``members``). ``party_ref`` must be filled, as it is
on every record that the exchange has accepted, but for a person who was erased: as a party he is somebody, of whom nothing
else is known; of a household he is no member any more.

RecordError names the subject and the field, never a value.
"""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from broker.reckoning.records import (
    Dwelling,
    Evidence,
    Household,
    Invoice,
    Lease,
    Member,
    Party,
    Sale,
    Title,
    Unit,
)
from schemas.files import CLEAR, ERASED
from schemas.identifiers import citizen_id

Record = Mapping[str, Any]
NumberOf = Callable[[Any], str | None]
CITIZEN = "1"


class RecordError(ValueError):
    """A record lacks what a calculation needs, or has it in another form. Names subject and field."""


def clear_number(value: Any) -> str | None:
    """The document number of a party, if it is in clear: a text, or an envelope under the key id ``clear``."""
    if isinstance(value, Mapping) and value["key_id"] == CLEAR:
        return bytes(value["ciphertext"]).decode()
    return value if isinstance(value, str) else None


def read_unit(record: Record) -> Unit:
    """A record of subject unit. Raises RecordError."""
    fields = Fields("unit", record)
    return Unit(
        source=fields.source(),
        county_code=fields.text("county_code"),
        house_code=fields.text("house_code"),
        dwelling=fields.dwelling(),
        is_withdrawn=record.get("status") == "WITHDRAWN",
    )


def read_title(record: Record) -> Title:
    """A record of subject title. Raises RecordError."""
    fields = Fields("title", record)
    return Title(
        source=fields.source(),
        county_code=fields.text("county_code"),
        house_code=fields.text("house_code"),
        kind=fields.text("title_kind"),
        is_current=record.get("status") in {None, "ACTIVE"} and fields.text("rights_status_code") == "1",
        registered_at=fields.moment("registered_at"),
        holders=fields.parties("holders"),
        ended_at=fields.moment_if("cancelled_at"),
        deal_kind=record.get("prior_deal_kind"),
        dwelling=fields.dwelling(),
    )


def read_sale(record: Record) -> Sale:
    """A record of subject sale. Raises RecordError."""
    fields = Fields("sale", record)
    return Sale(
        source=fields.source(),
        county_code=fields.text("county_code"),
        house_code=fields.text("house_code"),
        contract_no=fields.text("contract_no"),
        contract_kind=fields.text("contract_kind"),
        status=fields.text("contract_status"),
        signed_at=fields.moment("signed_at"),
        parties=fields.parties("parties"),
        total_price=fields.number("total_price"),
        gross_area=fields.number("gross_area"),
        filed_at=fields.moment_if("filed_at"),
        cancelled_at=fields.moment_if("cancelled_at"),
        dwelling=fields.dwelling(),
        house_nature=record.get("house_nature_code"),
        appraisal_price=fields.number_if("appraisal_price"),
        declared_price=fields.number_if("declared_price"),
        title_date=fields.day_if("title_date"),
        prior_acquired_date=fields.day_if("prior_acquired_date"),
        prior_price=fields.number_if("prior_price"),
        prior_deal_kind=record.get("prior_deal_kind"),
        is_lineal_relative=record.get("is_lineal_relative"),
        down_payment=fields.number_if("down_payment"),
        loan_amount=fields.number_if("loan_amount"),
    )


def read_lease(record: Record) -> Lease:
    """A record of subject lease. Raises RecordError."""
    fields = Fields("lease", record)
    return Lease(
        source=fields.source(),
        county_code=fields.text("county_code"),
        status=fields.text("contract_status"),
        parties=fields.parties("parties"),
        rent=fields.number("rent_amount"),
        rent_period=record.get("rent_period"),
        first_day=fields.day("lease_start"),
        last_day=fields.day("lease_end"),
        area=fields.number_if("leased_area") or fields.number("gross_area"),
        filed_at=fields.moment_if("filed_at"),
        cancelled_at=fields.moment_if("cancelled_at"),
        dwelling=fields.dwelling(),
        house_nature=record.get("house_nature_code"),
        layout=record.get("layout_code"),
        mode=record.get("lease_mode"),
        purpose=record.get("use"),
    )


def read_invoice(record: Record) -> Invoice | None:
    """A record of subject feedback, if it is an invoice for a lease that stands. Raises RecordError."""
    is_invoice = record.get("feedback_kind") == "RENT_INVOICE" and record.get("about_subject") == "lease"
    if not is_invoice or record.get("status") == "WITHDRAWN":
        return None
    fields = Fields("feedback", record)
    return Invoice(
        source=fields.source(),
        lease_id=fields.text("about_entity_id"),
        amount=fields.number("amount"),
        first_day=fields.day_if("period_start"),
        last_day=fields.day_if("period_end"),
    )


def read_household(record: Record, number_of: NumberOf = clear_number) -> Household:
    """A record of subject household; birth dates come from citizens' numbers that ``number_of`` can read.

    Raises RecordError.
    """
    fields = Fields("household", record)
    return Household(
        source=fields.source(),
        members=tuple(
            Member(item.text("party_ref"), item.text("relation"), _born(item.record, number_of))
            for item in fields.items("members")
            if not item.is_erased
        ),
        as_of=fields.day("as_of"),
        is_active=record.get("status") in {None, "ACTIVE"},
    )


def _born(member: Record, number_of: NumberOf) -> date | None:
    if member.get("id_type") != CITIZEN:
        return None
    number = number_of(member.get("id_no"))
    if number is None:
        return None
    number = unicodedata.normalize("NFKC", number).strip()
    return None if citizen_id.check(number) else citizen_id.birth_date(number)


class Fields:
    """The fields of one record, read by kind."""

    def __init__(self, subject: str, record: Record, path: str = "") -> None:
        self.record = record
        self._subject = subject
        self._path = path

    def source(self) -> Evidence:
        return Evidence(self._subject, self.text("entity_id"), self.record.get("revision"))

    def dwelling(self) -> Dwelling:
        return Dwelling(self.record.get("planned_use_code"), self.record.get("is_complete_dwelling"))

    def text(self, name: str) -> str:
        value = self._there(name)
        if not isinstance(value, str):
            raise self._wrong(name, "is no text")
        return value

    def number(self, name: str) -> Decimal:
        value = self._there(name)
        if isinstance(value, Decimal):
            return value
        if isinstance(value, str | int) and not isinstance(value, bool):
            try:
                return Decimal(value)
            except InvalidOperation:
                pass
        raise self._wrong(name, "is no exact number")

    def number_if(self, name: str) -> Decimal | None:
        return None if self.record.get(name) is None else self.number(name)

    def moment(self, name: str) -> datetime:
        value = self._there(name)
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            raise self._wrong(name, "is no moment") from None
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise self._wrong(name, "is no moment with an offset")
        return moment

    def moment_if(self, name: str) -> datetime | None:
        return None if self.record.get(name) is None else self.moment(name)

    def day(self, name: str) -> date:
        value = self._there(name)
        try:
            day = date.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            raise self._wrong(name, "is no date") from None
        if not isinstance(day, date) or isinstance(day, datetime):
            raise self._wrong(name, "is no date")
        return day

    def day_if(self, name: str) -> date | None:
        return None if self.record.get(name) is None else self.day(name)

    def items(self, name: str) -> list["Fields"]:
        listed = self._there(name)
        return [Fields(self._subject, item, f"{name}[{n}].") for n, item in enumerate(listed)]

    def parties(self, name: str) -> tuple[Party, ...]:
        return tuple(item.party() for item in self.items(name))

    @property
    def is_erased(self) -> bool:
        """Whether this is what is left of a person who was erased."""
        number = self.record.get("id_no")
        gone = number is None or (isinstance(number, Mapping) and number["key_id"] == ERASED)
        return self.record.get("party_ref") is None and "id_no" in self.record and gone

    def party(self) -> Party:
        return Party(
            # Nobody else's: two who were erased are two.
            ref=f"{ERASED}:{self._path}" if self.is_erased else self.text("party_ref"),
            role=self.text("role"),
            kind=self.text("party_kind"),
            share=self._share(),
            ownership=self.record.get("co_ownership_code"),
            household_no=self.record.get("household_no"),
        )

    def _share(self) -> Fraction | None:
        """The share as text (1/3) is exact; as a number it has six digits. A text such as 三分之一 leaves it to the number."""
        try:
            said = Fraction(str(self.record.get("share_text")))
        except (ValueError, ZeroDivisionError):
            said = Fraction()
        if 0 < said <= 1:
            return said
        share = self.number_if("share")
        return None if share is None else Fraction(share)

    def _there(self, name: str) -> Any:
        value = self.record.get(name)
        if value is None:
            raise self._wrong(name, "is missing: give the record as the exchange holds it")
        return value

    def _wrong(self, name: str, what: str) -> RecordError:
        return RecordError(f"{self._subject}.{self._path}{name} {what}")
