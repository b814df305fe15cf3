"""How Meta, people and the network behave by default: settings, outcomes, durations."""
