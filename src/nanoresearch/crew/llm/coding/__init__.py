"""Programs that models or agents write, the contract that they keep, and their cures."""
