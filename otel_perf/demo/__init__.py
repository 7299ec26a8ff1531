"""A real agent, small and offline, that answers questions about a folder of source code."""
