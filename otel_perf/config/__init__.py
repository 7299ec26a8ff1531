"""Settings: where they come from, what they may be, and what is said about a bad one."""
