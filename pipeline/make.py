"""START HERE: the whole pipeline on one page.

A take's clips are looked at and listened to (find_out), what becomes of them is decided (trim, plan: pure), and the decision is
carried out (graphics, render, sound, thumbnail). Every arrow leaves one readable file on the take's shelf, so a second run repeats
only what changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline import find_out, fonts, graphics, layout, plan, render, report, sound, thumbnail, trim
from pipeline.find_out import Found
from pipeline.model import Brand, Person, Plan, Recipe, Variant
from pipeline.progress import Clock, Tell, quiet
from pipeline.report import Made
from pipeline.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made: one take."""

    take: str
    clips: tuple[Path, ...]
    recipe: Recipe
    brand: Brand
    person: Person | None = None
    transcriber: str = "auto"
    quality: render.Quality = render.Quality()


def make(order: Order, shelf: Shelf, tell: Tell = quiet, *, force: bool = False) -> Made:
    """Clips in, finished videos out. Raises CandidError; whatever was finished by then is kept for the next run."""
    with shelf.mine(lambda: tell("waiting for another run on this take", 0)):
        causes = report.causes(order)
        if not force and (lying := report.kept(shelf, causes)):
            return lying
        clock = Clock()
        found = _find_out(order, shelf, tell, clock)
        with clock("plan"):
            decided = _decide(order, found, shelf)
        with clock("graphics"):
            kits = {variant.name: _kit(order, decided, variant, shelf) for variant in decided.variants}
        with clock("render"):
            rendered = _render(order, decided, found, kits, shelf, tell)
            find_out.unchanged(found)
        with clock("thumbnail"):
            thumbnail.make(decided, kits[decided.variants[0].name], shelf)
        return report.write(shelf, causes, decided, found, rendered, clock)


def look(order: Order, shelf: Shelf, tell: Tell = quiet) -> tuple[Sequence[Found], Plan]:
    """A dry run: what would be cut and captioned, and why. Leaves what it found out on the shelf, and renders nothing."""
    with shelf.mine(lambda: tell("waiting for another run on this take", 0)):
        found = _find_out(order, shelf, tell, Clock())
        return found, _decide(order, found, shelf)


def _find_out(order: Order, shelf: Shelf, tell: Tell, clock: Clock) -> Sequence[Found]:
    engine = find_out.engine(order.transcriber, order.recipe)
    return [
        find_out.look(path, number, order.recipe, engine, shelf, tell, clock)
        for number, path in enumerate(order.clips, start=1)
    ]


def _decide(order: Order, found: Sequence[Found], shelf: Shelf) -> Plan:
    clips = [each.clip for each in found]
    fps = plan.rate(clips)
    pieces = [
        piece
        for number, each in enumerate(found)
        for piece in trim.pieces(
            each.transcript.words,
            each.activity,
            order.recipe.trim,
            fps=fps,
            frames=plan.grid_frames(each.clip, fps),
            clip=number,
        )
    ]
    look = plan.Look(order.brand, order.person, fonts.metrics(order.brand.fonts, order.brand.font), layout.ink)
    decided = plan.decide(clips, pieces, [each.transcript for each in found], order.recipe, look, layout.FORMATS)
    return shelf.value("plan.json", decided, Plan, lambda: decided)


def _kit(order: Order, decided: Plan, variant: Variant, shelf: Shelf) -> render.Kit:
    drawn = graphics.draw(decided, variant, order.brand, order.person, order.recipe, shelf)
    return render.Kit(order.brand, drawn, order.brand.fonts)


def _render(
    order: Order,
    decided: Plan,
    found: Sequence[Found],
    kits: Mapping[str, render.Kit],
    shelf: Shelf,
    tell: Tell,
) -> Sequence[render.Rendered]:
    """The sound is finished on a thread beside the pictures: it takes little, and ffmpeg does the work."""
    bar = render.Bar(decided, tell)
    with ThreadPoolExecutor(max_workers=1) as beside:
        heard = {
            branded: beside.submit(sound.make, decided, variant, found, order.recipe, shelf)
            for branded, variant in {variant.branded: variant for variant in decided.variants}.items()
        }
        return [
            render.video(
                decided, variant, kits[variant.name], shelf, heard[variant.branded].result, order.quality, bar.more
            )
            for variant in decided.variants
        ]
