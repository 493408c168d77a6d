"""Decides which phones may connect: the policy, known phones, invitations and the relay's device registry."""
