"""What the yearly assessment and market monitoring count, folded from the topics into the Postgres schema ``report``.

``fold`` decides in memory what a batch adds, ``store`` writes it with the positions in one transaction, ``service`` is
the loop, ``quality`` and ``market`` read the figures. Their definitions: docs/reports.md.
"""
