"""The composition root: one command line over the exchange, the embedded stack and the checks from outside."""
