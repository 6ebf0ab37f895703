"""The query API: what departments ask of the exchange, answered from ``latest``, each call written down before its answer.

It lives on the front door's application as an annex (``broker.api.annex``): ``POST /v1/query/<department>/<name>``. Identity
numbers stand in bodies alone, never in an address.

How to add a question:

1. **Declare it** in ``schemas/entitlements/<department>.yaml`` under ``queries:``: name, legal basis, purpose with its code,
   which number a call carries (``case_no`` a court's, ``business_no`` the department's own), what it ``needs`` and ``may``
   carry, and what the answer holds: ``figures`` (values, or values of list items: ``homes.address``) and ``records`` (lists of
   records of one subject with fields, masks and party roles). ``schemas/queries.py`` has the model.
2. **Write it** in ``broker/query/departments/<department>.py``: a model of what is asked (a subclass of ``asked.Asked`` whose
   fields are exactly ``needs`` plus ``may``, made of the types in ``asked``), a function ``async (asked, reading) -> mapping``,
   and a line in that module's ``QUERIES``. A new module is one line in ``registry.py``.
3. **Write down by hand** in ``tests/entitlement/table.yaml`` what it may tell, and in ``tests/integration/test_markers.py`` how it
   is asked: a question that is not there fails.

A function answers with all that it knows, by name: figures as Python values (bool, int, Decimal, str, date, aware datetime),
lists of records as they came from ``reading``, with figures of its own beside their fields if it has some
(``record | {"days": 3}``). It masks nothing and hides nothing: ``cutting`` drops every path that the entitlement does not list,
reveals or masks protected values and writes JSON. A declared figure that is not given is null, a list that is not given is
empty. What ``reading`` offers:

* ``await reading.found(reading.finding("sale", "house_code", code), reading.finding_parties("title", refs))``: several look-ups in
  one trip to the server, each as the two below have it; ask so whatever does not depend on another answer;
* ``refs, lists = await reading.of_person(person, lambda refs: [reading.finding_parties("title", refs), …])``: the same for all that
  a person has, under each of his documents;
* ``await households.count_given(reading, person, asked, apart=…)``: the homes of a family (``broker.query.households``);
* ``await contracts.contract(reading, "sale", number)``: one contract by contract or filing number;
* ``reading.reckoning``, ``reading.today``: the parameters of calculations, and the day of the call in China;
* ``await reading.refs(person)``: the ``party_ref`` of a person under all his documents, by the standing aliases;
* ``await reading.of_parties("sale", refs, roles=["BUYER"])``: whole newest records with such a party;
* ``await reading.by("unit", "house_code", code, …)``: whole newest records by an indexed column, or by one of several in a tuple
  (``compaction/indexes.py``);
* ``await reading.by_key("unit", entity_id, …)``: by the entity's id;
* ``page=Page(after, most)`` with these: so many records at most from there on; ``everything.page_of`` makes pages of several lists;
* ``reading.caller``: department, officer, purpose, number; ``reading.as_of``: the instant of the answer (UTC).

A record is a dict of the subject's newest schema as the exchange holds it: party lists are lists of dicts, protected values
are envelopes (``broker.protected.reveal``), decimals ``Decimal``, dates ``date``, times aware ``datetime``. All of one call is
read in one read-only transaction with a time limit. Raise ``ProblemError`` to refuse a call; ``Unavailable`` rises by itself.

The way of a call (``desk``): token, then officer, purpose, number and what is asked are checked; the function reads; the answer
is cut; the access is committed to ``audit.access`` (``access_log``); only then the answer leaves. Calls that are refused are
written too. Without a row nothing is answered: 503. Who has no valid token, or asks faster than it may, is in the service's log
(``broker.api.edge``) and not in the table: there is nobody to hold to account, and a flood must not fill it.
"""
