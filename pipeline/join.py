"""Chunks and sound -> one MP4, by stream copy with PyAV, which keeps every time stamp exact (the concat demuxer rounds
them).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from pipeline.encode import timescale
from pipeline.errors import FFmpegError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_REORDERED = 2  # frames that x264 holds back for B-frames


def join(parts: Sequence[Path], sound: Path, fps: Fraction, out: Path) -> None:
    """Joins chunks and the finished sound (an .m4a) into one MP4 by stream copy, index first."""
    scale = str(timescale(fps))
    options = {
        "movflags": "+faststart",
        "fflags": "+bitexact",
        "video_track_timescale": scale,
        "movie_timescale": scale,
    }
    with av.open(str(sound)) as heard, av.open(str(out), "w", format="mp4", options=options) as target:
        with av.open(str(parts[0])) as first:
            video = target.add_stream_from_template(first.streams.video[0])
            header = first.streams.video[0].codec_context.extradata
        audio = target.add_stream_from_template(heard.streams.audio[0])
        packets = _Packets(heard)
        done = 0
        for path in parts:
            for packet in _pictures(path, header, done, fps):
                packet.stream = video
                target.mux(packet)
                done += 1
            for heard_packet in packets.until(done / fps):
                heard_packet.stream = audio
                target.mux(heard_packet)
        for heard_packet in packets.until(done / fps + 1):
            heard_packet.stream = audio
            target.mux(heard_packet)


def _pictures(path: Path, header: bytes | None, before: int, fps: Fraction) -> Iterator[Packet[VideoStream]]:
    """A chunk's packets with their time stamps in the whole video, in frames."""
    with av.open(str(path)) as part:
        stream = part.streams.video[0]
        if stream.codec_context.extradata != header:
            raise FFmpegError(
                "Two parts of the video were encoded differently and cannot be joined.",
                "Run the same command again with --force, so that all parts are made anew.",
            )
        wanted = (packet for packet in part.demux(stream) if packet.size)
        for count, packet in enumerate(wanted):
            packet.pts = before + round(_seconds(packet) * fps)
            packet.dts = before + count - _REORDERED
            packet.time_base, packet.duration = 1 / fps, 1
            yield packet


def _seconds(packet: Packet[Any]) -> Fraction:
    assert packet.pts is not None and packet.time_base is not None
    return packet.pts * packet.time_base


class _Packets:
    """The sound's packets, handed over up to a time, so that sound and picture lie side by side in the file."""

    def __init__(self, source: InputContainer) -> None:
        self._packets = (packet for packet in source.demux(audio=0) if packet.size)
        self._next = next(self._packets, None)

    def until(self, seconds: Fraction) -> Iterator[Packet[Any]]:
        while self._next is not None and _seconds(self._next) <= seconds:
            packet, self._next = self._next, next(self._packets, None)
            yield packet
