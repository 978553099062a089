"""The timetable in Redis: entries, their next times, the tables of living daemons; each change is one script."""
