"""What a traced call costs here, beside the OpenTelemetry SDK doing the same work."""
