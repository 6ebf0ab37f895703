"""``qianbei audit who``: who saw what of a person, a house or a contract, and the look itself written down first.

``asking`` finds whom or what is meant, looks, and adds a row to the access log; ``telling`` makes lines and JSON of what was found.
The disclosures themselves are found by ``broker.disclosed``.
"""
