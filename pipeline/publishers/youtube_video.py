"""PURE: what YouTube is told of a video, and what its answers about one mean.

What is always sent stands in STANDARDS, "YouTube, always sent".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.model import Parcel, Post

PAID = "paidProductPlacementDetails"
PARTS = f"snippet,status,processingDetails,{PAID}"
_SHORT = 180.0  # seconds: a square or vertical video up to this long is a Short (YouTube Help 15424877)
_CATEGORY = "22"  # People & Blogs
_OWN_STATUS = ("license", "embeddable", "publicStatsViewable", "selfDeclaredMadeForKids", "containsSyntheticMedia")


def new(parcel: Parcel) -> dict[str, Any]:
    """Private, whatever is wished: it is not dressed yet."""
    usual = {"license": "youtube", "embeddable": True, "publicStatsViewable": True}
    parts = {
        "snippet": {**_texts(parcel), "categoryId": _CATEGORY},
        "status": {**usual, **_declared(parcel), "privacyStatus": "private"},
    }
    return {**parts, **({PAID: {"hasPaidProductPlacement": True}} if parcel.discloses else {})}


def shown(parcel: Parcel, video: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """As it is wished. YouTube replaces parts as a whole, so what is the person's own in them is told again."""
    category = {"categoryId": video["snippet"].get("categoryId", _CATEGORY)}
    parts = {
        "snippet": {**category, **_texts(parcel)},
        "status": {**own_status(video), **_declared(parcel), **_privacy(parcel.post, now)},
    }
    paid = parcel.discloses or video.get(PAID, {}).get("hasPaidProductPlacement")
    return {**parts, **({PAID: {"hasPaidProductPlacement": parcel.discloses}} if paid else {})}


def _texts(parcel: Parcel) -> dict[str, Any]:
    post = parcel.post
    spoken = {"defaultLanguage": parcel.language, "defaultAudioLanguage": parcel.language} if parcel.language else {}
    return {"title": post.title, "description": post.description, "tags": [*post.tags, parcel.marker], **spoken}


def _declared(parcel: Parcel) -> dict[str, Any]:
    return {"selfDeclaredMadeForKids": False, "containsSyntheticMedia": parcel.synthetic}


def _privacy(post: Post, now: datetime) -> dict[str, str]:
    """A time that is over by now means public."""
    if not post.schedule:
        return {"privacyStatus": post.privacy}
    at = datetime.fromisoformat(post.schedule).astimezone(UTC)
    if at <= now:
        return {"privacyStatus": "public"}
    return {"privacyStatus": "private", "publishAt": at.strftime("%Y-%m-%dT%H:%M:%SZ")}


def own_status(video: Mapping[str, Any]) -> dict[str, Any]:
    """What a person may have set in YouTube Studio, and keeps."""
    return {key: video["status"][key] for key in _OWN_STATUS if key in video["status"]}


def is_so(video: Mapping[str, Any], wished: Mapping[str, Any]) -> bool:
    """Whether a video is as it is wished; what is not told is false, or empty."""
    facts = [(part, key, value) for part, told in wished.items() for key, value in told.items()]
    facts.append(("status", "publishAt", wished["status"].get("publishAt")))
    return all((video.get(part, {}).get(key) or None) == (value or None) for part, key, value in facts)


def is_short(parcel: Parcel) -> bool:
    return parcel.shape in ("square", "vertical") and parcel.seconds <= _SHORT


def is_processed(video: Mapping[str, Any]) -> bool:
    processing: object = video.get("processingDetails", {}).get("processingStatus")
    return processing == "succeeded" or video["status"].get("uploadStatus") == "processed"


def is_cut_off(video: Mapping[str, Any]) -> bool:
    """What is left of an upload that never became a video."""
    status: Mapping[str, Any] = video["status"]
    return status.get("uploadStatus") == "deleted" or status.get("failureReason") == "uploadAborted"
