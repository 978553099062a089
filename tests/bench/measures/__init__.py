"""The measures: each is a function of the bench that runs once and gives its values by name."""
