"""SummaryWriter: numbers, histograms, pictures and texts of a training run, in files that TensorBoard shows.

Records are written as they come and flushed every flush_secs seconds, at flush() and at close(). Graphs are kept as the text of the
module, since there is no traced graph; audio, video and meshes have no encoder here and say so.
"""

import json
import os
import socket
import time

import numpy as np

import rushlight as rl

from . import _events

__all__ = ["FileWriter", "SummaryWriter"]


def _array(x):
    """A tensor, array, list or number as an array."""
    if isinstance(x, rl.Tensor):
        x = x.detach()
        return (x.float() if x.dtype in (rl.bfloat16, rl.float16) else x).numpy()
    return np.asarray(x)


def _scalar(x):
    array = _array(x)
    if array.size != 1:
        raise ValueError(f"a scalar has one element, this has {array.size}: shape {list(array.shape)}")
    return float(array.reshape(()))


def _default_bins():
    edge, edges = 1e-12, []
    while edge < 1e20:
        edges.append(edge)
        edge *= 1.1
    return [-e for e in reversed(edges)] + [0.0] + edges


def _histogram(tag, values, bins, max_bins):
    values = _array(values).reshape(-1).astype(np.float64)
    if values.size == 0:
        raise ValueError("The input has no element.")
    counts, limits = np.histogram(values, bins=_default_bins() if bins == "tensorflow" else bins)
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        counts = np.add.reduceat(counts, np.arange(0, len(counts), step))
        limits = np.append(limits[:-1:step], limits[-1])
    kept = np.flatnonzero(counts)
    if not kept.size:
        raise ValueError("The histogram is empty: no element is between the first and the last edge")
    first, last = int(kept[0]), int(kept[-1]) + 1
    edges, shown = limits[first:last + 1].tolist(), [0.0, *counts[first:last].tolist()]      # an empty bin shows the left edge
    return _events.histogram(tag, values.min(), values.max(), values.size, values.sum(), (values * values).sum(), edges, shown)


def _uint8(pixels):
    if pixels.dtype != np.uint8:
        pixels = (np.clip(pixels.astype(np.float64), 0, 1) * 255).astype(np.uint8) if pixels.dtype.kind == "f" else pixels.astype(np.uint8)
    return pixels


