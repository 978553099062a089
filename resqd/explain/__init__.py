"""Why a job, or a queue's jobs, do not run: what is known of them, and what that means in words."""
