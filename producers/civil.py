"""Civil affairs: families by the marriage register."""

from producers.publisher import Decision
from producers.source import Fields, Source


class CivilAffairs(Source):
    """市民政局."""

    principal = "civil"

    def record_household(self, household: Fields) -> Decision:
        """A family by the marriage register."""
        return self.tell("household", "RECORDED", household)

    def change_household(self, household: Fields, version: int) -> Decision:
        """Someone joined or left."""
        return self.tell("household", "CHANGED", household, version)

    def withdraw_household(self, household: Fields, version: int) -> Decision:
        """It is a family no more."""
        return self.tell("household", "WITHDRAWN", household, version)
