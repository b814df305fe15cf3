"""Dead man's switch: tells a watcher outside that work was done; its silence is the alarm."""
