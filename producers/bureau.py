"""The housing bureau: the building table (楼盘表), and the contracts that are signed and filed online."""

from producers.publisher import Decision
from producers.source import Fields, Mortgagee


class Bureau(Mortgagee):
    """市住房保障和房产管理局. It also files mortgages of lenders that are not connected."""

    principal = "bureau"

    def register_project(self, project: Fields) -> Decision:
        """A project enters the building table."""
        return self.tell("project", "REGISTERED", project)

    def register_unit(self, unit: Fields) -> Decision:
        """A unit enters the building table; contracts on it can be filed from now on."""
        return self.tell("unit", "REGISTERED", unit)

    def change_unit(self, unit: Fields, version: int) -> Decision:
        """Such as the measured areas."""
        return self.tell("unit", "CHANGED", unit, version)

    def withdraw_unit(self, unit: Fields, version: int) -> Decision:
        """A unit was entered by mistake."""
        return self.tell("unit", "WITHDRAWN", unit, version)

    def draft_sale(self, sale: Fields) -> Decision:
        """草签."""
        return self.tell("sale", "DRAFTED", sale)

    def sign_sale(self, sale: Fields, version: int = 1) -> Decision:
        """网签: the unit is locked for others."""
        return self.tell("sale", "SIGNED", sale, version)

    def file_sale(self, sale: Fields, version: int = 2) -> Decision:
        """备案, with its filing number."""
        return self.tell("sale", "FILED", sale, version)

    def amend_sale(self, sale: Fields, version: int) -> Decision:
        """变更, under the same filing number."""
        return self.tell("sale", "AMENDED", sale, version)

    def cancel_sale(self, sale: Fields, version: int) -> Decision:
        """注销: the parties agree; the unit is free."""
        return self.tell("sale", "CANCELLED", sale, version)

    def revoke_sale(self, sale: Fields, version: int) -> Decision:
        """撤销, by an authority or a court; the unit is free."""
        return self.tell("sale", "REVOKED", sale, version)

    def void_sale(self, sale: Fields, version: int) -> Decision:
        """作废: signed and not filed in time; the unit is free."""
        return self.tell("sale", "VOIDED", sale, version)

    def complete_sale(self, sale: Fields, version: int) -> Decision:
        """转移登记办结: the title has passed."""
        return self.tell("sale", "COMPLETED", sale, version)

    def sign_lease(self, lease: Fields, version: int = 1) -> Decision:
        """租赁网签."""
        return self.tell("lease", "SIGNED", lease, version)

    def file_lease(self, lease: Fields, version: int = 2) -> Decision:
        """租赁备案."""
        return self.tell("lease", "FILED", lease, version)

    def amend_lease(self, lease: Fields, version: int) -> Decision:
        """租赁变更."""
        return self.tell("lease", "AMENDED", lease, version)

    def cancel_lease(self, lease: Fields, version: int) -> Decision:
        """租赁注销: it has ended."""
        return self.tell("lease", "CANCELLED", lease, version)
