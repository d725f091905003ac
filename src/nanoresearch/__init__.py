"""NanoResearch: a topic becomes a paper with real experiments behind it, for one researcher."""

__version__ = "0.1.0"
