"""Commands, by signal or by resqctl: the control socket, what answers each call, and the intents that follow."""
