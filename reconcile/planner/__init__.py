"""Three mappings in (desired, applied, live), one Plan out; no clock, disk or network."""
