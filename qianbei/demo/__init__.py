"""The main job, shown: a simulated city is driven through a real exchange, counted, compared and verified."""
