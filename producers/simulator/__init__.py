"""A simulated city, deterministic by seed, and an independent account of what must come of its events.

The map: ``numbers``, ``people``, ``city``: who and where; ``parties``, ``contracts``, ``offices``: the records;
``lives_*`` and ``business``: what happens to them and when; ``docket``: what careful sources know of the law's bars;
``dirt*``: what goes wrong on purpose; ``stream``: all of it in one order; ``wire``: bytes; ``ledger``: what was sent;
``model*``: what must come out (begin with ``model``); ``drive``: the way to a stack.
"""
