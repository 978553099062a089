"""`python -m resqd`."""

from resqd.cli.entry import resqd

resqd()
