"""The roles that do the work, and the crews that fill them."""
