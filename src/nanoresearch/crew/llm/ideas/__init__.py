"""Surveys, evidence, hypotheses and novelty."""
