"""Admission: everything that enters the exchange is decided here, once, in the order of its slot."""
