"""START HERE: the whole pipeline on one page.

A take's clips are looked at and listened to (find_out), what becomes of them is decided (trim, plan: pure), and the
decision is carried out (graphics, render, sound, thumbnail). Every arrow leaves one readable file on the take's shelf,
so a second run repeats only what changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from pipeline import (
    brand,
    corrections,
    edit,
    find_out,
    fonts,
    graphics,
    layout,
    limits,
    plan,
    render,
    report,
    sound,
    spoken,
    thumbnail,
    transcribers,
    trim,
    unheard,
)
from pipeline.corrections import Obeyed
from pipeline.edit import Sheet, Side
from pipeline.encode import Kit, Quality
from pipeline.errors import WorkspaceError
from pipeline.find_out import Desk, Found
from pipeline.model import Brand, Person, Piece, Plan, Recipe, Transcript, Variant
from pipeline.progress import Clock, Tell, quiet
from pipeline.report import Made
from pipeline.shelf import Shelf, Store
from pipeline.trim import ByHand


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made: one take."""

    take: str
    clips: tuple[Path, ...]
    recipe: Recipe
    brand: Brand
    person: Person | None = None
    transcriber: str = "auto"
    quality: Quality = field(default_factory=Quality)


def make(order: Order, shelf: Shelf, tell: Tell = quiet, *, force: bool = False) -> Made:
    """Clips in, finished videos out. Raises CandidError; whatever was finished by then is kept for the next run."""
    with shelf.mine(lambda: tell("waiting for another run on this take", 0)):
        choice = transcribers.ready(order.transcriber, order.recipe.language, tell)
        causes = report.causes(order, choice)
        if force:
            shelf.forget()
        elif lying := report.kept(shelf, causes):
            return lying
        clock = Clock()
        with limits.processes() as reader, transcribers.Ear(choice.engine, shelf.encoded) as ear:
            desk = Desk(shelf, reader, choice, ear, order.recipe, tell, clock)
            found = [find_out.look(path, number, desk) for number, path in enumerate(order.clips, start=1)]
            with find_out.unless_changed(found):
                with clock("plan"):
                    obeyed = corrections.obeyed(found, shelf, tell, desk.aligner)
                    ear.close()  # its memory is needed for the pictures
                    found = list(obeyed.found)
                    decided, sheet = _decide(order, obeyed, shelf)
                with clock("graphics"):
                    tell("drawing", 0)
                    kits = {variant.name: _kit(order, decided, variant, shelf) for variant in decided.variants}
                site = render.Site(shelf, find_out.readable(found), partial(find_out.unchanged, found))
                with clock("render"):
                    rendered, pictures = _render(order, decided, found, kits, site, desk)
        for store in (shelf.chunks, shelf.encoded, _drawn(shelf)):
            store.tidy()
        return report.write(shelf, causes, order, decided, sheet, obeyed, rendered, pictures, clock)


def look(order: Order, shelf: Shelf, tell: Tell = quiet) -> Plan:
    """A dry run:

    what would be cut and captioned, and why. Leaves what it found out on the shelf, and renders nothing.
    """
    with shelf.mine(lambda: tell("waiting for another run on this take", 0)):
        choice = transcribers.ready(order.transcriber, order.recipe.language, tell)
        with limits.processes() as reader, transcribers.Ear(choice.engine, shelf.encoded) as ear:
            desk = Desk(shelf, reader, choice, ear, order.recipe, tell, Clock())
            found = [find_out.look(path, number, desk) for number, path in enumerate(order.clips, start=1)]
            return _decide(order, corrections.obeyed(found, shelf, tell, desk.aligner), shelf)[0]


