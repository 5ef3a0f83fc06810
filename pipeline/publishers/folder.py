"""The simplest service: a folder on this machine, with a page from which everything is put in somewhere by hand.

It is the example for the next publisher: see the package's own words for what a publisher has to hold.
"""

from __future__ import annotations

import html
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.accounts import Access
from pipeline.errors import AccountError
from pipeline.model import Account, Parcel, Receipt
from pipeline.posting import Rules
from pipeline.publishers import About, Desk
from pipeline.shelf import explained
from pipeline.wire import Stretch

ABOUT = About(
    name="folder",
    title="Folder",
    rules=Rules(),  # a folder takes any text
    signs_in="",  # nobody has to be known
    resumes="from the start",
)
_PAGE = "index.html"


def sign_in(person: str, signer: object, options: Mapping[str, str]) -> tuple[Account, dict[str, str]]:
    """Nobody signs in at a folder."""
    raise AccountError(
        "A folder needs no account.", "Publish to it at once: candid publish TAKE --as PERSON --to folder"
    )


def sign_out(access: Access) -> None:
    """There is nothing to revoke."""


def publisher(access: Access | None, desk: Desk) -> _Folder:
    """A Publisher. `access` is None: there is no account."""
    return _Folder(desk)


class _Folder:
    about = ABOUT

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._outbox = desk.outbox or Path.cwd() / "published"

    def account(self) -> tuple[str, str]:
        return "folder", str(self._outbox)

    def steps(self, parcel: Parcel, so_far: Sequence[Receipt]) -> Iterator[Receipt]:
        """All at once: the folder appears whole, under its own name, or not at all."""
        place = self._outbox / parcel.take
        if not (_has(so_far, "video") and _has(so_far, "public") and place.is_dir()):
            with explained(self._outbox):
                self._put(parcel, place)
        link = (place / _PAGE).absolute().as_uri()
        done = Receipt(ABOUT.name, "video", parcel.sha256, "folder", id=parcel.take, link=link)
        if not _has(so_far, "video"):
            yield done
        if not _has(so_far, "public"):
            yield replace(done, step="public")

    def take_down(self, receipt: Receipt, how: str) -> Receipt:
        """It goes, whatever was asked: nobody but its owner could see it, and it is made anew from the shelf."""
        with explained(self._outbox):
            place = self._outbox / receipt.id
            if place.parent == self._outbox and place.is_dir():
                shutil.rmtree(place)
        return replace(receipt, step="takedown", note="deleted", at="")

    def close(self) -> None:
        """Nothing stays open."""

    def _put(self, parcel: Parcel, place: Path) -> None:
        draft = self._outbox / f".{parcel.take}"
        shutil.rmtree(draft, ignore_errors=True)  # of a run that was killed
        draft.mkdir(parents=True)
        try:
            self._fill(draft, parcel)
            _swapped(draft, place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _fill(self, draft: Path, parcel: Parcel) -> None:
        self._copy(parcel, draft / _video(parcel))
        for path in filter(None, (parcel.srt, parcel.vtt, parcel.thumbnail)):
            shutil.copyfile(path, draft / path.name)
        (draft / _PAGE).write_text(page(parcel), encoding="utf-8")
        for path in draft.iterdir():
            _flush(path)

    def _copy(self, parcel: Parcel, target: Path) -> None:
        told = _progress(self._desk, parcel)
        with target.open("xb") as file:
            for block in Stretch(parcel.video, 0, parcel.size, self._desk.still_wanted, told):
                file.write(block)


def page(parcel: Parcel) -> str:
    """A page without scripts and without anything from elsewhere. One tap marks a whole text, ready to be copied."""
    title, video = html.escape(parcel.post.title), html.escape(_video(parcel))
    texts = {
        "Title": parcel.post.title,
        "Description": parcel.post.description,
        "Tags": ", ".join(parcel.post.tags),
        "Language": parcel.language,
        "Playlist": parcel.post.playlist,
        "Privacy": _privacy(parcel),
    }
    boxes = "\n".join(_box(name, text) for name, text in texts.items() if text)
    files = [_video(parcel), *(path.name for path in (parcel.srt, parcel.vtt, parcel.thumbnail) if path)]
    items = "\n".join(f'<li><a href="{html.escape(name)}">{html.escape(name)}</a></li>' for name in files)
    poster = f' poster="{html.escape(parcel.thumbnail.name)}"' if parcel.thumbnail else ""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 sans-serif; max-width: 44rem; margin: auto; padding: 1rem; }}
video {{ width: 100%; max-height: 70vh; background: #000; }}
pre {{ font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; -webkit-user-select: all;
  border: 1px solid #888; border-radius: 4px; padding: .6rem; margin: .2rem 0 1rem; }}
h2 {{ font-size: 1rem; margin: 0; }}
</style>
<h1 dir="auto">{title}</h1>
<video src="{video}"{poster} controls preload="metadata"></video>
<p>One tap marks a whole box, ready to be copied.</p>
{boxes}
<h2>Files</h2>
<ul>
{items}
</ul>
</html>
"""


def _box(name: str, text: str) -> str:
    return f'<h2>{name}</h2>\n<pre dir="auto">{html.escape(text)}</pre>'


def _privacy(parcel: Parcel) -> str:
    return f"{parcel.post.privacy}, public from {parcel.post.schedule}" if parcel.post.schedule else parcel.post.privacy


def _video(parcel: Parcel) -> str:
    return parcel.video.name


def _has(receipts: Sequence[Receipt], step: str) -> bool:
    return any(receipt.step == step for receipt in receipts)


def _progress(desk: Desk, parcel: Parcel) -> Callable[[int], None]:
    return lambda at: desk.tell("copying", at / max(1, parcel.size))


def _swapped(draft: Path, place: Path) -> None:
    """Puts a finished folder in the place of the one that was there."""
    old = place.with_name(f".{place.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    draft.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
