"""Who may come in, from where, and what they did."""
