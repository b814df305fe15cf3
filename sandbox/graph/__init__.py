"""The Graph API except sending."""
