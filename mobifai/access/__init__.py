"""Who may come in: policy, known phones, invitations, and the relay's registry."""
