"""Quarantined records come back in: ``qianbei quarantine redrive``.

Vocabulary. A *case* is one record of a source that was quarantined, with all that came of sending it in again. It is
*held* until a decision on it stands; while it is *sent*, the answer is on its way; *decided* it stays for ever. A *plan*
is what would be sent for it and what admission's pure checks say to that: those that need no look at other records.

The way: ``gathering`` reads the topics and Postgres, ``cases`` makes cases of them, ``planning`` says what each would be
sent as, ``choosing`` takes those that are meant, in the order of their keys, ``sending`` sends them and waits for what
becomes of each.
"""
