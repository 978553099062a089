"""`python -m resqd`."""

from resqd.cli.resqd import main

main(prog_name="resqd")
