"""Data sets: the catalogue of what may be used, fetching it, and checking what lies in the data folder."""
