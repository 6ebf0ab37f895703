"""Routing: from ``exchange.*`` to ``dept.*``, each department its entitled part, exactly once.

=============  =====================================================================================================
``masks``      how a value is blurred
``project``    the definition: a record and an entitlement give the department's record, or nothing
``cut``        the same on Avro bytes, without building values; held equal to ``project`` by a property test
``scan``       what ``cut`` stands on: finding the fields of a record in its bytes
``plan``       for each exchange topic, the outputs it has
``takeover``   from a moved assignment to the first offset to read
``opening``    how a session of the service is opened
``service``    the loop: read, cut, write and commit in one Kafka transaction
=============  =====================================================================================================
"""
