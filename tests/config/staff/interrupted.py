"""What tests of sessions that end ask again and again."""

from __future__ import annotations

import re

from django.test import Client

from tests.builders import a_template

PASSWORD = "correct horse battery"
HTMX = {"HTTP_HX_REQUEST": "true"}
ADD = "/admin/distribution/content/add/"


def words(**more: str) -> dict[str, str]:
    template = a_template()
    return {"message_template": str(template.pk), "title": "Budget <day>", **more}


def token(client: Client, path: str = ADD) -> str:
    """The token of a page as it is now."""
    page = client.get(path).content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found is not None
    return found[1]
