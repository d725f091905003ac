"""Frozen records that rooms exchange. No behaviour, no input or output."""
