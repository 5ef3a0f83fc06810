"""The comments on a person's own YouTube videos -> suggestions for the board. English and German."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import BoardError
from pipeline.similar import folded

ROOT = "https://youtube.googleapis.com/"
LONGEST = 200  # characters of a wish: what the board takes

_TIMEOUT = 60  # seconds for an answer of YouTube


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A comment that reads like one: the wish in it, and where it comes from."""

    text: str
    name: str  # of the author, as YouTube shows it; two authors never have the same
    comment: str  # ids of YouTube
    video: str  # "" where the comment is about the channel

    @property
    def source(self) -> str:
        return f"youtube:{self.comment}"


# --- YouTube ----------------------------------------------------------------------------------------------------------


@contextmanager
def client(token: str, root: str = ROOT) -> Iterator[Any]:
    """Google's own client with an access token. `root` is where the service is, with a slash at the end."""
    try:
        import google_auth_httplib2
        import httplib2
        from google.oauth2.credentials import Credentials
        from googleapiclient import discovery, discovery_cache
    except ImportError as fault:
        raise BoardError(
            "Comments need Google's client, which is not installed.", "pip install 'candid[publish]'"
        ) from fault
    # Built from the description that the client ships: nothing is downloaded, and a test can put another root there.
    described = json.loads(discovery_cache.get_static_doc("youtube", "v3"))
    described["rootUrl"] = described["baseUrl"] = root
    credentials = Credentials(token)  # type: ignore[no-untyped-call]
    http = google_auth_httplib2.AuthorizedHttp(credentials, http=httplib2.Http(timeout=_TIMEOUT))
    with discovery.build_from_document(described, http=http) as youtube:
        yield youtube


def suggestions(youtube: Any, since: datetime | None = None) -> Iterator[Suggestion]:
    """What the audience suggests in comments on all videos of the person whose token it is, the latest first.

    `since`: nothing from before that time. BoardError where YouTube refuses.
    """
    channel = _channel(youtube)
    for thread in _threads(youtube, channel):
        comment = thread["snippet"]["topLevelComment"]
        said = comment["snippet"]
        if since and datetime.fromisoformat(said["publishedAt"]) < since:
            return
        text = wish(said.get("textDisplay", ""))
        if text and said.get("authorChannelId", {}).get("value") != channel:  # what they answer themselves is no wish
            yield Suggestion(
                text, said.get("authorDisplayName", ""), comment["id"], thread["snippet"].get("videoId", "")
            )


def _channel(youtube: Any) -> str:
    with _explained():
        mine = youtube.channels().list(part="id", mine=True).execute().get("items", [])
    if not mine:
        raise BoardError("This Google account has no YouTube channel.", "Sign in with the account that has the videos.")
    return str(mine[0]["id"])


def _threads(youtube: Any, channel: str) -> Iterator[dict[str, Any]]:
    """All comments on the videos of a channel, page by page."""
    asked = youtube.commentThreads().list(
        part="snippet", allThreadsRelatedToChannelId=channel, textFormat="plainText", order="time", maxResults=100
    )
    while asked is not None:
        with _explained():
            page = asked.execute()
        yield from page.get("items", [])
        asked = youtube.commentThreads().list_next(asked, page)


@contextmanager
def _explained() -> Iterator[None]:
    """Puts what YouTube refuses into words."""
    from google.auth.exceptions import GoogleAuthError
    from googleapiclient.errors import HttpError
    from httplib2 import HttpLib2Error

    try:
        yield
    except HttpError as fault:
        raise _refused(fault.status_code, _reason(fault.content)) from fault
    except GoogleAuthError as fault:
        raise _refused(401, "") from fault
    except (HttpLib2Error, OSError) as fault:
        raise BoardError(f"YouTube cannot be reached: {fault}.", "Look at the network, and try again.") from fault


def _reason(content: bytes) -> str:
    """YouTube's own word for what is wrong, such as quotaExceeded."""
    try:
        return str(json.loads(content)["error"]["errors"][0]["reason"])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def _refused(status: int, reason: str) -> BoardError:
    if reason in ("quotaExceeded", "dailyLimitExceeded"):
        return BoardError(
            "YouTube's quota for today is used up.",
            "It begins anew at midnight Pacific time. Run the same command then: nothing is added twice.",
        )
    if status == 429 or reason in ("rateLimitExceeded", "userRateLimitExceeded"):
        return BoardError("YouTube was asked too often in a short time.", "Run the same command again in some minutes.")
    if status == 401:
        return BoardError("YouTube no longer accepts the sign-in.", "Sign in again: candid accounts connect youtube")
    if status == 403:
        return BoardError(
            f"YouTube refuses to show the comments ({reason or 'forbidden'}).",
            "The sign-in needs the right youtube.force-ssl, and the account has to own the channel.",
        )
    return BoardError(f"YouTube failed to answer ({status} {reason}".rstrip() + ").", "Try again later.")


# --- what reads like a suggestion -------------------------------------------------------------------------------------

