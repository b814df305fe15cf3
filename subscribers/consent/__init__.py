"""Who may be written to: consent events, suppressions and the phones of erased people."""
