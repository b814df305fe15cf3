"""E-mail by Django's mail, to the addresses of the channel."""

from __future__ import annotations

import smtplib
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage

from distribution.alert_channels.messages import AlertMessage
from distribution.alert_channels.results import OK, Sent, failed
from distribution.models import AlertChannel


def addresses_of(channel: AlertChannel) -> list[str]:
    return str(channel.secret_address).replace(",", " ").split()


def send(channel: AlertChannel, message: AlertMessage) -> Sent:
    if not settings.EMAIL_ENABLED:
        return failed("No mail server is set. Set EMAIL_URL.")
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    mail = EmailMessage(
        subject=" ".join(message.title.split()),
        body=f"{message.full_text}\n",
        to=addresses_of(channel),
        headers={
            "Message-ID": f"<{message.uid}@{host}>",  # the same at each try
            "Auto-Submitted": "auto-generated",
        },
    )
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _words in error.recipients.values()]
        final = all(code >= 500 for code in codes)
        return failed(f"The mail server refused the addresses ({codes[0]}).", final=final)
    except smtplib.SMTPResponseException as error:
        return failed(f"The mail server answered {error.smtp_code}.")
    except OSError as error:  # smtplib's other errors are OSErrors, too
        return failed(f"The mail server cannot be reached ({type(error).__name__}).")
    except (ValueError, UnicodeError) as error:  # such as an address that is none
        return failed(f"The message cannot be sent ({type(error).__name__}).", final=True)
    return OK
