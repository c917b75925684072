# SPDX-License-Identifier: Apache-2.0
"""Calls with a head: what losses cost, how long they show, how long coding and showing take.

In: a file with a learnt head and a clip of the same person. Out: benchmarks/results/head_loss_<clip>.json.

    python -m benchmarks.head_loss anna.lam CLIP --frames 400:500 --size 256x256

Frames are coded once as `lamina send` codes them; then each network carries the same frames, in simulated time (40 ms
there and back, feedback lost as often as frames). A frame that was not shown in time counts with the picture before
it. dB are of 8-bit pixels, whole frame, mean of the PSNR of each, from the first frame after the model has arrived.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from benchmarks.lossy_line import FRAMES_PER_SECOND, Line, Shown, called
from benchmarks.run_log import write_result

from lamina.bitstream import read_stream
from lamina.codec import LiveChoices, Size
from lamina.codecs import codec_of_wire_id
from lamina.codecs.head.fit.live import HeadLiveCoder, open_coder
from lamina.codecs.head.live import RecentFrames
from lamina.codecs.head.model import HeadModel, render
from lamina.codecs.head.packets import LONGEST_LAG, FrameState, pack_frame
from lamina.data import open_clip
from lamina.live.inbox import Inbox
from lamina.live.outbox import Outbox, once_of
from lamina.live.pieces import pieces_of
from lamina.metrics import psnr
from lamina.units import Unit

NETWORKS = ((0.0, 1), (0.05, 1), (0.1, 1), (0.2, 1), (0.05, 5), (0.1, 5), (0.2, 5))
"""Share of datagrams that are lost, and how many together."""
HEADERS_BYTES = 28
"""Of IPv4 and UDP, a datagram."""
OWN_BYTES = 9
"""Of ours: which model, which frame, a checksum."""
SEEDS = (1, 2, 3)


class Replay(RecentFrames):
    """Sends frames that were coded before, over and over."""

    def __init__(self, facts: Any, states: list[FrameState], first: int) -> None:
        super().__init__()
        self._facts, self._states, self._first = facts, states, first
        self.sizes_bytes: list[int] = []
        """Of the clip's datagrams."""

    def state(self, number: int) -> FrameState:
        """Of a frame; the first is shown until the clip begins."""
        return self._states[min(max(number - self._first, 0), len(self._states) - 1)]

    def code(self, pixels: np.ndarray, number: int, reference: int | None) -> bytes:
        """As `HeadLiveCoder` chooses."""
        del pixels
        state = self.state(number)
        self.keep(number, state)
        packet = pack_frame(self._facts, state)
        known = None if reference is None else self.known.get(reference)
        if known is not None and reference is not None and 0 < number - reference <= LONGEST_LAG:
            packet = min(packet, pack_frame(self._facts, state, known, number - reference), key=len)
        if number >= self._first:
            self.sizes_bytes.append(OWN_BYTES + len(packet))
        return packet


def coded(coder: HeadLiveCoder, frames: list[np.ndarray]) -> tuple[list[FrameState], dict[str, float]]:
    """Each frame's columns, and how long a picture takes to become a packet."""
    states, wall_s = [], []
    began_cpu_s = time.process_time()
    for number, pixels in enumerate(frames):
        began_s = time.perf_counter()
        coder.code(pixels, number, None)
        wall_s.append(time.perf_counter() - began_s)
        states.append(coder.known[number])
    cpu_s = (time.process_time() - began_cpu_s) / len(frames)
    later = sorted(wall_s[1:])
    figures = {
        "picture_to_packet_median_ms": 1000 * median(later),
        "picture_to_packet_95_percent_ms": 1000 * later[int(0.95 * len(later))],
        "frames_per_second": 1 / fmean(later),
        "cpu_s_per_frame": cpu_s,
    }
    return states, figures


def pictures(model: HeadModel, size: Size) -> np.ndarray:
    """As a receiver shows it."""
    return np.clip(np.rint(render(model, size).numpy() * 255), 0, 255).astype(np.uint8)


def received(
    units: list[Unit], codec: int, states: list[FrameState], network: tuple[float, int], seed: int
) -> tuple[Shown, Replay, Inbox]:
    """A call over a network: what was shown, what was sent, and the receiver."""
    model, seconds = pieces_of(codec, units), 4.0 + len(states) / FRAMES_PER_SECOND
    replay = Replay(facts_of(units), states, 4 * FRAMES_PER_SECOND)
    outbox, inbox = Outbox(replay, model, 400e3), Inbox(codec_of_wire_id)
    there, back = Line(seed, *network), Line(seed + 100, *network)
    shown = called(outbox, inbox, there, back, seconds + 0.2)
    return shown, replay, inbox


