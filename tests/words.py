"""What is said in the recorded clips, for word-error rates and alignment."""

import re


def plain(text: str) -> str:
    """Text as it is compared: without case and punctuation."""
    return re.sub(r"[^a-z' ]", "", text.lower())


SAID = {
    "jfk.flac": (
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
    ),
    "two-cities.wav": (
        "it was the best of times it was the worst of times it was the age of wisdom it was the age of "
        "foolishness it was the epoch of belief it was the epoch of incredulity it was the season of light it "
        "was the season of darkness it was the spring of hope it was the winter of despair we had everything "
        "before us we had nothing before us we were all going direct to heaven we were all going direct the "
        "other way in short the period was so far like the present period that some of its noisiest "
        "authorities insisted on its being received for good or for evil in the superlative degree of "
        "comparison only"
    ),
    "spoken-timer.mp4": (
        "hello this is an example video for your convenience and pleasure you are allowed to use this voice "
        "for any purpose including commercial uses on the bottom right you can see the time when the time "
        "reaches forty seconds i will say banana banana"
    ),
}
SAID["bench-talk.mp4"] = f"{SAID['two-cities.wav']} {SAID['jfk.flac']}"
