"""A simulated city, deterministic by seed, and an independent account of what must come of its events.

The map: ``numbers``, ``people``, ``city``: who and where; ``parties``, ``contracts``, ``offices``: the records;
``lives_*`` and ``business``: what happens to them and when; ``dirt*``: what goes wrong on purpose; ``stream``: all of it
in one order; ``wire``: bytes; ``ledger``: what was sent; ``model*``: what must come out; ``drive``: the way to a stack.
"""
