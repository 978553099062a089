"""What manage.py finds by name."""
