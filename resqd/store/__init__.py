"""All that touches Redis; nothing outside this package imports redis."""