def facts_of(units: list[Unit]) -> Any:
    """The head's header."""
    from lamina.codecs.head.syntax import HeadFacts

    return HeadFacts.unpack_whole(units[0].payload)


def quality_of(shown: Shown, scores: np.ndarray, first: int) -> dict[str, float]:
    """Mean dB of what was seen at each frame's time; `scores[n, k]`: of the picture k frames before, at frame n."""
    seen, gaps, gap, last = [], [0], 0, 0
    for number in range(len(scores)):
        is_here = number + first in shown.models
        last, gap = (number, 0) if is_here else (last, gap + 1)
        gaps.append(gap)
        seen.append(scores[number, number - last])
    return {"psnr": float(np.mean(seen)), "longest_gap_s": max(gaps) / FRAMES_PER_SECOND}


def scores_of(head_pictures: list[np.ndarray], frames: list[np.ndarray], most: int) -> np.ndarray:
    """DB of frame number n against the picture of up to so many frames before."""
    found = np.full((len(frames), most + 1), np.nan)
    for number, pixels in enumerate(frames):
        for back in range(min(number, most) + 1):
            found[number, back] = psnr(pixels, head_pictures[number - back])
    return found


def showing(models: list[HeadModel], size: Size) -> dict[str, float]:
    """How fast a receiver draws, with one thread and with two."""
    found: dict[str, float] = {}
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        pictures(models[0], size)
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        for model in models:
            pictures(model, size)
        found[f"frames_per_second_{threads}_threads"] = len(models) / (time.perf_counter() - began_s)
        found[f"cpu_s_per_frame_{threads}_threads"] = (time.process_time() - began_cpu_s) / len(models)
    torch.set_num_threads(before)
    return found


def main() -> None:
    """Code once, carry over each network, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", default="0:100")
    parser.add_argument("--size", default="256x256")
    options = parser.parse_args()
    start, stop = (int(word) for word in options.frames.split(":"))
    width, height = (int(word) for word in options.size.split("x"))
    frames = list(open_clip(options.clip).reduced(width, height).frames(start, stop))
    with read_stream(options.model) as stream:
        codec, units = stream.codec_wire_id, once_of(list(stream.units()))
    coder = open_coder(units, LiveChoices())
    states, coding = coded(coder, frames)
    head = coder.head
    models = [HeadModel(head, number, state.values, state.scale) for number, state in enumerate(states)]
    scores = scores_of([pictures(model, Size()) for model in models], frames, FRAMES_PER_SECOND)
    figures: dict[str, Any] = {"coding": coding, "networks": []}
    for network in NETWORKS:
        figures["networks"].append(over_network(units, codec, states, scores, network))
        print(figures["networks"][-1], flush=True)
    figures["showing_512x512"] = showing(models[:40], Size(512, 512))
    settings = {"clip": options.clip.name, "frames": options.frames, "size": options.size}
    settings |= {"model_bytes": sum(len(unit.payload) for unit in units), "threads": torch.get_num_threads()}
    print(write_result(f"head_loss_{options.clip.stem}", settings, figures))


def over_network(
    units: list[Unit], codec: int, states: list[FrameState], scores: np.ndarray, network: tuple[float, int]
) -> dict[str, Any]:
    """Means over seeds."""
    whole = float(np.mean(scores[:, 0]))
    rows, sizes_bytes, first_s = [], [], []
    for seed in SEEDS:
        shown, replay, inbox = received(units, codec, states, network, seed)
        rows.append(quality_of(shown, scores, 4 * FRAMES_PER_SECOND))
        sizes_bytes += replay.sizes_bytes
        first_s.append(min(shown.times_s.values()))
        assert inbox.has_model
        assert inbox.received.without_reference == 0
    return {
        "loss": network[0],
        "burst": network[1],
        "psnr": fmean(row["psnr"] for row in rows),
        "psnr_lost": whole - fmean(row["psnr"] for row in rows),
        "longest_gap_s": max(row["longest_gap_s"] for row in rows),
        "kbit_s": 8e-3 * FRAMES_PER_SECOND * fmean(sizes_bytes),
        "kbit_s_with_ip_and_udp": 8e-3 * FRAMES_PER_SECOND * (fmean(sizes_bytes) + HEADERS_BYTES),
        "first_picture_s": fmean(first_s),
    }


if __name__ == "__main__":
    main()
