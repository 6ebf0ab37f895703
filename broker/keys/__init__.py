"""Keys of persons: what protected values are encrypted under, and by whose destruction they become unreadable.

An *owner* is whom a protected value is about: a party by its ``party_ref``, or, where a field is about nobody who has a
document on the record (who serves a writ, a household's address), the record itself, as ``<subject>/<entity_id>``. Each
owner has a *data key* of its own. It lies in Postgres *wrapped* by the *master key*, which is in a file and never in
Postgres: neither a copy of the database nor one of the topics can be read without it.

==============  ====================================================================================================
``ciphers``     the algorithms: AES-256-GCM, SM4-GCM
``master``      the master key, and the wrapping of data keys by it
``data_key``    one owner's key: sealing a value, opening it again
``store``       the table ``keys.person_key``: finding, adding, retiring, destroying
``keyring``     the keys of a reader, fetched as they are met
==============  ====================================================================================================

A key is *live* until it is *retired*: then nothing more is sealed under it, and it can still be read. *Destroyed*, its
wrapped bytes are gone, and what was sealed under it reads as erased, wherever it lies.
"""
