"""Erasing a person: what the law lets go, what is destroyed, and which copies are left (docs/erasure.md).

============  ======================================================================================================
``person``    who is meant: all references of a person, from one document
``holdings``  the records of ``latest`` that name him, and what stands against letting them go
``copies``    where else his data lie: counted topic by topic, with the day on which they go by themselves
``waiting``   until what was decided is published and folded
``erasing``   the steps, in their order; begun again after an interruption they go on where they were
============  ======================================================================================================
"""
