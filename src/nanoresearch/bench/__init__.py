"""The benchmark: tasks with simulated researchers, rounds of runs, scores from artifacts, tables."""
