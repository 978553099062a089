"""The master daemon: forks, reaps, steers; talks to the kernel only."""
