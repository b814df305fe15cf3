"""Client of Meta's Cloud API: sends, reads, connections, pacing and credentials."""
