"""Staff accounts: roles, sign-in, second factor, sessions and the audit log."""
