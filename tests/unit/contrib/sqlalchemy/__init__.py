"""Tests of resqd.contrib.sqlalchemy."""
