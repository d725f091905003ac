"""Analysis, sections, reviews and lessons in words."""
