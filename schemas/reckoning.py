"""The parameters of what the exchange reckons for departments: housing-unit counts, loans, rents, taxes, signals.

Vocabulary. A *group* (``homes``) is what one calculation goes by. An *edition* is what holds of a group for a time, with
its version and its legal basis; a county may have editions of its own, which go before the general ones while they are
in force. All dates are dates in China, both ends inclusive.

The file ``policy/reckoning.yaml`` beside this module is the default; an operator's file replaces it whole and must have
every group. No figure of a rule stands in code.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Annotated, Generic, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from schemas.codelists import code_list
from schemas.terms import (
    County,
    Model,
    PolicyError,
    Term,
    Text,
    Version,
    doubled_version,
    frozen,
    in_force_there,
    read_policy,
)

__all__ = [
    "DEFAULT",
    "Dated",
    "DeedTaxRule",
    "Edition",
    "HomeRule",
    "IncomeMethod",
    "IncomeTaxRule",
    "LoanRule",
    "MarketLevel",
    "PolicyError",
    "Reckoning",
    "RentRule",
    "SignalRule",
    "Treatment",
    "VatRule",
    "WithoutAppraisal",
    "WithoutMarket",
    "load_reckoning",
]

DEFAULT = Path(__file__).with_name("policy") / "reckoning.yaml"


class Edition(Term):
    """What holds of a group for a time."""

    version: Version
    legal_basis: Text


EditionT = TypeVar("EditionT", bound=Edition)


class Dated(Model, Generic[EditionT]):
    """The editions of one group, general ones and those of single counties."""

    editions: tuple[EditionT, ...] = Field(min_length=1)
    counties: Annotated[Mapping[County, tuple[EditionT, ...]], AfterValidator(frozen)] = {}

    def on(self, county: str, day: date) -> EditionT | None:
        """The edition in force in a county on a day; None where the file has none."""
        return in_force_there(self.editions, self.counties, county, day)

    @model_validator(mode="after")
    def _versions_differ(self) -> Self:
        every = chain(self.editions, *self.counties.values())
        if doubled := doubled_version(edition.version for edition in every):
            raise ValueError(f"version {doubled} is there twice: a result must name one edition")
        return self


def _code(name: str) -> AfterValidator:
    """A code of a code list."""

    def check(code: str) -> str:
        if code not in code_list(name):
            raise ValueError(f"{code}: not in codes/{name}.yaml; quote the code")
        return code

    return AfterValidator(check)


Use = Annotated[str, _code("planned_use")]
Uses = frozenset[Use]
Statuses = frozenset[Annotated[str, _code("contract_status")]]
DealKinds = frozenset[Annotated[str, _code("prior_deal_kind")]]
Ratio = Annotated[Decimal, Field(ge=0, le=10)]
Money = Annotated[Decimal, Field(ge=0)]
Months = Annotated[int, Field(ge=1, le=600)]
Share = Annotated[Decimal, Field(ge=0, le=1)]


class Treatment(StrEnum):
    """What is done with a home of a kind that cities treat differently."""

    COUNT = "COUNT"
    LEAVE_OUT = "LEAVE_OUT"


class HomeRule(Edition):
    """How the homes of a household are counted."""

    dwelling_uses: Uses
    complete_uses: Uses
    incomplete_uses: Uses
    minor_under: int = Field(ge=1, le=30)
    contract_statuses: Statuses
    being_sold: Treatment
    pre_notice: Treatment
    unknown_dwelling: Treatment
    inherited_kinds: DealKinds
    inherited_share_from: Share

    @model_validator(mode="after")
    def _uses_fit(self) -> Self:
        if self.complete_uses & self.incomplete_uses:
            raise ValueError("a use stands in complete_uses and in incomplete_uses: it is one or the other")
        if not self.contract_statuses <= {"SIGNED", "FILED", "AMENDED"}:
            raise ValueError(
                "contract_statuses may hold SIGNED, FILED and AMENDED: no other contract is live"
            )
        return self


class MarketLevel(StrEnum):
    """Which leases of a county a rent is compared with."""

    LAYOUT_BAND = "LAYOUT_BAND"
    """Those of the same layout and area band."""
    BAND = "BAND"
    """Those of the same area band."""
    PER_METRE = "PER_METRE"
    """All, by the square metre."""


class WithoutMarket(StrEnum):
    """What is done where too few leases are known for a market rent."""

    NO_CAP = "NO_CAP"
    ASK = "ASK"


class RentRule(Edition):
    """What rent can be drawn from the provident fund. Money is yuan, areas are square metres."""

    residential_uses: Uses
    public_natures: frozenset[Annotated[str, _code("house_nature")]]
    days_of_month: int = Field(ge=28, le=31)
    deposit_months: Months
    monthly_limit: Money | None
    market_factor: Ratio
    market_months: Months
    market_levels: tuple[MarketLevel, ...]
    area_bands: tuple[Money, ...]
    min_sample: int = Field(ge=1)
    without_market: WithoutMarket

    @model_validator(mode="after")
    def _bands_ascend(self) -> Self:
        if list(self.area_bands) != sorted(set(self.area_bands)):
            raise ValueError("area_bands must ascend: each is the last area of its band")
        return self


class DeedTaxRule(Edition):
    """The deed tax (契税) of homes by number and area; ``only`` and ``second`` are the rates up to the line and above it.

    ``statutory_rate`` None: the city has not said which rate of 3 to 5 % holds for all else.
    """

    dwelling_uses: Uses
    area_line: Annotated[Decimal, Field(gt=0)]
    only: tuple[Share, Share]
    second: tuple[Share, Share]
    statutory_rate: Share | None


class VatRule(Edition):
    """The VAT (增值税) of persons who sell, and what is assumed of a developer (None: nothing)."""

    dwelling_uses: Uses
    exempt_after_years: int = Field(ge=1, le=30)
    rate: Share
    exempt_kinds: DealKinds
    dated_back_kinds: DealKinds
    other_rate: Share
    developer_rate: Share | None


class IncomeMethod(StrEnum):
    """How a person's gain is taxed."""

    GAIN_IF_KNOWN = "GAIN_IF_KNOWN"
    """The gain, where the price paid is known; else a share of the price."""
    ASSESSED = "ASSESSED"
    """A share of the price."""
    LESSER = "LESSER"
    """The lesser of the two."""


