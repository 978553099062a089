"""Jobs in processes of their own: a job thread lends its job to one, and waits."""
