"""A simulated city, deterministic by seed, and an independent account of what must come of its events.

The map: ``numbers`` people's and houses' identifiers; ``people`` and ``city`` who and where; ``forms`` the records;
``lives`` what happens to a contract, a seizure, a listing; ``stream`` all of it in one order; ``dirt`` what goes wrong on
purpose; ``wire`` bytes; ``ledger`` what was sent; ``model`` what must come out; ``drive`` the way to a running stack.
"""