def _decide(order: Order, obeyed: Obeyed, shelf: Shelf) -> tuple[Plan, Sheet]:
    """The plan of a take, and what edit.md shows of it, which is written here: before the long work begins."""
    found, edits = obeyed.found, obeyed.edits
    clips = [each.clip for each in found]
    fps = plan.rate(clips)
    by_hand = [edits.by_hand(clip.sha256) for clip in clips]
    sources = zip(found, obeyed.heard, by_hand, strict=True)
    pieces = [
        piece
        for number, (each, heard, ruled) in enumerate(sources)
        for piece in _pieces(order, each, heard, number, fps, ruled)
    ]
    titled = replace(order.recipe, topic=edits.title or order.recipe.topic)
    missing = _unheard(obeyed)
    sides = _sides(order, obeyed, fps)
    sheet = edit.sheet(order.take, order.recipe.topic, sides, edits, order.recipe.trim, fps, missing)
    if not any(piece.kept for piece in pieces):
        raise WorkspaceError(
            "All sentences are cut in edit.md, so there is no video.",
            f"Tick at least one in {shelf.path(corrections.EDIT)}.",
        )
    corrections.write(shelf, sheet, obeyed)
    look = plan.Look(order.brand, order.person, fonts.metrics(order.brand.fonts, order.brand.font), layout.ink)
    decided = plan.decide(clips, pieces, [each.transcript for each in found], titled, look, layout.FORMATS)
    notes = (*decided.notes, *brand.warnings(order.brand), *_kept_out(order, decided, found))
    heard = dict.fromkeys(note for each in obeyed.heard for note in each.notes)
    notes = (*notes, *edits.over(order.recipe.topic), *obeyed.notes, *missing, *heard)
    decided = replace(decided, notes=notes)
    return shelf.value("plan.json", decided, Plan, lambda: decided), sheet


def _pieces(
    order: Order, each: Found, heard: Transcript, number: int, fps: Fraction, by_hand: ByHand
) -> tuple[Piece, ...]:
    words, frames = each.transcript, plan.grid_frames(each.clip, fps)
    return trim.pieces(
        words.words,
        each.activity,
        order.recipe.trim,
        fps=fps,
        frames=frames,
        clip=number,
        language=words.language,
        by_hand=by_hand,
        heard=heard.words,
        offers=heard.offers,
    )


def _sides(order: Order, obeyed: Obeyed, fps: Fraction) -> list[Side]:
    """The clips as edit.md needs them."""
    sides = []
    for number, (each, heard) in enumerate(zip(obeyed.found, obeyed.heard, strict=True)):
        said, frames = each.transcript, plan.grid_frames(each.clip, fps)
        typed = ByHand(written=obeyed.edits.by_hand(each.clip.sha256).written)
        slips = trim.slips(
            heard.words,
            order.recipe.trim,
            fps=fps,
            frames=frames,
            language=said.language,
            by_hand=typed,
            offers=heard.offers,
        )
        unedited = _pieces(order, each, heard, number, fps, typed)
        sides.append(Side(each.clip.sha256, each.clip.path.name, heard, said, slips, unedited))
    return sides


def _kept_out(order: Order, decided: Plan, found: Sequence[Found]) -> tuple[str, ...]:
    """What is still said in the finished video, though the brand's list asks to keep it out."""
    words = plan.spoken(decided.pieces, [each.transcript for each in found], decided.fps)
    opening = decided.variants[0].opening
    return spoken.notes(spoken.in_video(words, opening.frames if opening else 0, decided.fps), order.brand.keep_out)


def _unheard(obeyed: Obeyed) -> tuple[str, ...]:
    return unheard.notes(
        [
            (each.activity.speech, as_heard if as_heard.words else each.transcript)
            for each, as_heard in zip(obeyed.found, obeyed.heard, strict=True)
        ]
    )


def _kit(order: Order, decided: Plan, variant: Variant, shelf: Shelf) -> Kit:
    drawn = graphics.draw(decided, variant, order.brand, order.person, _drawn(shelf))
    return Kit(order.brand, drawn, order.brand.fonts)


def _drawn(shelf: Shelf) -> Store:
    """The graphics are drawn once per person and brand, so all takes share them."""
    return Store(shelf.folder.parent / ".drawn", ".mov")


def _render(
    order: Order, decided: Plan, found: Sequence[Found], kits: Mapping[str, Kit], site: render.Site, desk: Desk
) -> tuple[list[render.Rendered], tuple[str, ...]]:
    """The videos, and the names of the thumbnails.

    Sound and thumbnails are made on a thread beside the pictures: they take little, and ffmpeg does the work.
    """
    bar = render.Bar(decided, desk.tell)
    first = decided.variants[0]
    sounds, activities = [each.sound for each in found], [each.activity for each in found]
    with ThreadPoolExecutor(max_workers=1) as beside:
        heard = {
            variant.name: beside.submit(sound.make, decided, variant, sounds, activities, order.recipe, site.shelf)
            for variant in decided.variants
        }
        pictures = beside.submit(thumbnail.make, decided, first, kits[first.name], site, find_out.stills(desk))
        videos = [
            render.video(decided, variant, kits[variant.name], site, heard[variant.name].result, order.quality, bar)
            for variant in decided.variants
        ]
        return videos, pictures.result()
