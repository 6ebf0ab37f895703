"""Everything that writes to the exchange's intake: one module a source, file import, and a simulated city."""
