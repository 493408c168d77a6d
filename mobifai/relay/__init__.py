"""The relay that phones and agents meet on."""
