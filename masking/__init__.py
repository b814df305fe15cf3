"""How private values look where they are shown or logged: one form for each kind of value."""
