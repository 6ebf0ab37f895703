"""The court: seizures, the list of defaulters, and its watch-list."""

from producers.publisher import Decision
from producers.source import Fields, Source


class Court(Source):
    """市中级人民法院. Removals matter as much as listings: a stale block harms a citizen."""

    principal = "court"

    def seize(self, seizure: Fields) -> Decision:
        """查封, of a house, or of a contract or realty unit whose house is not known yet."""
        return self.tell("seizure", "SEIZED", seizure)

    def change_seizure(self, seizure: Fields, version: int) -> Decision:
        """A mistake in it is mended."""
        return self.tell("seizure", "CHANGED", seizure, version)

    def renew_seizure(self, seizure: Fields, version: int) -> Decision:
        """续封, before the term ends."""
        return self.tell("seizure", "RENEWED", seizure, version)

    def release(self, seizure: Fields, version: int) -> Decision:
        """解封."""
        return self.tell("seizure", "RELEASED", seizure, version)

    def list_defaulter(self, listing: Fields) -> Decision:
        """列入失信被执行人名单: one party in one case."""
        return self.tell("defaulter", "LISTED", listing)

    def change_listing(self, listing: Fields, version: int) -> Decision:
        """Such as a part of the duty that was performed."""
        return self.tell("defaulter", "CHANGED", listing, version)

    def remove_defaulter(self, listing: Fields, version: int) -> Decision:
        """移出名单."""
        return self.tell("defaulter", "REMOVED", listing, version)

    def open_watch(self, watch: Fields) -> Decision:
        """Be told of every change about a party or a house."""
        return self.tell("watch", "OPENED", watch)

    def close_watch(self, watch: Fields, version: int) -> Decision:
        """The case is closed."""
        return self.tell("watch", "CLOSED", watch, version)

    def link_alias(self, alias: Fields) -> Decision:
        """Two numbers are one party's."""
        return self.tell("alias", "LINKED", alias)
