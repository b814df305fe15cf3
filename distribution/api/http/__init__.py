"""HTTP of the API: problem details, parsing, paging, filters, ordering."""
