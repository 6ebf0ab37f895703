"""The citizens' channel: the government-service platform (一网通办) asks on behalf of a citizen whom it has verified.

An annex of the front door (``broker.api.annex``), built on the query API: the same entitlement, cut and access log.

==================================  ===============================================================================
``POST /v1/gov/own_contracts``      the citizen's own contracts; signed; answered with a receipt
``POST /v1/gov/own_disclosures``    who was given his data, and what for; likewise
``GET /v1/gov/receipts/{id}``       a receipt again; signed
``GET /v1/gov/catalogue``           the catalogue item (目录) of the contracts, for anybody; ``/<name>`` that of each question
==================================  ===============================================================================

* ``signing``: requests are signed by HMAC-SM3 or HMAC-SHA256 with a key that `qianbei gov-key` issues. A request is good for
  five minutes around its time and for one use of its nonce, over all instances.
* ``keys``: a key's secret is derived from the party key and its id, so none is stored.
* ``contracts``: what is a citizen's own. A record in which his document stands under another name is not disclosed.
* ``seen``: who was given his data, but for what the law keeps from him, which Postgres cuts before it comes here.
* ``receipts``: what was answered, by its digest, when, under which row of the access log; signed with the platform's key.
"""
