"""The locks of unique jobs, as Redis holds them: taken as jobs are put, listed, released, swept."""
