"""Scholarly works: where they come from, what they report, what they already cover, how they are cited."""
