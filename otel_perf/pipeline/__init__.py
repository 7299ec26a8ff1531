"""From the queue to the subscribers: the worker, the ticker, open calls, fork."""
