"""Where recipes/, assets/ and output/ are."""

from __future__ import annotations

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import shelf
from pipeline.errors import RecipeError, WorkspaceError

_HERE = Path(__file__).parent
_LONGEST_NAME = 60
_PLAIN = re.compile(r"[\w-]+")  # the name of an asset: nothing that leads elsewhere
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder in which commands work. What it lacks (a brand, a font) comes from the product's own assets."""

    root: Path

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def recipes(self) -> Path:
        return self.root / "recipes"

    @property
    def board(self) -> Path:
        """The audience's topics."""
        return self.recipes / "board.sqlite3"

    def recipe(self, name: str) -> Path:
        """The file of a recipe: a path to one, or a name in recipes/. RecipeError where that leads elsewhere."""
        path = Path(name)
        if path.suffix == ".toml" and "\0" not in name:
            return path
        if not name or not name.isprintable() or Path(name).name != name or "\\" in name:
            raise RecipeError(
                f"{name!r} cannot be the name of a recipe.",
                "Name one in recipes/ (see: candid recipes list), or a file that ends in .toml.",
            )
        return self.recipes / f"{name}.toml"

    def queued(self, name: str) -> Path:
        """The file of a recipe in recipes/, where what was handed in for it finds it again by its name."""
        path = self.recipe(name)
        if path.exists() and path.parent.resolve() != self.recipes.resolve():
            raise RecipeError(
                f"{path} does not lie in {self.recipes}, so its takes would not find it again.", "Copy it there first."
            )
        return path

    def brand(self, name: str) -> Path:
        """The folder of a brand, here or among the product's own. RecipeError lists the known ones."""
        return self._asset("brands", name)

    @property
    def brands(self) -> tuple[str, ...]:
        """The names of the brands that are known here."""
        return self._known("brands")

    @property
    def people(self) -> tuple[Path, ...]:
        return (self.root / "assets" / "people", product_assets() / "people")

    @property
    def takes(self) -> Path:
        """The folder of the takes that were handed in."""
        return self.root / "assets" / "clips"

    def clips(self, named: str) -> tuple[Path, ...]:
        """The clips that a word of the command line means:

        the file itself, those of a take that was handed in, or those of a take that was made here before.
        """
        path = (Path(named).absolute(),)
        return self.clips_of(named) or path if self.is_take(named) else path

    def reserve(self, take: str) -> bool:
        """Keeps the name of a take that is being handed in for it; False where clips from elsewhere have it."""
        return shelf.claim(self.output / take, _handed(take))

    def is_take(self, named: str) -> bool:
        """Whether a word of the command line can mean a take: it is the path of no file."""
        path = Path(named)
        return path.name == named and not path.exists()

    def clips_of(self, take: str) -> tuple[Path, ...]:
        """The clips of a take that was handed in or made here before; none where there is no such take."""
        if handed_in := self._handed_in(take):
            return handed_in
        taken = shelf.owner_of(self.output / take)
        return tuple(Path(line) for line in taken.split("\0")) if Path(taken).is_absolute() else ()

    def _handed_in(self, take: str) -> tuple[Path, ...]:
        """The clips of a take in their order, which is the number that their names begin with."""
        folder = self.takes / take
        if not re.fullmatch(r"[a-z0-9-]+", take) or not (folder / "take.json").is_file():
            return ()
        clips = [path for path in folder.iterdir() if re.match(r"\d+-", path.name)]
        return tuple(sorted(clips, key=lambda path: int(path.name.partition("-")[0])))

    def _asset(self, kind: str, name: str) -> Path:
        for root in self._roots(kind):
            if _PLAIN.fullmatch(name) and (root / name).is_dir():
                return root / name
        raise RecipeError(
            f"There is no brand {name!r}.",
            f"Known: {', '.join(self._known(kind))}. A brand is a folder in assets/{kind}/.",
        )

    def _known(self, kind: str) -> tuple[str, ...]:
        found = (path for root in self._roots(kind) if root.is_dir() for path in root.iterdir())
        return tuple(sorted({path.name for path in found if path.is_dir() and _PLAIN.fullmatch(path.name)}))

    def _roots(self, kind: str) -> tuple[Path, Path]:
        return self.root / "assets" / kind, product_assets() / kind

    def take(self, clips: Sequence[Path], handed_in: str = "") -> str:
        """The name of the take that these clips become:

        the id of one that was handed in, else that of the first clip, with a mark where another has it already.
        """
        name = handed_in or slug(clips[0].stem)
        places = _handed(handed_in) if handed_in else "\0".join(str(clip.resolve()) for clip in clips)
        mark = hashlib.sha256(places.encode("utf-8", "surrogateescape")).hexdigest()[:6]
        another = bool(not handed_in and self._handed_in(name))
        if not another and shelf.claim(self.output / name, places):
            return name
        shelf.claim(self.output / f"{name}-{mark}", places)  # so that its name means these clips from now on
        return f"{name}-{mark}"


def _handed(take: str) -> str:
    """Who owns the folder of a take that was handed in."""
    return f"take:{take}"


def find(start: Path, named: Path | None = None) -> Workspace:
    """The workspace that is named, else the nearest folder from `start` upwards that holds recipes/ and assets/, else
    `start`.
    """
    if named is not None:
        if not named.is_dir():
            raise WorkspaceError(f"There is no folder {named}.", "Make it first, or name another with --workspace.")
        return Workspace(named.resolve())
    for folder in (start, *start.parents):
        if (folder / "recipes").is_dir() and (folder / "assets").is_dir():
            return Workspace(folder)
    return Workspace(start)


def create(folder: Path) -> tuple[Path, ...]:
    """Makes a workspace: folders for recipes, brands and people, and the recipes that come with Candid as examples.

    What lies there already stays as it is. Returns what was written.
    """
    written = []
    with shelf.explained(folder):
        for name in ("recipes", "assets/brands", "assets/people", "assets/clips"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for source in sorted(_product_recipes().glob("*.toml")):
            target = folder / "recipes" / source.name
            if not target.exists():
                shutil.copyfile(source, target)
                written.append(target)
    return tuple(written)


def _product_recipes() -> Path:
    checkout = _HERE.parent / "recipes"
    return checkout if checkout.is_dir() else _HERE / "examples"


def product_assets() -> Path:
    """The assets that come with the product: in the checkout, or inside the installed package."""
    checkout = _HERE.parent / "assets"
    return checkout if (checkout / "brands").is_dir() else _HERE / "assets"


def slug(text: str) -> str:
    """A name that is safe as a folder everywhere: lower case letters, digits and single dashes, 1 to 60 characters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    return f"{name or 'take'}-take" if not name or name in DEVICES else name
