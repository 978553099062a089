"""What is kept of each task of a framework, from its enqueueing on, so that it can be looked up by its id."""
