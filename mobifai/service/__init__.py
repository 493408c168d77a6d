"""Running MobiFai for good: what a service is, and the systems' managers that keep it running."""
