"""The leaf of Qianbei: Avro files, catalogue, code lists, identifiers and entitlements.

It imports no other package of ours.
"""
