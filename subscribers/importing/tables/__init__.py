"""From the bytes of an upload to records: CSV, JSON lines, Excel workbooks."""
