"""Stock data: the years of filings that a source has as tables, brought in as events with ``baseline: true``."""
