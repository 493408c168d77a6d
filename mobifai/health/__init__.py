"""Health checks, metrics and housekeeping of the running process."""
