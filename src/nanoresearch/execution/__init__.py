"""Runs experiment code under limits, and takes in what it reports."""
