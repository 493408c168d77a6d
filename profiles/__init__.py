"""`mobifai profile`: names the line that makes memory grow, and what holds that memory."""
