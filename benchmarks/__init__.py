"""Measurements. Each prints what it measured and how, and can be run alone."""
