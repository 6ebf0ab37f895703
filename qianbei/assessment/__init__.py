"""``qianbei audit report``: the periodic file for an assessor: who was given what, out of the common, chains, operators' acts.

``acts`` gathers what operators did, ``page`` makes the page; the figures are those of ``broker.disclosed.figures``.
"""
