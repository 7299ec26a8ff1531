"""Records folded into metric data, beside the application's own instruments."""
