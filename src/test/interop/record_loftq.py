"""Records what PEFT's loftq_init makes of a fixed matrix, for LoftqTest.

    python record_loftq.py        writes lora/src/test/resources/dev/lorikeet/lora/loftq.safetensors

PEFT leaves the quantisation to bitsandbytes and a GPU. Here a stand-in of that name quantises: blocks
of 64 to the levels that scipy's normal quantiles give (offset 0.9677083, as in QLoRA and LoftQ's own
code) for 4 bits, rows to 127ths for 8; everything else is PEFT's. PEFT 0.21 has no 2 bits any more:
there its function is run with the levels of 2 bits in place of those of 4.
Recorded with PEFT 0.21.0, scipy 1.17 and PyTorch 2.13 on the CPU.
"""

import inspect
import os
import sys
import types
from importlib.machinery import ModuleSpec

import torch
from safetensors.torch import save_file
from scipy.stats import norm

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "..", "..", "lora", "src", "test", "resources", "dev", "lorikeet", "lora")
OFFSET, BLOCK = 0.9677083, 64


def levels(bits):
    """One level more above zero than below."""
    n = 2 ** bits
    above = norm.ppf(torch.linspace(OFFSET, 0.5, n // 2 + 1)[:-1])
    below = -norm.ppf(torch.linspace(OFFSET, 0.5, n // 2)[:-1])
    values = torch.tensor([*above, 0.0, *below], dtype=torch.float32).sort().values
    return values / values.max()


class Quantised:
    def __init__(self, data, **_):
        self.data, self.quant_state, self.SCB = data, None, None

    def to(self, _):
        return self


def by_blocks(bits):
    def dequantised(w, _):
        blocks = w.reshape(-1, BLOCK)
        largest = blocks.abs().amax(1, keepdim=True)
        nearest = (blocks / largest).unsqueeze(-1).sub(levels(bits)).abs().argmin(-1)
        return (levels(bits)[nearest] * largest).reshape(w.shape)

    return dequantised


def by_rows(w, _):
    largest = w.abs().amax(1, keepdim=True)
    return (w / largest * 127).round() / 127 * largest


from peft.utils import loftq_utils  # noqa: E402  (before the stand-in, which is not all of bitsandbytes)

functional = types.SimpleNamespace(dequantize_4bit=by_blocks(4), int8_vectorwise_dequant=by_rows)
stand_in = types.ModuleType("bitsandbytes")
stand_in.__spec__ = ModuleSpec("bitsandbytes", None)
stand_in.nn = types.SimpleNamespace(Params4bit=Quantised, Int8Params=Quantised)
stand_in.functional = functional
sys.modules["bitsandbytes"] = stand_in
source = inspect.getsource(loftq_utils.loftq_init).replace('"cuda"', '"cpu"')
names = dict(vars(loftq_utils), is_bnb_available=lambda: True, is_bnb_4bit_available=lambda: True)
exec(source, names)

torch.manual_seed(6)
w = torch.randn(48, 32) * 0.1
tensors = {"w": w, "levels2": levels(2), "levels4": levels(4)}
for bits in (2, 4, 8):
    functional.dequantize_4bit = by_blocks(bits)
    for iterations in (1, 3):
        q, a, b = names["loftq_init"](w, 8 if bits == 8 else 4, reduced_rank=5, num_iter=iterations)
        tensors |= {f"{bits}.{iterations}.q": q, f"{bits}.{iterations}.ba": b @ a}
        print(bits, iterations, (w - q).norm().item(), (w - q - b @ a).norm().item())
print(tensors["levels2"].tolist(), tensors["levels4"].tolist())
save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(OUT, "loftq.safetensors"))
os.chmod(os.path.join(OUT, "loftq.safetensors"), 0o644)
