"""`resqctl top` and `resqd top`: threads live, like top. Imports rich, so it is itself imported late."""
