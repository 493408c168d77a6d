"""MobiFai as a user service: its definition, and the service managers (systemd, launchd) that keep it running."""
