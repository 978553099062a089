"""What crosses sockets between resqd's own processes: messages, their bytes, and the channel."""
