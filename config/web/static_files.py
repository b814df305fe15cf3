"""Images, styles and scripts of the pages, with and without `collectstatic`.

The Docker image collects them: hashed names, compressed, cached for ever. On a single machine
that step should not be necessary: without it they are served from the apps by plain names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed names if there is a manifest, else plain ones."""

    def stored_name(self, name: str) -> str:
        return str(super().stored_name(name)) if self.hashed_files else name


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Does not warn about the missing folder before `collectstatic`."""

    def add_files(self, root: str | Path, prefix: str | None = None) -> Any:
        if Path(root).is_dir():
            super().add_files(root, prefix)
