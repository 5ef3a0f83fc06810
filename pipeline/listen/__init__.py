"""Listens to a clip and looks at it: where somebody speaks, where something happens, and how loud it is -> Activity."""

from __future__ import annotations

from pipeline import media
from pipeline.listen import action, loudness, speech
from pipeline.model import LEVEL_MS, Activity, Clip, Sound


def hear(clip: Clip, sound: Sound | None) -> Activity:
    """What happens in a clip. `sound` is its sound for listening: 16 kHz, one channel, "<i2"; None where it has none.

    Pictures are looked at only where nobody speaks for a while, since speech is kept anyway.
    """
    spoken = speech.speech(sound) if sound is not None else ()
    levels = loudness.levels(sound) if sound is not None else loudness.NO_LEVELS
    fine = loudness.levels(sound, LEVEL_MS) if sound is not None else loudness.NO_LEVELS
    heard = loudness.loudness(levels, spoken)
    near_speech = loudness.inside(len(levels), spoken, action.NEAR_SPEECH_MS)
    looked_at = action.worth_a_look(spoken, clip.duration_ms)
    pictures = media.grays(clip, looked_at, every_ms=action.EVERY_MS, width=action.WIDTH)
    return Activity(
        speech=spoken,
        impacts=action.impacts(levels, loudness.STEP_MS, near_speech, heard.speech_dbfs),
        motion=action.motion(pictures, spoken),
        speech_dbfs=heard.speech_dbfs,
        floor_dbfs=heard.floor_dbfs,
        levels=tuple(fine.round().astype(int).tolist()),
    )
