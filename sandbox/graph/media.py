"""Uploaded files, kept in memory while the sandbox runs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping

from aiohttp import web

from sandbox.formats.errors import Refusal, require, unknown_object
from sandbox.formats.values import natural
from sandbox.world.files import LIFETIME_S, Media
from sandbox.world.world import World

_MAX_BYTES = 100 * 1024 * 1024
_URL_LIFETIME_S = 300.0


async def upload(world: World, request: web.BaseRequest, number_id: str) -> Mapping[str, str]:
    """Stores a multipart upload; raises Refusal 100 or 131053."""
    if number_id not in world.numbers:
        raise unknown_object(number_id)
    form = await _form(request)
    file = form.get("file")
    if form.get("messaging_product") != "whatsapp" or not isinstance(file, web.FileField):
        raise Refusal(100, "The parameters messaging_product and file are required.")
    content = file.file.read()
    require(0 < len(content) <= _MAX_BYTES, 131053, "The file is empty or too large.")
    rate = world.settings.upload_bytes_per_s
    await asyncio.sleep(0.001 * world.settings.upload_base_ms + len(content) / rate)
    name = str(next(world.media_ids))
    world.media[name] = Media(name, number_id, file.content_type, content, world.clock.now())
    return {"id": name}


async def _form(request: web.BaseRequest) -> Mapping[str, object]:
    """The fields of a form; raises Refusal 100 for a body that is none."""
    try:
        return await request.post()
    except (ValueError, LookupError) as error:  # no boundary, no names, an unknown charset
        raise Refusal(100, "The body is not a form.") from error


def find(world: World, name: str, number_id: str) -> Media:
    """A file that is still there, for a call that names no number or the file's own; raises
    Refusal 100/33."""
    media = world.media[name]
    expired = world.clock.now() >= media.uploaded_at + LIFETIME_S
    if expired or (number_id and number_id != media.number_id):
        raise unknown_object(name)
    return media


def describe(media: Media, address: str, now: float) -> dict[str, object]:
    """The response to GET /{media-id}; the URL in it is valid for five minutes."""
    return {
        "messaging_product": "whatsapp",
        "url": f"{address}/media/{media.id}?expires={int(now + _URL_LIFETIME_S)}",
        "mime_type": media.mime_type,
        "sha256": hashlib.sha256(media.content).hexdigest(),
        "file_size": str(len(media.content)),
        "id": media.id,
    }


def download(world: World, media_id: str, expires: str) -> web.Response:
    """The bytes, or 404 if the URL is unknown or has expired."""
    media = world.media.get(media_id)
    if media is None or natural(expires, 0) < world.clock.now():
        return web.Response(status=404)
    return web.Response(body=media.content, content_type=media.mime_type)
