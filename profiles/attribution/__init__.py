"""Attribution: from the evidence to the lines that are responsible for growth."""
