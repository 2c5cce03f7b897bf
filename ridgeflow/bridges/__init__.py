"""Our functions on what other libraries hold: arrays that are spread over machines."""
