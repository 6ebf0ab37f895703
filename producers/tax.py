"""The tax bureau: what was paid, and rental invoices (which the provident fund needs)."""

from producers.publisher import Decision
from producers.source import Fields, Source


class Tax(Source):
    """市税务局."""

    principal = "tax"

    def report_tax_paid(self, feedback: Fields) -> Decision:
        """完税: the deed tax of a sale is paid."""
        return self.report("TAX_PAID", feedback)

    def report_rent_invoice(self, feedback: Fields) -> Decision:
        """租赁发票 for a period of a lease."""
        return self.report("RENT_INVOICE", feedback)
