"""Several Redis as one: which job goes where, which shard is down, and how each knows its place."""
