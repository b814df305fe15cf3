"""What people see of a distribution: dashboard, history, exports."""
