"""What a person decides about a distribution: retry, resend, quarantine."""
