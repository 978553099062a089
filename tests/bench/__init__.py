"""The benchmark behind bin/bench: what it measures, how, and how the results are shown."""
