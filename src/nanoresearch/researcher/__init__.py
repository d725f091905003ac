"""Where the researcher's feedback comes from."""
