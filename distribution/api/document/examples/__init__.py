"""One coherent morning, told as whole bodies: 24 November 2026, distribution 142, Asha Rao.

The document's examples come from here alone: `filling` puts each body where it belongs and gives
every field the values that it has in them.
"""
