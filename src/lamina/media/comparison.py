# SPDX-License-Identifier: Apache-2.0
"""A file and its source enter; bytes and quality of each level, measured on what is decoded from the file, leave.

Quality is of 8-bit RGB pixels, whole picture, over all looks of the source (its frames; the views that it holds out):
PSNR is the mean over looks of the PSNR of each. A level of smaller size (resolution scalability) is measured against
the source scaled down to it by box filter. Of timed media the first frame, those after it and what moves have figures
of their own (`over_time`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import tee
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from lamina.bitstream.cutting import size_after_cut
from lamina.codec import Look, Model, Progress, Signal, Size, ignore
from lamina.data import downsample_area
from lamina.data.clip import counted_frames
from lamina.errors import BackendUnavailable, SignalError
from lamina.media.backdrops import Backdrop, backdrop_of
from lamina.media.delivery import LevelDelivery, delivery_of
from lamina.media.over_time import (
    LookQuality,
    QualityOverTime,
    camera_key,
    color_scores,
    over_time,
    still_pictures,
)
from lamina.media.reading import Media
from lamina.media.regions import region_scores
from lamina.media.timing import at_times_of
from lamina.metrics import find_ffmpeg, finite_db, ms_ssim, psnr, ssim, vmaf
from lamina.units import SeenBy

if TYPE_CHECKING:
    from lamina.metrics.lpips import Lpips

Pixels = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, slots=True)
class LevelQuality:
    """One level against its source."""

    level: int
    bytes: int
    """Size of the file when it is cut at this level, everything counted."""
    bpp: float | None
    """The same in bits per pixel of full size and frame; None for what is seen by cameras, which has no pixels."""
    kilobits_per_second: float | None
    """The same over the duration; None for stills."""
    width: int
    """Pixels that were compared, of the first look."""
    height: int
    looks: int
    """Pictures that were compared: frames, held-out views, or both."""
    psnr: float
    """dB; at most 100, which stands for identical."""
    ssim: float
    ms_ssim: float
    vmaf: float | None
    """0...100; None for all but clips, where no ffmpeg with libvmaf is installed, and where the clip is too small."""
    lpips: float | None
    """Learned perceptual distance, 0 for alike; None where no weights were given."""
    counts: Mapping[str, int]
    """What the (first frame's) model is made of: splats, anchors, ..."""
    over_time: QualityOverTime | None
    """First frame, frames after it, each frame, and what moves; None for stills."""
    delivery: LevelDelivery | None
    """Bytes of the first frame and of those after it; None for stills."""
    regions: Mapping[str, float] = field(default_factory=dict)
    """PSNR in each region that models of the file name, mean over the looks in which it is seen, dB."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return asdict(self)


def compare(
    media: Media,
    source: Signal,
    progress: Callable[[Progress], None] | None = None,
    *,
    lpips: Lpips | None = None,
    over: str | None = None,
) -> Iterator[LevelQuality]:
    """Measure each level, coarsest first; LPIPS too where its weights are given (`metrics.lpips.read_lpips`).

    What holds only what masks held is compared with that, before `over` (`backdrops.OVERS`; None: its own color).

    Frames are paired by number; where the source has another number of frames and lasts as long, by time: with each
    frame of the file what the source shows then.

    The source is read once for each level; of timed media before cameras once more, for what stands still. Memory does
    not grow with length but for a few numbers a look.

    Raises:
        BitstreamError: the file is damaged: its quality would say nothing.
        SignalError: the source has another size or number of frames, or is of another kind.
    """
    source = at_times_of(source, media.times)
    check_fits(media, source)
    backdrop = backdrop_of(media, source, over)
    source = backdrop.source
    is_film = media.info.is_timed and media.info.seen_by == SeenBy.SIZE
    delivery = delivery_of(media.stream)
    stills: Mapping[Hashable, Pixels] = {}
    if media.info.is_timed and media.info.seen_by == SeenBy.CAMERA:
        stills = still_pictures(source, media.frame_count, progress or ignore)
    for level in range(media.level_count):
        measuring = _Measuring(media, level, progress, backdrop, lpips, stills)
        pairs = measuring.pairs(source)
        vmaf_mean = _vmaf_of(pairs, measuring) if is_film and vmaf_is_available() else None
        for _ in pairs:
            continue
        yield _quality_of(measuring, vmaf_mean, delivery.levels[level] if delivery is not None else None)


def _quality_of(measuring: _Measuring, vmaf_mean: float | None, delivery: LevelDelivery | None) -> LevelQuality:
    """What was measured of a level, once all of its looks have passed."""
    media, scores = measuring.media, measuring.scores
    info = media.info
    pixel_count = info.width * info.height * media.frame_count if info.seen_by == SeenBy.SIZE else 0
    seconds = media.duration_s or 0.0
    size_bytes = size_after_cut(media.stream, measuring.level)
    distances = [score.lpips for score in scores if score.lpips is not None]
    return LevelQuality(
        level=measuring.level,
        bytes=size_bytes,
        bpp=8 * size_bytes / pixel_count if pixel_count else None,
        kilobits_per_second=8e-3 * size_bytes / seconds if seconds else None,
        width=measuring.size[0],
        height=measuring.size[1],
        looks=len(scores),
        psnr=fmean(score.psnr for score in scores),
        ssim=fmean(score.ssim for score in scores),
        ms_ssim=fmean(score.ms_ssim for score in scores),
        vmaf=vmaf_mean,
        lpips=fmean(distances) if distances else None,
        counts=measuring.counts,
        over_time=over_time(scores) if info.is_timed else None,
        delivery=delivery,
        regions=_regions_of(scores),
    )


def _regions_of(scores: Sequence[LookQuality]) -> dict[str, float]:
    names = dict.fromkeys(name for score in scores for name in score.regions)
    return {name: fmean(score.regions[name] for score in scores if name in score.regions) for name in names}


def check_fits(media: Media, source: Signal) -> None:
    """Raise `SignalError` unless the source looks like what the file was made from."""
    info, name = media.info, source_name(source)
    look = next(source.looks(), None)
    if look is None:
        raise SignalError(f"{name}: holds nothing to compare with")
    if isinstance(look.view, Size) != (info.seen_by == SeenBy.SIZE):
        raise SignalError(f"{name}: a {source.medium}, but {media.stream.name or 'the file'} holds a {info.kind}")
    height, width, _ = look.pixels.shape
    if isinstance(look.view, Size) and (width, height) != (info.width, info.height):
        raise SignalError(
            f"{name}: {width}x{height} pixels, the file has {info.width}x{info.height}: is it the source? If it "
            f"was scaled on the way in, say so: --size {info.width}x{info.height}"
        )
    count = source.frame_count
    if count is not None and count != media.frame_count:
        raise SignalError(
            f"{name}: {counted_frames(count)}, the file has {media.frame_count}; if that is a part: --frames A:B"
        )


def source_name(source: Signal) -> str:
    """For messages."""
    return str(getattr(source, "path", None) or getattr(source, "name", None) or "the source")


def vmaf_is_available() -> bool:
    """Whether an ffmpeg with libvmaf is installed."""
    try:
        find_ffmpeg("libvmaf")
    except BackendUnavailable:
        return False
    return True


class _Measuring:
    """One level: pairs of pixels are measured as they pass."""

    def __init__(
        self,
        media: Media,
        level: int,
        progress: Callable[[Progress], None] | None,
        backdrop: Backdrop,
        lpips: Lpips | None,
        stills: Mapping[Hashable, Pixels],
    ) -> None:
        self.media, self.level, self.progress, self.lpips, self.stills = media, level, progress, lpips, stills
        self.backdrop = backdrop
        self.scores: list[LookQuality] = []
        self.size = (0, 0)
        self.counts: Mapping[str, int] = {}
        self.is_complete = False

    def pairs(self, source: Signal) -> Iterator[tuple[Pixels, Pixels]]:
        """Source and decoded pixels of each look, at the level's own size.

        Raises:
            BitstreamError: the file is damaged.
            SignalError: the source ends before the file does.
        """
        looks = source.looks()
        look = next(looks, None)
        for model in self.media.models(level=self.level):
            self.counts = self.counts or model.counts
            if look is None or look.frame > model.frame:
                raise SignalError(
                    f"{source_name(source)}: ends after {counted_frames(model.frame)}, the file has "
                    f"{self.media.frame_count}"
                )
            while look is not None and look.frame == model.frame:
                yield self._measured(look, model)
                look = next(looks, None)
        if self.media.problems:
            raise self.media.problems[0]
        self.is_complete = True

    def _measured(self, look: Look, model: Model) -> tuple[Pixels, Pixels]:
        staged = self.backdrop.before(model, look)
        decoded, reference = self.media.render(look.view, model=staged), look.pixels
        height, width = decoded.shape[:2]
        if reference.shape != decoded.shape:
            smaller = downsample_area(reference.astype(np.float32), height, width)
            reference = np.clip(np.rint(smaller), 0, 255).astype(np.uint8)
        if not self.scores:
            self.size = (width, height)
        quality_db = finite_db(psnr(reference, decoded))
        score = self._score(look, quality_db, reference, decoded)
        self.scores.append(replace(score, regions=region_scores(staged, Size(width, height), reference, decoded)))
        if self.progress is not None:
            frames = self.media.frame_count
            done = (self.level + (model.frame + 0.5) / frames) / self.media.level_count
            stage = f"level {self.level}, frame {model.frame + 1}/{frames}"
            self.progress(Progress(done, stage if frames > 1 else f"level {self.level}", quality_db))
        return reference, decoded

    def _score(self, look: Look, quality_db: float, reference: Pixels, decoded: Pixels) -> LookQuality:
        distance = self.lpips.distance(reference, decoded) if self.lpips is not None else None
        alike = ssim(reference, decoded), ms_ssim(reference, decoded)
        camera = camera_key(look.view)
        if camera is None or not self.media.info.is_timed:
            return LookQuality(look.frame, quality_db, *alike, distance)
        colors = color_scores(reference, decoded, self.stills.get(camera))
        return LookQuality(look.frame, quality_db, *alike, distance, camera, *colors)


def _vmaf_of(pairs: Iterator[tuple[Pixels, Pixels]], measuring: _Measuring) -> float | None:
    """VMAF of all pairs, read once; None where libvmaf refuses them."""
    first, second = tee(pairs)
    try:
        return vmaf((reference for reference, _ in first), (decoded for _, decoded in second)).mean
    except SignalError:
        # Too small a picture for libvmaf: the other figures stand, once what was not read yet is measured. But if it
        # was the source that could not be read, they do not.
        for _ in first:
            continue
        if not measuring.is_complete:
            raise
        return None