def _picture(tag, tensor, dataformats):
    from ...vision.image import png_bytes
    pixels = _array(tensor)
    if pixels.ndim != len(dataformats) or len(set(dataformats)) != len(dataformats):
        raise AssertionError(f"size of input tensor and input format are different. tensor shape: {pixels.shape}, input_format: {dataformats}")
    pixels = pixels.transpose([dataformats.upper().index(letter) for letter in "NHWC" if letter in dataformats.upper()])
    if pixels.ndim == 4:
        columns = min(8, len(pixels))
        rows = -(-len(pixels) // columns)
        grid = np.zeros((rows * pixels.shape[1], columns * pixels.shape[2], pixels.shape[3]), pixels.dtype)
        for i, each in enumerate(pixels):
            y, x = divmod(i, columns)
            grid[y * pixels.shape[1]:(y + 1) * pixels.shape[1], x * pixels.shape[2]:(x + 1) * pixels.shape[2]] = each
        pixels = grid
    pixels = _uint8(pixels if pixels.ndim == 3 else pixels[:, :, None])
    pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    return _events.image(tag, pixels.shape[0], pixels.shape[1], pixels.shape[2], png_bytes(pixels))


class FileWriter:
    """One event file in a folder."""

    def __init__(self, log_dir, max_queue=10, flush_secs=120, filename_suffix=""):
        self._folder, self._flush_secs = str(log_dir), flush_secs
        os.makedirs(self._folder, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}{filename_suffix}"
        self.path = os.path.join(self._folder, name)
        self._file = open(self.path, "wb")
        self._file.write(_events.record(_events.event(time.time(), version="brain.Event:2")))
        self.flush()

    def get_logdir(self):
        """The folder."""
        return self._folder

    def add_values(self, values, step, walltime):
        """A record with these values."""
        if self._file.closed:
            self._file = open(self.path, "ab")
        self._file.write(_events.record(_events.event(time.time() if walltime is None else walltime, None if step is None else int(step), values)))
        if time.monotonic() - self._flushed > self._flush_secs:
            self.flush()

    def flush(self):
        """Everything is in the file."""
        if not self._file.closed:
            self._file.flush()
        self._flushed = time.monotonic()

    def close(self):
        """The end of the file, unless more is added."""
        self._file.close()

    reopen = flush


class SummaryWriter:
    """Writes to log_dir, or to runs/TIME_HOST and the comment."""

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""):
        if not log_dir:
            log_dir = os.path.join("runs", time.strftime("%b%d_%H-%M-%S_") + socket.gethostname() + comment)
        self.log_dir, self._how = str(log_dir), (max_queue, flush_secs, filename_suffix)
        self.file_writer, self.all_writers = FileWriter(self.log_dir, *self._how), None
        self._others = {}

    def get_logdir(self):
        """The folder."""
        return self.log_dir

    def _get_file_writer(self):
        return self.file_writer

    def _add(self, value, step, walltime):
        self.file_writer.add_values([value], _scalar(step) if isinstance(step, rl.Tensor) else step, walltime)

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False):
        """A number at a step."""
        self._add(_events.number(tag, _scalar(scalar_value)), global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Several numbers that are shown in one diagram: each goes to a folder of its own."""
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, main_tag.replace("/", "_") + "_" + tag)
            if folder not in self._others:
                self._others[folder] = FileWriter(folder, *self._how)
            self._others[folder].add_values([_events.number(main_tag, _scalar(value))], global_step, walltime)

    def add_histogram(self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None):
        """How the elements are distributed."""
        self._add(_histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(self, tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, global_step=None, walltime=None):
        """A histogram that was counted elsewhere."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        self._add(_events.histogram(tag, min, max, num, sum, sum_squares, list(map(float, bucket_limits)), list(map(float, bucket_counts))), global_step, walltime)

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """A picture: floats in [0, 1] or uint8."""
        self._add(_picture(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"):
        """Pictures side by side."""
        self._add(_picture(tag, img_tensor, dataformats), global_step, walltime)

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None):
        """A figure of matplotlib, or several, as pictures."""
        from matplotlib import pyplot
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        for each in figure if isinstance(figure, list) else [figure]:
            canvas = FigureCanvasAgg(each)
            canvas.draw()
            self.add_image(tag, np.asarray(canvas.buffer_rgba())[:, :, :3], global_step, walltime, "HWC")
            if close:
                pyplot.close(each)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """Text, which TensorBoard reads as Markdown."""
        self._add(_events.text(f"{tag}/text_summary", text_string), global_step, walltime)

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """The text of the module, under "graph": there is no traced graph to draw."""
        self.add_text("graph", "```\n" + repr(model) + "\n```", 0)

    def add_hparams(self, hparam_dict, metric_dict, hparam_domain_discrete=None, run_name=None, global_step=None):
        """Settings as a table, and what they led to as numbers, in a folder of their own."""
        if not isinstance(hparam_dict, dict) or not isinstance(metric_dict, dict):
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        with SummaryWriter(os.path.join(self.log_dir, run_name or str(time.time()))) as writer:
            rows = "\n".join(f"| {name} | {value} |" for name, value in hparam_dict.items())
            writer.add_text("hparams", f"| name | value |\n|---|---|\n{rows}", global_step)
            for tag, value in metric_dict.items():
                writer.add_scalar(tag, value, global_step)

    def add_embedding(self, mat, metadata=None, label_img=None, global_step=None, tag="default", metadata_header=None):
        """Vectors for the projector: tables of them and of their labels; label_img is not shown."""
        rows = _array(mat)
        if rows.ndim != 2:
            raise AssertionError(f"mat should be 2D, where mat.size(0) is the number of data points, not {list(rows.shape)}")
        name = f"{0 if global_step is None else int(global_step):05d}/{tag}"
        folder = os.path.join(self.log_dir, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "tensors.tsv"), "w") as file:
            file.writelines("\t".join(map(repr, row)) + "\n" for row in rows.astype(float).tolist())
        lines = [f"  tensor_name: {json.dumps(f'{tag}:{name[:5]}')}", f"  tensor_path: {json.dumps(name + '/tensors.tsv')}"]
        if metadata is not None:
            if len(metadata) != len(rows):
                raise AssertionError("#labels should equal with #data points")
            with open(os.path.join(folder, "metadata.tsv"), "w") as file:
                file.writelines(("\t".join(map(str, each)) if metadata_header else str(each)) + "\n" for each in ([metadata_header] if metadata_header else []) + list(metadata))
            lines.append(f"  metadata_path: {json.dumps(name + '/metadata.tsv')}")
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "a") as file:
            file.write("embeddings {\n" + "\n".join(lines) + "\n}\n")

    def _no_encoder(self, *args, **kwargs):
        raise NotImplementedError("SummaryWriter has no encoder for audio, video, meshes and precision-recall curves; add_scalar, add_histogram, add_image, "
                                  "add_figure and add_text write what TensorBoard shows")

    add_audio = add_video = add_mesh = add_pr_curve = add_pr_curve_raw = add_custom_scalars = add_custom_scalars_multilinechart = _no_encoder

    def flush(self):
        """Everything is in the files."""
        for writer in [self.file_writer, *self._others.values()]:
            writer.flush()

    def close(self):
        """The end of the files."""
        for writer in [self.file_writer, *self._others.values()]:
            writer.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
