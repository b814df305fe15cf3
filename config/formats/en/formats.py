"""Twenty-four hours, the day first, and the zone: 24 Nov 2026, 06:00 IST. What people type in
India is understood: 30/11/2026, 30 Nov 2026, 6:30 am, 6.30."""

from itertools import product

DATE_FORMAT = "j M Y"
TIME_FORMAT = r"H:i \I\S\T"  # of a time alone, which has no zone of its own
DATETIME_FORMAT = "j M Y, H:i:s T"
SHORT_DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = "j M Y, H:i T"

# The first of each is also how a form shows a value, and what its date picker writes.
DATE_INPUT_FORMATS = [
    "%d/%m/%Y",
    "%Y-%m-%d",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d %m %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d %b, %Y",
    "%d %B, %Y",
    "%d-%b-%Y",
    "%d/%b/%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d/%m/%y",
]
TIME_INPUT_FORMATS = [
    "%H:%M",
    "%H:%M:%S",
    "%H:%M:%S.%f",
    "%H.%M",
    "%I:%M %p",
    "%I:%M%p",
    "%I.%M %p",
    "%I.%M%p",
    "%I %p",
    "%I%p",
    "%I:%M:%S %p",
]
DATETIME_INPUT_FORMATS = [
    f"{day}{gap}{time}"
    for day, gap, time in product(DATE_INPUT_FORMATS, (" ", ", "), TIME_INPUT_FORMATS)
]
