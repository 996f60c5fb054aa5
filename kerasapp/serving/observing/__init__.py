"""What a server tells about its work: logs, metrics, a record per request."""
