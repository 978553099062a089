"""The command line: resqd and resqctl."""
