"""The tree of errors. Each says what happened (`what`) and what to do next (`do`), in the user's words.

CandidError
├── ClipError        this clip cannot become a video (missing, empty, not a video, cut off, changed while read)
├── WorkspaceError   a folder or file of the workspace cannot be read or written (rights, disk full)
├── RecipeError      a recipe, person or brand file is wrong
├── TranscriberError an engine or its model is missing or failed
├── WeightsError     weights cannot be had: nobody has them, they are damaged, or there is no room for them
├── BatchError       many takes at once cannot begin or go on (a manifest, an engine or its workers)
├── AccountError     an account is missing, belongs to somebody else, or needs a new sign-in
├── PublishError     nothing may go out yet, or a service refuses it
├── BoardError       the board of topics cannot be used, or refuses what was asked
├── FFmpegError      ffmpeg failed; carries the last lines it said
└── LimitError       reading or encoding took more time or memory than a sane clip needs
"""

from __future__ import annotations


class CandidError(Exception):
    """The root: everything that is told to a user in words. `do` may be empty where there is nothing to be done."""

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what, do)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        return f"{self.what} {self.do}".strip()


class ClipError(CandidError):
    """This clip cannot become a video."""


class WorkspaceError(CandidError):
    """A folder or file of the workspace cannot be read or written."""


class RecipeError(CandidError):
    """A recipe, person or brand file is wrong. `key` is the dotted key in it that is, where it is one."""

    def __init__(self, what: str, do: str = "", key: str = "") -> None:
        super().__init__(what, do)
        self.key = key


class TranscriberError(CandidError):
    """An engine or its model is missing, or it failed."""


class WeightsError(CandidError):
    """Weights cannot be had: they are not known, nobody can be reached, they are damaged, or there is no room."""


class FFmpegError(CandidError):
    """ffmpeg failed. `said` holds its last lines."""

    def __init__(self, what: str, do: str = "", said: str = "") -> None:
        super().__init__(what, do)
        self.said = said
        if said:
            self.add_note(said)  # so that a traceback shows it


class LimitError(CandidError):
    """Reading or encoding took more time or memory than a sane clip needs."""


class BoardError(CandidError):
    """The board of topics cannot be used, or refuses what was asked."""


class BatchError(CandidError):
    """Many takes at once cannot begin or go on: the manifest, the engine or one of its workers is not fit for it."""


class AccountError(CandidError):
    """An account is missing, belongs to somebody else, or needs a new sign-in."""


class PublishError(CandidError):
    """Nothing may go out yet (no approval, a rule of the service), or the service refuses it.

    `again_at` is when it may be tried again (RFC 3339), where that is known.
    """

    def __init__(self, what: str, do: str = "", again_at: str = "") -> None:
        super().__init__(what, do)
        self.again_at = again_at


def in_words(fault: BaseException) -> CandidError:
    """What Candid did not foresee is still told in a sentence."""
    if isinstance(fault, CandidError):
        return fault
    if isinstance(fault, MemoryError):
        return CandidError("There is not enough memory.", "Close other programs, or make fewer takes at once: -j 1")
    return CandidError(
        f"Something went wrong that Candid did not foresee ({type(fault).__name__}: {fault}).",
        "Run the same command again with CANDID_DEBUG=1 set, and report what it prints.",
    )
