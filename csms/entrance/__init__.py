"""The pages before and around the back office: signing in, passwords, invitations, one's own account."""
