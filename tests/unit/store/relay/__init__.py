"""Tests of resqd.store.relay."""
