"""Tests of resqd/application."""
