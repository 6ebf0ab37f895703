"""Who saw what: every disclosure by way, purpose, fields and time, found in the audit reader's index and the access log.

* ``terms``: what each department's topic and each question discloses, for what and by what law, kept with the day since when.
* ``shown``: which fields of a record or an answer a person's own data are, by these terms and by how he stands in it.
* ``finding``: the disclosures about a person, a house or a contract.
* ``figures``: what an assessor is given of a period.

What reaches a department's topic counts as disclosed to it at that moment, whether it has read it or not.
"""
