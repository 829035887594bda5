"""What was last applied, and the lock around it."""
