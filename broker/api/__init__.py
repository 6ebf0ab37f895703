"""The front door: a filing system gets its answer over HTTP while the citizen waits.

It decides nothing. What comes in is checked for its form, written to the intake of the token's principal, and answered
with what admission decided. Only this package knows HTTP; the rest of the broker does not know that it exists.
"""
