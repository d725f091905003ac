"""Who decides how each phase goes about its work."""
