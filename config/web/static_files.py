"""Pictures, styles and scripts of the pages, with and without a `collectstatic` before.

The image collects them: hashed names, compressed, cached for ever. On one box nobody should
have to think of that step, so until it has run they are served from the apps by plain names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed names once there is a manifest, plain ones before."""

    def stored_name(self, name: str) -> str:
        return str(super().stored_name(name)) if self.hashed_files else name


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Does not warn of a folder that is only there once files were collected."""

    def add_files(self, root: str | Path, prefix: str | None = None) -> Any:
        if Path(root).is_dir():
            super().add_files(root, prefix)
