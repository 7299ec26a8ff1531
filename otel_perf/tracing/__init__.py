"""Tool calls as spans: the decorator, the context managers, propagation, capture, sampling."""
