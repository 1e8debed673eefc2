"""Records what transformers' ViTImageProcessor makes of tiny images, for ImageProcessorTest.

    python record_images.py        writes ../../../models/src/test/resources/images

Recorded with transformers 5.18.0, Pillow 12.3.0 and NumPy: the processor's PIL backend.
"""

import json
import os

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../models/src/test/resources/images")
SETTINGS = {
    "bilinear-down": {"size": {"height": 16, "width": 16}},
    "bicubic-down": {"size": {"height": 12, "width": 20}, "resample": 3},
    "bilinear-up": {"size": {"height": 40, "width": 48}, "do_normalize": False},
    "bicubic-mixed": {"size": {"height": 30, "width": 10}, "resample": 3, "do_rescale": False, "do_normalize": False},
    "shortest-edge-and-crop": {
        "size": {"shortest_edge": 16}, "do_center_crop": True, "crop_size": {"height": 12, "width": 12},
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
    "crop-only": {"do_resize": False, "do_center_crop": True, "crop_size": {"height": 9, "width": 14}},
}


def pictures():
    """A colourful one with sharp edges, 37 wide and 23 high, and a grey one, as tall."""
    rows, columns = np.mgrid[0:23, 0:37]
    red = (columns * 255 / 36).astype(np.uint8)
    green = ((rows // 4 + columns // 4) % 2 * 255).astype(np.uint8)
    blue = np.random.default_rng(1).integers(0, 256, (23, 37), dtype=np.uint8)
    colours = Image.fromarray(np.stack([red, green, blue], -1))
    grey = Image.fromarray(green // 2 + blue // 4)
    return {
        "colours.png": colours,
        "grey.png": grey,
        "transparent.png": Image.merge("RGBA", [*colours.split(), grey]),
        "palette.png": colours.quantize(16),
        "smooth.jpg": Image.fromarray(np.stack([red, red[::-1], 255 - red], -1)),
    }


os.makedirs(OUT, exist_ok=True)
expected = {}
for file, picture in pictures().items():
    picture.save(os.path.join(OUT, file), **({"quality": 95, "subsampling": 0} if file.endswith("jpg") else {}))
    for name, settings in SETTINGS.items() if file == "colours.png" else [next(iter(SETTINGS.items()))]:
        image = Image.open(os.path.join(OUT, file))
        processor = ViTImageProcessorPil(**settings, do_convert_rgb=True)
        values = processor(image)["pixel_values"][0]
        expected[f"{file}/{name}"] = np.ascontiguousarray(values, dtype=np.float32)
for name, settings in SETTINGS.items():
    full = ViTImageProcessorPil(**settings, do_convert_rgb=True).to_dict()
    with open(os.path.join(OUT, f"{name}.json"), "w") as out:
        json.dump(full, out, indent=2, sort_keys=True)
        out.write("\n")
save_file(expected, os.path.join(OUT, "expected.safetensors"))
os.chmod(os.path.join(OUT, "expected.safetensors"), 0o644)
