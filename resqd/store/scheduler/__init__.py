"""What resque-scheduler keeps in Redis: delayed jobs and schedules, beside the Ruby program and in its place."""
