"""What departments make of filings, as pure functions: no topic, no database, no clock.

``records``     what the calculations look at; ``reading`` makes it from records and rows of ``latest``
``figures``     a figure, what it rests on, and what it needs
``family``      who belongs to a household on a day
``homes``       how many homes it has, and what makes each count
``loans``       what a loan may rest on
``withdrawal``  what rent can be drawn from the provident fund; ``market`` rents, ``months``
``taxes``       the taxes of a filed sale, prefilled, and taken back
``signals``     comparisons against money laundering

Every figure comes with the rule that it rests on: an edition of ``schemas/policy/reckoning.yaml`` (`schemas.reckoning`).
Where a fact is missing, the answer says which, and no figure is guessed. docs/reckoning.md has the rules in full.
"""
