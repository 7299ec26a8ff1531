"""The techniques of compression, one subject per file; ``catalogue`` joins them."""
