"""The crew without a language model: deterministic experts for component studies on packaged data."""
