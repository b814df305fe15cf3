"""Alerts: the catalogue of rules, the incidents, and the notifiers that report them."""
