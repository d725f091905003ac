"""Numbers derived from records, and the audit that derives them again."""
