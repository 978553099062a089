"""The same no-op job for other systems; these modules run in the peers' own environment, not in resqd's."""
