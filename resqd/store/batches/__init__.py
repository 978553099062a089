"""Batches and workflows as Redis holds them."""
