"""Better versions of message templates: drafted by rules, approved by a person, made at Meta."""
