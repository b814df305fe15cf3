"""The details of a person: names that messages may use, titles of columns, and valid values."""
