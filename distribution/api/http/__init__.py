"""HTTP of the API: problem details, parsing, paging, query parameters."""
