"""The police: whether people live where their leases say, household registers, changed identity numbers."""

from producers.publisher import Decision
from producers.source import Fields, Source


class Police(Source):
    """市公安局."""

    principal = "police"

    def report_residence_match(self, feedback: Fields) -> Decision:
        """居住核验 of a lease or sale."""
        return self.report("RESIDENCE_MATCH", feedback)

    def record_household(self, household: Fields) -> Decision:
        """户籍: a family by the household register."""
        return self.tell("household", "RECORDED", household)

    def change_household(self, household: Fields, version: int) -> Decision:
        """Someone joined or left."""
        return self.tell("household", "CHANGED", household, version)

    def link_alias(self, alias: Fields) -> Decision:
        """An old and a new number are one person's."""
        return self.tell("alias", "LINKED", alias)

    def unlink_alias(self, alias: Fields, version: int) -> Decision:
        """They are not."""
        return self.tell("alias", "UNLINKED", alias, version)
