"""Alert channels: notices of alerts are sent, each channel in its own lane; acknowledgements."""
