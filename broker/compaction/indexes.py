"""What the exchange looks up in ``latest`` beside keys and parties. A query may ask by these columns and by no others.

None of them changes once it is set, but for numbers that come later (a filing number, the house of a held seizure): so a
new revision of a row seldom touches an index.
"""

from collections.abc import Mapping

INDEXED: Mapping[str, tuple[str, ...]] = {
    "unit": ("house_code", "realty_unit_no", "project_id"),
    "sale": ("house_code", "contract_no", "filing_no", "realty_unit_no"),
    "lease": ("house_code", "contract_no", "filing_no"),
    "mortgage": ("house_code", "contract_no", "sale_contract_no"),
    "seizure": ("house_code", "bound_house_code", "contract_no", "realty_unit_no", "case_no"),
    "title": ("house_code", "title_cert_no", "sale_contract_no", "realty_unit_no"),
    "household": ("household_no",),
    "feedback": ("house_code", "contract_no", "about_entity_id", "county_code"),
    "watch": ("house_code", "case_no"),
    "defaulter": ("case_no",),
    "alias": ("house_code", "alias_house_code"),
    "conflict": ("house_code",),
}
"""By subject, the columns with an index of their own."""

RANGED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "lease": (("county_code", "layout_code", "filed_at"), ("county_code", "filed_at")),
}
"""By subject, the columns that have one index together: equal in the first ones, in a range of the last. Market rents are
found by them."""


def indexes_of(subject: str) -> tuple[tuple[str, ...], ...]:
    """The columns of each index of a subject."""
    return (*((name,) for name in INDEXED.get(subject, ())), *RANGED.get(subject, ()))
