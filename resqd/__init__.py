"""resqd: a job daemon that speaks Resque's wire format."""

__version__ = "1.0.0"