_MAKE = (
    r"(?:show|make|do|try|explain|film|record|cover|talk|tell|destroy|build|test|teach|compare|bring|put|drop|upload|"
    r"review|interview|demonstrate|give|throw|use|smash|crush|burn|visit|repair|fix|open|clean|let|see|hear|have|add)"
)
# As `folded` writes: lower case, "könnt" is "koennt".
_WISHES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:can|could|would|will) (?:you|u|we|someone|somebody)\b(?: \w+){{0,3}}? {_MAKE}\b",
        rf"\b(?:please|pls|plz)\b(?: \w+){{0,2}}? {_MAKE}\b",
        r"\b(?:make|do) (?:a|an|another|more|one)\b(?: \w+){0,3}? (?:video|videos|episode|tutorial|part|series)\b",
        r"\b(?:want|like|love|curious|nice|cool|great|awesome|interesting|fun|hope|wish) to (?:see|hear|know|learn)\b",
        r"\b(?:would|it'd|that'd) (?:also )?be (?:so |very |really )?(?:cool|nice|great|awesome|fun|interesting) if\b",
        r"\bi wish (?:you|they|there)\b|\byou (?:guys |all )?should (?!be\b|have\b|feel\b)\w+",
        r"^(?:and |so |hey |but )?(?:how|what) about (?!that\b|this\b)\w+",
        r"\bwhy (?:don't|dont|not) you\b|\bwhat if you\b",
        r"^(?:for the |in the |the )?next (?:time|video|episode)\b.{8,}",
        r"^(?!.*\b(?:see|until|till)\b).{8,}\bnext time\b",
        r"\b(?:idea|suggestion|request) ?(?:for|:)|\b(?:vorschlag|idee) ?(?:fuer|:)",
        r"\b(?:koennt|koenntet|wuerdet|moegt|wollt) ihr\b|\b(?:kannst|koenntest|wuerdest|magst|willst) du\b",
        r"\b(?:koennten|wuerden|koennen) sie\b.*\b(?:zeigen|machen|erklaeren|testen)\b|\bkoennte man\b",
        r"\b(?:zeigt?|macht?|erklaert?|testet?|probiert?|filmt?|dreht?) (?:\w+ )?(?:mal|doch|bitte|uns)\b",
        r"\bbitte (?:\w+ )?(?:mal|mehr|ein|eine|einen|zeigt?|macht?|auch|noch)\b",
        r"\bwie (?:waere es|waers|waer's|waer es|waere's)\b|\b(?:und )?was ist (?:eigentlich )?mit\b",
        r"\b(?:wuerde|wuerden|moechte|haette|faende)\b.*\b(?:gern|gerne|sehen|wissen|cool|toll|gut|spannend|interessant)\b",
        r"\bwuensch\w* (?:ich )?mir\b|\bwaere (?:\w+ )?(?:cool|toll|super|schoen|spannend|interessant|klasse|gut)\b",
        r"^(?:beim |im |fuers |das )?naechste[sn]? (?:mal|video|folge)\b.{8,}|\bihr solltet\b|\bdu solltest\b",
        r"\b(?:gern|gerne|bitte) mehr\b|\bmehr (?:davon|ueber|von)\b.*\bbitte\b",
    )
)
_QUESTIONS = re.compile(
    r"^(?:and |so |but |hey |ok |und |aber |also )?(?:"
    r"how (?!are you|is it going|old)|what (?:happens|if|is|are|does|do|kind)|"
    r"why (?:do|does|is|are|don't)|which|where (?:do|does|is|are)|do you|does (?:it|a|the)|is (?:it|there)|"
    r"wie |was |warum |wieso |weshalb |welche|wo |wann |woher |habt ihr|gibt es|ist es).+\w.*\?"
)
_SPAM = re.compile(
    r"https?:|www\.|\b\w+\.(?:com|net|org|ru|ly|me|gg|io|de)\b|\bmy (?:channel|videos|page|profile|link|bio)\b|"
    r"\b(?:sub4sub|subscribe to|check out my|follow me|dm me|text me|contact me|telegram|whatsapp|crypto|bitcoin|"
    r"forex|invest\w*|giveaway|promo code|discount|onlyfans|earn money|free money|meinen kanal|mein kanal|"
    r"abonniert mich)\b|"
    r"\b(?:who is|who's|who else|anyone|anybody|wer)\b.{0,12}\b(?:here|watching|else|schaut|guckt)\b"
)


def reads_like_suggestion(text: str) -> bool:
    """Whether somebody asks for something in a comment: no praise, no advertising, no link."""
    return bool(wish(text))


def wish(text: str) -> str:
    """The sentence of a comment that asks for something, at most 200 characters; "" where none does."""
    text = re.sub(r"<[^<>]{1,200}>", " ", text)
    if _SPAM.search(folded(text)):
        return ""
    sentences = [" ".join(part.split()) for part in re.split(r"(?<=[.!?…])\s+|[\r\n]+", text)]
    return next((_cut(sentence) for sentence in sentences if _asks(sentence)), "")


def _asks(sentence: str) -> bool:
    plain = folded(sentence).replace("’", "'").lstrip(" -–*\"'„“¿")
    return len(plain.split()) > 2 and bool(_QUESTIONS.search(plain) or any(known.search(plain) for known in _WISHES))


def _cut(sentence: str) -> str:
    """A sentence that is too long ends after a whole word."""
    if len(sentence) <= LONGEST:
        return sentence
    return sentence[: LONGEST - 1].rsplit(" ", 1)[0] + "…"