class IncomeTaxRule(Edition):
    """The income tax (个人所得税) of persons who sell."""

    dwelling_uses: Uses
    exempt_after_years: int = Field(ge=1, le=30)
    dated_back_kinds: DealKinds
    method: IncomeMethod
    gain_rate: Share
    assessed_rate: Share
    other_assessed_rate: Share | None
    donor_cost_kinds: DealKinds
    no_price_kinds: DealKinds


class SignalRule(Edition):
    """From what on a bank should look at a deal. Ratios are shares of the filed price or the appraisal; money is yuan."""

    price_warn: Ratio
    price_alert: Ratio
    funds_short: Ratio
    funds_over: Ratio
    resale_months: Months
    cash_from: Money
    filings: int = Field(ge=2)
    filings_months: Months
    refile_months: Months
    refile_change: Ratio

    @model_validator(mode="after")
    def _alert_is_more(self) -> Self:
        if self.price_alert < self.price_warn:
            raise ValueError("price_alert is less than price_warn: an alert is for the greater difference")
        return self


class WithoutAppraisal(StrEnum):
    """What a loan rests on where there is no appraisal."""

    FILED_PRICE = "FILED_PRICE"
    ASK = "ASK"


class LoanRule(Edition):
    """What a loan may rest on, and how much the buyer pays himself.

    ``shares``: for each kind of loan the least down payment of the first home, the second, and so on; a number beyond the
    list is not lent on by the rule. ``other_use_share``: that of what is no dwelling.
    """

    dwelling_uses: Uses
    without_appraisal: Annotated[
        Mapping[Annotated[str, _code("contract_kind")], WithoutAppraisal], AfterValidator(frozen)
    ]
    shares: Annotated[Mapping[Annotated[str, _code("loan_kind")], tuple[Share, ...]], AfterValidator(frozen)]
    other_use_share: Share


class Reckoning(Model):
    """All groups of parameters."""

    homes: Dated[HomeRule]
    loans: Dated[LoanRule]
    rents: Dated[RentRule]
    deed_tax: Dated[DeedTaxRule]
    vat: Dated[VatRule]
    income_tax: Dated[IncomeTaxRule]
    signals: Dated[SignalRule]


def load_reckoning(path: Path | None = None) -> Reckoning:
    """The parameters of a file, or the default ones; each file is read once. Raises PolicyError."""
    return _load(path or DEFAULT)


@cache
def _load(path: Path) -> Reckoning:
    return read_policy(path, Reckoning, DEFAULT)
