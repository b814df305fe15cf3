"""Quality of templates and numbers: history, signals, block rate, rotation."""
