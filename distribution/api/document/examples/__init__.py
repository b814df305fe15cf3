"""Examples of the OpenAPI document: JSON files by subject, and the code that inserts them.

All of them describe one consistent set of records: 24 November 2026, distribution 142 and
subscriber 1001. A file of a subject holds, each part only where needed:

- `requests`: by component, operation or media type, bodies by summary
- `answers`: by component, bodies; a list shows all of them, a single answer the first
- `operation_answers`: by operation and status (or `text/csv`), where another body fits better
- `problems`: by operation, status and code, the refusals that only this operation gives
- `other_values`: by component, values of fields that are empty in all bodies above

`events.json` holds the body of each event type, in UTC as they are posted. `shared.json` holds
parameters, ids in paths, page links, and the problems that many operations give.
"""
