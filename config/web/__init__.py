"""Headers, static files, client addresses and limits of the web process."""
