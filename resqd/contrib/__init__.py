"""Ready-made hooks for libraries whose connections must not be shared across a fork."""
