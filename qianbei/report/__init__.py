"""Reports for people and programs: one HTML page with charts, CSV files, or JSON, of the figures of ``broker.report``."""
