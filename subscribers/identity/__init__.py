"""Who a person is to WhatsApp: the spellings of a phone, what WhatsApp calls it, and user ids."""
