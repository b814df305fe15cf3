"""A distribution from plan to end: schedule, preflight, opening, control, closing."""
