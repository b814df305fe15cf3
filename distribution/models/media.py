"""Files of contents, and their uploads to Meta: one per phone number."""

from __future__ import annotations

from django.db import models

from phonepool.models import PhoneNumber


class MediaFile(models.Model):
    """A content's picture, video or document, kept so that it can be uploaded again.

    Contents name it by `Content.media["id"]`, the id of its first upload.
    """

    media_id = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=8)  # image, video, document
    name = models.CharField(max_length=240)
    mime = models.CharField(max_length=40)
    content = models.BinaryField()
    stored_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name


class MediaCopy(models.Model):
    """One phone number's upload of a file: Meta's id, good for its messages and for 30 days."""

    file = models.ForeignKey(MediaFile, models.CASCADE, related_name="copies")
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="+")
    media_id = models.CharField(max_length=100)
    uploaded_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "media copies"
        constraints = [
            models.UniqueConstraint(fields=["file", "number"], name="mediacopy_one_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.file} of {self.number}"
