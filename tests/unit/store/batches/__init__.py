"""Tests of resqd/store/batches."""
