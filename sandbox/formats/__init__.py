"""Meta's formats: JSON, ids and errors; and values of a JSON object."""
