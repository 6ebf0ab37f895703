"""The contract test: an agency's own program, fed with the records that surprise programs, judged from outside.

``records`` makes what is sent, ``program`` runs the agency's command, ``judge`` compares, ``run`` does it on a real broker.
"""
