"""The stages of a run: each a function from records to records. Stages do not import one another."""
