"""The real-estate registration office: titles, pre-notices, objections, completed transfers."""

from producers.publisher import Decision
from producers.source import Fields, Source


class RegistrationOffice(Source):
    """市不动产登记中心."""

    principal = "registry"

    def register_title(self, title: Fields) -> Decision:
        """登记 of a right; ``title_kind`` says which."""
        return self.tell("title", "REGISTERED", title)

    def change_title(self, title: Fields, version: int) -> Decision:
        """变更登记 or 更正登记."""
        return self.tell("title", "CHANGED", title, version)

    def cancel_title(self, title: Fields, version: int) -> Decision:
        """注销登记."""
        return self.tell("title", "CANCELLED", title, version)
