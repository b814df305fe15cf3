"""Services by the library apprise: which URLs are taken, and what it is believed."""

from __future__ import annotations

import pytest

from distribution.alert_channels import delivery
from distribution.alert_channels.senders import services
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from tests.distribution.sinks import a_channel, a_route

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
TEAMS = (
    "https://prod-15.centralindia.logic.azure.com:443/workflows/643e69f83c8944/triggers/manual/"
    "paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KODuebWbDGYFr0z0"
)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (SLACK, "Slack"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops", "Slack"),
        (TEAMS, "Microsoft Teams"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "Telegram"),
    ],
)
def test_services_with_an_address_of_their_own_are_taken(url, name):
    assert services.check(url) == name
    service = services._service(url)
    assert (service.verify_certificate, service.redirects, service.include_image) == (
        *(True, False, False),
    )
    assert (service.socket_connect_timeout, service.socket_read_timeout) == (3.0, 5.0)


@pytest.mark.parametrize(
    "url",
    [
        "json://10.0.0.1/",
        "mailtos://a:b@example.com",
        "file:///etc/passwd",
        "workflows://evil.example.com:443/643e69f83c8944/KODuebWbDGYFr0",
        "https://evil.example.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "msteams://a/b/c",
        f"{SLACK}?template=/etc/passwd",
        f"{SLACK}?verify=no",
        f"{SLACK}?cto=600",
        "slack://T1JJ3T3L2",
        "",
        "not a url",
    ],
)
def test_hosts_of_somebodys_choice_and_options_are_refused(url):
    with pytest.raises(services.ServiceError) as refused:
        services.check(url)
    assert str(refused.value).endswith(".")


@pytest.mark.django_db
def test_what_the_service_answers_counts(receiver, clock, monkeypatch):
    """Slack's webhook, played by a server of this machine."""
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", receiver.url.partition("?")[0])
    receiver.response = b"ok"  # as Slack
    channel = a_channel("Ops", "service", SLACK)
    a_route(channel)
    incidents.raise_alert(AlertRule.NO_NUMBER, 1, message="None can send.", now=clock.now)
    receiver.status = 500
    assert delivery.deliver_due(clock) == 0
    channel.refresh_from_db()
    assert channel.last_error == (
        "Slack did not accept it. Check the URL, and whether it was revoked."
    )
    receiver.status = 200
    clock.later(5)
    assert delivery.deliver_due(clock) == 1
    said = str(receiver.posts[-1].content)
    assert "Critical: No number" in said
    assert "/alerts/acknowledge/" in said
