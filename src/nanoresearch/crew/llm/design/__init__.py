"""Data on offer, drafts, blueprints and their critics."""
