# The operations of dev.lorikeet.torch.Ops, as serialized TorchScript: a subset of Python in which every
# ATen operator is torch.NAME. Ops.java packs this text into an archive that libtorch compiles at start-up.
# One method per operation; arguments are all positional; None comes in as an Optional.

# ---- the machine ----

def cpu_capability(self) -> str:
  return torch._get_cpu_capability()

# ---- making tensors ----

def none(self) -> Optional[Tensor]:
  return None

def zeros(self, shape: List[int], dtype: int, device: str) -> Tensor:
  return torch.zeros(shape, dtype=dtype, layout=None, device=torch.device(device), pin_memory=None)

def full(self, shape: List[int], value: float, dtype: int, device: str) -> Tensor:
  return torch.full(shape, value, dtype=dtype, layout=None, device=torch.device(device), pin_memory=None)

def arange(self, start: int, end: int, device: str) -> Tensor:
  return torch.arange(start, end, dtype=4, layout=None, device=torch.device(device), pin_memory=None)

# Random numbers of their own, those that libtorch's common generator would give by the same seed.
def generator(self, seed: int) -> Generator:
  return torch.Generator(device=torch.device("cpu"), seed=seed)

def seed_(self, g: Generator, seed: int) -> int:
  _0 = torch.manual_seed(g, seed)
  return 0

def normal(self, shape: List[int], mean: float, std: float, g: Optional[Generator]) -> Tensor:
  x = torch.empty(shape, dtype=6, layout=None, device=torch.device("cpu"), pin_memory=None, memory_format=None)
  return torch.normal_(x, mean, std, generator=g)

# By the inverse of the distribution function; 0.9544997361036416 of a normal lies within two deviations.
def truncated_normal(self, shape: List[int], std: float, g: Optional[Generator]) -> Tensor:
  x = torch.empty(shape, dtype=6, layout=None, device=torch.device("cpu"), pin_memory=None, memory_format=None)
  u = torch.uniform_(x, -0.9544997361036416, 0.9544997361036416, generator=g)
  return torch.mul_(torch.erfinv_(u), torch.mul(std, 1.4142135623730951))

def uniform(self, shape: List[int], low: float, high: float, g: Optional[Generator]) -> Tensor:
  x = torch.empty(shape, dtype=6, layout=None, device=torch.device("cpu"), pin_memory=None, memory_format=None)
  return torch.uniform_(x, low, high, generator=g)

# A private map of the file: writes to it never reach the disk.
def from_file(self, path: str, numel: int, dtype: int) -> Tensor:
  return torch.from_file(path, False, numel, dtype=dtype, layout=None, device=None, pin_memory=None)

# ---- type, place, memory ----

def dtype(self, x: Tensor) -> int:
  return ops.prim.dtype(x)

def to_dtype(self, x: Tensor, dtype: int) -> Tensor:
  return torch.to(x, dtype)

def to_device(self, x: Tensor, device: str) -> Tensor:
  return torch.to(x, torch.device(device), ops.prim.dtype(x))

def clone(self, x: Tensor) -> Tensor:
  return torch.clone(x, memory_format=None)

def contiguous(self, x: Tensor) -> Tensor:
  return torch.contiguous(x)

def requires_grad(self, x: Tensor) -> bool:
  return ops.prim.requires_grad(x)

def copy_(self, x: Tensor, source: Tensor) -> Tensor:
  return torch.copy_(x, source)

# ---- arithmetic ----

def add(self, x: Tensor, y: Tensor) -> Tensor:
  return torch.add(x, y)

def add_scaled(self, x: Tensor, y: Tensor, s: float) -> Tensor:
  return torch.add(x, y, alpha=s)

def add_(self, x: Tensor, y: Tensor, s: float) -> Tensor:
  return torch.add_(x, y, alpha=s)

def add_number(self, x: Tensor, s: float) -> Tensor:
  return torch.add(x, s)

def sub(self, x: Tensor, y: Tensor) -> Tensor:
  return torch.sub(x, y)

def mul(self, x: Tensor, y: Tensor) -> Tensor:
  return torch.mul(x, y)

def scale(self, x: Tensor, s: float) -> Tensor:
  return torch.mul(x, s)

def div(self, x: Tensor, y: Tensor) -> Tensor:
  return torch.div(x, y)

def pow(self, x: Tensor, exponent: float) -> Tensor:
  return torch.pow(x, exponent)

def exp(self, x: Tensor) -> Tensor:
  return torch.exp(x)

def abs(self, x: Tensor) -> Tensor:
  return torch.abs(x)

def tanh(self, x: Tensor) -> Tensor:
  return torch.tanh(x)

def sigmoid(self, x: Tensor) -> Tensor:
  return torch.sigmoid(x)

def relu(self, x: Tensor) -> Tensor:
  return torch.relu(x)

def silu(self, x: Tensor) -> Tensor:
  return torch.silu(x)

def silu_mul(self, x: Tensor, y: Tensor) -> Tensor:
  return torch.mul(torch.silu(x), y)

def gelu(self, x: Tensor, approximate: str) -> Tensor:
  return torch.gelu(x, approximate=approximate)

def equal(self, x: Tensor, y: Tensor) -> bool:
  return torch.equal(x, y)

def eq(self, x: Tensor, y: Tensor) -> Tensor:
  return torch.eq(x, y)

def eq_number(self, x: Tensor, y: float) -> Tensor:
  return torch.eq(x, y)

def ne_number(self, x: Tensor, y: float) -> Tensor:
  return torch.ne(x, y)

def gt_number(self, x: Tensor, y: float) -> Tensor:
  return torch.gt(x, y)

def where(self, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
  return torch.where(condition, x, y)

# ---- reductions ----

def sum(self, x: Tensor) -> Tensor:
  return torch.sum(x)

def sum_dim(self, x: Tensor, dim: int, keepdim: bool) -> Tensor:
  return torch.sum(x, [dim], keepdim)

def cumsum(self, x: Tensor, dim: int) -> Tensor:
  return torch.cumsum(x, dim)

def mean_dim(self, x: Tensor, dim: int, keepdim: bool) -> Tensor:
  return torch.mean(x, [dim], keepdim)

def max(self, x: Tensor) -> Tensor:
  return torch.max(x)

def argmax(self, x: Tensor, dim: int) -> Tensor:
  return torch.argmax(x, dim)

def norm(self, x: Tensor, dtype: int) -> Tensor:
  return torch.linalg_vector_norm(x, 2, None, False, dtype=dtype)

def norm_dim(self, x: Tensor, dim: int) -> Tensor:
  return torch.linalg_vector_norm(x, 2, [dim], False, dtype=6)

def all_finite(self, x: Tensor) -> bool:
  return bool(torch.all(torch.isfinite(x)))

def number(self, x: Tensor) -> float:
  return float(torch.to(x, 7))

# ---- shape ----

def reshape(self, x: Tensor, shape: List[int]) -> Tensor:
  return torch.reshape(x, shape)

def transpose(self, x: Tensor, a: int, b: int) -> Tensor:
  return torch.transpose(x, a, b)

def as_strided(self, x: Tensor, shape: List[int], stride: List[int], offset: int) -> Tensor:
  return torch.as_strided(x, shape, stride, offset)

def expand(self, x: Tensor, shape: List[int]) -> Tensor:
  return torch.expand(x, shape)

def unsqueeze(self, x: Tensor, dim: int) -> Tensor:
  return torch.unsqueeze(x, dim)

def squeeze(self, x: Tensor, dim: int) -> Tensor:
  return torch.squeeze(x, dim)

def select(self, x: Tensor, dim: int, index: int) -> Tensor:
  return torch.select(x, dim, index)

def narrow(self, x: Tensor, dim: int, start: int, length: int) -> Tensor:
  return torch.narrow(x, dim, start, length)

def split(self, x: Tensor, lengths: List[int], dim: int) -> List[Tensor]:
  return torch.split_with_sizes(x, lengths, dim)

def index_select(self, x: Tensor, dim: int, index: Tensor) -> Tensor:
  return torch.index_select(x, dim, index)

def index_copy(self, x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
  return torch.index_copy(x, dim, index, source)

def cat(self, xs: List[Tensor], dim: int) -> Tensor:
  return torch.cat(xs, dim)

# ---- decompositions ----

def qr(self, x: Tensor) -> List[Tensor]:
  q, r = torch.linalg_qr(x, "reduced")
  return [q, r]

def svd(self, x: Tensor) -> List[Tensor]:
  u, s, v = torch.linalg_svd(x, False, driver=None)
  return [u, s, v]

def solve_right(self, a: Tensor, b: Tensor) -> Tensor:
  return torch.linalg_solve(a, b, left=False)

# ---- combining updates ----

# The count elements of largest size, 0 in place of all others.
def keep_largest(self, x: Tensor, count: int) -> Tensor:
  flat = torch.reshape(x, [-1])
  _0, places = torch.topk(torch.abs(flat), count, -1, True, False)
  kept = torch.index_fill(torch.zeros_like(flat, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None), 0, places, 1.)
  return torch.mul(x, torch.reshape(kept, torch.size(x)))

# 1 where an element has the sign that wins among those at its place, 0 elsewhere; a draw goes to plus.
def majority(self, xs: Tensor, by_count: bool) -> Tensor:
  signs = torch.sign(xs)
  votes = xs
  if by_count:
    votes = signs
  t = ops.prim.dtype(xs)
  winner = torch.sub(torch.mul(torch.to(torch.ge(torch.sum(votes, [0], False), 0), t), 2), 1)
  return torch.to(torch.eq(signs, winner), t)

# ---- layers ----

def matmul(self, x: Tensor, y: Tensor) -> Tensor:
  return torch.matmul(x, y)

# y = x Wᵀ + b. In half precision the CPU has no fast kernel for a single row that says it lies in a longer
# text, and falls back to a loop some hundred times slower: reshape lets it say that it lies alone.
def linear(self, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
  if torch.ne(ops.prim.dtype(x), 6):
    x = torch.reshape(torch.contiguous(x), torch.size(x))
  return torch.linear(x, weight, bias)

# The same as a 1x1 convolution over rows as pixels, channels last, which is a matrix product without any
# copy. It goes to oneDNN, whose kernels choose their instructions by what the processor can do; MKL, behind
# linear, gives processors of another make AVX2 at best. With one thread libtorch does not use oneDNN here.
def linear_onednn(self, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
  width = torch.size(weight, 1)
  rows = torch.floordiv(torch.numel(x), width)
  pixels = torch.permute(torch.reshape(x, [1, 1, rows, width]), [0, 3, 1, 2])
  kernel = torch.reshape(weight, [torch.size(weight, 0), width, 1, 1])
  y = torch.permute(torch.conv2d(pixels, kernel, bias), [0, 2, 3, 1])
  shape = torch.size(x)
  _0 = torch._set_item(shape, -1, torch.size(weight, 0))
  return torch.reshape(y, shape)

# dx = dy W of y = x Wᵀ + b; added to sum in its memory, where there is one.
def linear_input_gradient(self, x: Tensor, dy: Tensor, weight: Tensor, sum: Optional[Tensor]) -> Tensor:
  rows = torch.reshape(dy, [-1, torch.size(dy, -1)])
  if torch.__is__(sum, None):
    return torch.reshape(torch.mm(rows, weight), torch.size(x))
  total = unchecked_cast(Tensor, sum)
  if torch.__not__(torch.is_contiguous(total)):
    return torch.add_(total, torch.reshape(torch.mm(rows, weight), torch.size(x)), alpha=1)
  _0 = torch.addmm_(torch.view(total, [-1, torch.size(x, -1)]), rows, weight, beta=1, alpha=1)
  return total

# The same for linear_onednn.
def linear_onednn_input_gradient(self, x: Tensor, dy: Tensor, weight: Tensor, sum: Optional[Tensor]) -> Tensor:
  width = torch.size(weight, 1)
  rows = torch.floordiv(torch.numel(x), width)
  pixels = torch.permute(torch.reshape(x, [1, 1, rows, width]), [0, 3, 1, 2])
  dpixels = torch.permute(torch.reshape(dy, [1, 1, rows, torch.size(weight, 0)]), [0, 3, 1, 2])
  kernel = torch.reshape(weight, [torch.size(weight, 0), width, 1, 1])
  dx, _0, _1 = torch.convolution_backward(dpixels, pixels, kernel, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, False, False])
  made = torch.reshape(torch.permute(dx, [0, 2, 3, 1]), torch.size(x))
  if torch.__is__(sum, None):
    return made
  return torch.add_(unchecked_cast(Tensor, sum), made, alpha=1)

def embedding(self, weight: Tensor, ids: Tensor) -> Tensor:
  return torch.embedding(weight, ids, -1, False, False)

def layer_norm(self, x: Tensor, weight: Tensor, bias: Optional[Tensor], eps: float) -> Tensor:
  return torch.layer_norm(x, torch.size(weight), weight, bias, eps)

# Not torch.rms_norm, which takes three times as long on a CPU. In half precision the reference multiplies by
# the weight after rounding, but by offset + weight before.
def rms_norm(self, x: Tensor, weight: Tensor, eps: float, offset: float) -> Tensor:
  return self.rms_norm_and_reciprocal(x, weight, eps, offset)[0]

# The same, and 1 / √(mean x² + eps), which its gradient needs.
def rms_norm_and_reciprocal(self, x: Tensor, weight: Tensor, eps: float, offset: float) -> List[Tensor]:
  norm = torch.linalg_vector_norm(x, 2, [-1], True, dtype=6)
  minus = torch.div(-1., float(torch.size(x, -1)))
  reciprocal = torch.rsqrt(torch.rsub(torch.mul(norm, norm), eps, minus))
  unit = torch.mul(x, reciprocal)
  t = ops.prim.dtype(x)
  if torch.eq(offset, 0.):
    if torch.ne(t, 6):
      unit = torch.to(unit, t)
    return [torch.mul(unit, weight), reciprocal]
  return [torch.to(torch.mul(unit, torch.add(torch.to(weight, 6), offset)), t), reciprocal]

# With g = dy (offset + weight) and r = reciprocal: dx = r g - r³ x Σ(g x) / D, in float32.
def rms_norm_gradient(self, dy: Tensor, x: Tensor, weight: Tensor, reciprocal: Tensor, offset: float) -> Tensor:
  wide = torch.to(x, 6)
  g = torch.mul(torch.to(dy, 6), torch.add(torch.to(weight, 6), offset))
  dot = torch.sum(torch.mul(g, wide), [-1], True)
  along = torch.mul(torch.mul(dot, torch.pow(reciprocal, 3)), torch.div(1., float(torch.size(x, -1))))
  return torch.to(torch.addcmul(torch.mul_(g, reciprocal), wide, along, value=-1), ops.prim.dtype(x))

def lstm(self, x: Tensor, weights: List[Tensor], layers: int, hidden: int, dropout: float) -> Tensor:
  start = torch.zeros([torch.mul(2, layers), torch.size(x, 0), hidden], dtype=ops.prim.dtype(x), layout=None, device=ops.prim.device(x), pin_memory=None)
  states, _0, _1 = torch.lstm(x, [start, start], weights, True, layers, dropout, torch.gt(dropout, 0.), True, True)
  return states

def softmax(self, x: Tensor, dim: int) -> Tensor:
  return torch.softmax(x, dim)

# What dropout multiplies x with: 0, or 1 / (1 - p). On a CPU sixteen random bits an element, four elements to
# a draw: several times cheaper than the ten nanoseconds an element of bernoulli_. The rate is rounded to a
# multiple of 2^-16, and the scale is that of the rounded rate, so the expectation is exact.
def dropout_mask(self, x: Tensor, p: float, g: Optional[Generator]) -> Tensor:
  mask = torch.empty(torch.size(x), dtype=ops.prim.dtype(x), layout=None, device=ops.prim.device(x), pin_memory=None, memory_format=None)
  if ops.prim.is_cuda(x):
    return torch.dropout(torch.fill_(mask, 1.), p, True)
  n = torch.numel(x)
  draws = torch.empty([torch.floordiv(torch.add(n, 3), 4)], dtype=4, layout=None, device=torch.device("cpu"), pin_memory=None, memory_format=None)
  bits = torch.view_copy(torch.random_(draws, -9223372036854775808, None, generator=g), dtype=2)
  dropped = int(ops.prim.min(torch.round(torch.mul(p, 65536.)), 65535.))
  _0 = torch.ge(torch.reshape(torch.slice(bits, 0, 0, n), torch.size(x)), torch.sub(dropped, 32768), out=mask)
  return torch.mul_(mask, torch.div(65536., float(torch.sub(65536, dropped))))

def dropout_cpu(self, x: Tensor, p: float, g: Optional[Generator]) -> Tensor:
  return torch.mul(x, self.dropout_mask(torch.detach(x), p, g))

def dropout(self, x: Tensor, p: float) -> Tensor:
  return torch.dropout(x, p, True)

# norm(residual + dropout(x)), and what its gradients need: the sum, its mean and 1 / deviation, and dropout's mask.
def dropout_add_norm(self, x: Tensor, residual: Tensor, weight: Tensor, bias: Optional[Tensor], eps: float, p: float, g: Optional[Generator]) -> List[Tensor]:
  if torch.eq(p, 0.):
    sum = torch.add(x, residual)
    y, mean, rstd = torch.native_layer_norm(sum, torch.size(weight), weight, bias, eps)
    return [y, sum, mean, rstd]
  mask = self.dropout_mask(x, p, g)
  sum = torch.addcmul(residual, x, mask, value=1)
  y, mean, rstd = torch.native_layer_norm(sum, torch.size(weight), weight, bias, eps)
  return [y, sum, mean, rstd, mask]

# The gradients of residual and x; without a mask they are one.
def dropout_add_norm_gradients(self, dy: Tensor, saved: List[Tensor]) -> List[Tensor]:
  dsum, _0, _1 = torch.native_layer_norm_backward(dy, saved[1], torch.size(saved[0]), saved[2], saved[3], saved[0], None, [True, False, False])
  if torch.eq(torch.len(saved), 4):
    return [dsum]
  return [dsum, torch.mul(dsum, saved[4])]

# softmax(scale q kᵀ + mask) v; q, k, v [B, T, H, d] as projections leave them; mask adds to the scores
def attention(self, q: Tensor, k: Tensor, v: Tensor, mask: Optional[Tensor], p: float, causal: bool, scale: float) -> Tensor:
  context = torch.scaled_dot_product_attention(torch.transpose(q, 1, 2), torch.transpose(k, 1, 2), torch.transpose(v, 1, 2), mask, p, causal, scale=scale)
  return torch.flatten(torch.transpose(context, 1, 2), 2, 3)

# The scores [B, H, T, S] = scale q kᵀ + mask, for attention whose probabilities are used by themselves.
def attention_scores(self, q: Tensor, k: Tensor, mask: Optional[Tensor], scale: float) -> Tensor:
  scores = torch.matmul(torch.transpose(torch.mul(q, scale), 1, 2), torch.permute(k, [0, 2, 3, 1]))
  if torch.__isnot__(mask, None):
    scores = torch.add(scores, unchecked_cast(Tensor, mask))
  return scores

# softmax(scale q kᵀ + mask) v with dropout, q, k, v [B, T, D] in so many heads; and what its gradients need: the
# probabilities and their dropout's mask.
def dropout_attention(self, q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Optional[Tensor], p: float, scale: float, g: Optional[Generator]) -> List[Tensor]:
  split = [torch.size(q, 0), torch.size(q, 1), heads, -1]
  scores = torch.matmul(torch.transpose(torch.reshape(q, split), 1, 2), torch.permute(torch.reshape(k, split), [0, 2, 3, 1]))
  scores = torch.mul_(scores, scale)
  if torch.__isnot__(mask, None):
    scores = torch.add_(scores, unchecked_cast(Tensor, mask), alpha=1)
  probabilities = torch.softmax(scores, -1)
  kept = self.dropout_mask(probabilities, p, g)
  context = torch.matmul(torch.mul(probabilities, kept), torch.transpose(torch.reshape(v, split), 1, 2))
  return [torch.flatten(torch.transpose(context, 1, 2), 2, 3), probabilities, kept]

# The gradients of q, k and v.
def dropout_attention_gradients(self, dy: Tensor, q: Tensor, k: Tensor, v: Tensor, heads: int, saved: List[Tensor], scale: float) -> List[Tensor]:
  probabilities, kept = saved[0], saved[1]
  split = [torch.size(q, 0), torch.size(q, 1), heads, -1]
  whole = torch.size(q)
  d = torch.contiguous(torch.transpose(torch.reshape(dy, split), 1, 2))
  dv = torch.matmul(torch.transpose(torch.mul(probabilities, kept), 2, 3), d)
  dp = torch.mul_(torch.matmul(d, torch.permute(torch.reshape(v, split), [0, 2, 3, 1])), kept)
  ds = torch.mul_(torch._softmax_backward_data(dp, probabilities, -1, ops.prim.dtype(q)), scale)
  dq = torch.matmul(ds, torch.transpose(torch.reshape(k, split), 1, 2))
  dk = torch.matmul(torch.transpose(ds, 2, 3), torch.transpose(torch.reshape(q, split), 1, 2))
  return [torch.reshape(torch.transpose(dq, 1, 2), whole), torch.reshape(torch.transpose(dk, 1, 2), whole), torch.reshape(torch.transpose(dv, 1, 2), whole)]

def attention_values(self, probabilities: Tensor, v: Tensor) -> Tensor:
  context = torch.matmul(probabilities, torch.transpose(v, 1, 2))
  return torch.flatten(torch.transpose(context, 1, 2), 2, 3)

# Writes keys and values of new tokens behind the first start of rooms [B, room, H, d]; views of all so far.
def append_(self, keys_room: Tensor, values_room: Tensor, keys: Tensor, values: Tensor, start: int) -> List[Tensor]:
  tokens = torch.size(keys, 1)
  end = torch.add(start, tokens)
  _0 = torch.copy_(torch.narrow(keys_room, 1, start, tokens), keys)
  _1 = torch.copy_(torch.narrow(values_room, 1, start, tokens), values)
  return [torch.narrow(keys_room, 1, 0, end), torch.narrow(values_room, 1, 0, end)]

# ---- decoders ----

# cos and sin of positions [T] or [B, T] times frequencies [r/2]: each [.., T, 1, r], every angle twice, the
# first half of sin with its sign turned, as rotate wants them.
def angles(self, positions: Tensor, frequencies: Tensor, scale: float, dtype: int) -> List[Tensor]:
  angles = torch.unsqueeze(torch.mul(torch.unsqueeze(torch.to(positions, 6), -1), frequencies), -2)
  cos = torch.to(torch.mul(torch.cos(angles), scale), dtype)
  sin = torch.to(torch.mul(torch.sin(angles), scale), dtype)
  return [torch.cat([cos, cos], -1), torch.cat([torch.neg(sin), sin], -1)]

# x cos + rotate_half(x) sin over the first r of d elements; x [B, T, H, d].
def rotate(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  width = torch.size(x, -1)
  rotated = torch.size(cos, -1)
  turned = torch.narrow(x, -1, 0, rotated)
  halves = torch.roll(turned, [torch.floordiv(rotated, 2)], [-1])
  turned = torch.addcmul(torch.mul(turned, cos), halves, sin, value=1)
  if torch.eq(rotated, width):
    return turned
  return torch.cat([turned, torch.narrow(x, -1, rotated, torch.sub(width, rotated))], -1)

# rotate's gradient, which turns back.
def rotate_gradient(self, dy: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  width = torch.size(dy, -1)
  rotated = torch.size(cos, -1)
  turned = torch.narrow(dy, -1, 0, rotated)
  halves = torch.roll(torch.mul(turned, sin), [torch.floordiv(rotated, 2)], [-1])
  back = torch.addcmul(halves, turned, cos, value=1)
  if torch.eq(rotated, width):
    return back
  return torch.cat([back, torch.narrow(dy, -1, rotated, torch.sub(width, rotated))], -1)

# Attention whose H query heads share Hkv heads of keys and values in groups of G. The CPU's kernel falls back
# to slow arithmetic with enable_gqa. The queries of one token are G tokens of a head that look at the same
# keys; for more tokens, copying keys and values costs less than a mask would.
def grouped_attention(self, q: Tensor, k: Tensor, v: Tensor, mask: Optional[Tensor], p: float, causal: bool, scale: float) -> Tensor:
  tokens, heads, shared = torch.size(q, 1), torch.size(q, 2), torch.size(k, 2)
  if torch.__and__(torch.eq(tokens, 1), torch.ne(heads, shared)):
    group = torch.reshape(q, [torch.size(q, 0), shared, -1, torch.size(q, 3)])
    context = torch.scaled_dot_product_attention(group, torch.transpose(k, 1, 2), torch.transpose(v, 1, 2), mask, p, False, scale=scale)
    return torch.reshape(context, [torch.size(q, 0), 1, -1])
  if torch.ne(heads, shared):
    k = torch.repeat_interleave(k, torch.floordiv(heads, shared), 2)
    v = torch.repeat_interleave(v, torch.floordiv(heads, shared), 2)
  return self.attention(q, k, v, mask, p, causal, scale)

# The probabilities [B, Hkv, G, T, S] by themselves; cap > 0 bends the scores to cap tanh(scores / cap).
def grouped_probabilities(self, q: Tensor, k: Tensor, mask: Optional[Tensor], causal: bool, scale: float, cap: float) -> Tensor:
  tokens, shared = torch.size(q, 1), torch.size(k, 2)
  group = torch.reshape(torch.transpose(torch.mul(q, scale), 1, 2), [torch.size(q, 0), shared, -1, torch.size(q, 3)])
  scores = torch.matmul(group, torch.permute(k, [0, 2, 3, 1]))
  scores = torch.reshape(scores, [torch.size(q, 0), shared, -1, tokens, torch.size(k, 1)])
  if torch.gt(cap, 0.):
    scores = torch.mul(torch.tanh(torch.div(scores, cap)), cap)
  if torch.__isnot__(mask, None):
    scores = torch.add(scores, torch.unsqueeze(unchecked_cast(Tensor, mask), 1))
  if causal:
    later = torch.ones([tokens, tokens], dtype=11, layout=None, device=ops.prim.device(q), pin_memory=None)
    scores = torch.masked_fill(scores, torch.triu(later, 1), -inf)
  return torch.softmax(scores, -1)

def grouped_values(self, probabilities: Tensor, v: Tensor) -> Tensor:
  size = torch.size(probabilities)
  context = torch.matmul(torch.reshape(probabilities, [size[0], size[1], -1, size[4]]), torch.transpose(v, 1, 2))
  heads = torch.reshape(context, [size[0], torch.mul(size[1], size[2]), size[3], -1])
  return torch.flatten(torch.transpose(heads, 1, 2), 2, 3)

# ---- relative positions ----

# y[.., t, s] = x[.., t, T - 1 + s - t]: the same memory, each row begun one element earlier than the one before.
def of_distances(self, x: Tensor) -> Tensor:
  x = torch.contiguous(x)
  size = torch.size(x)
  tokens, row = size[2], size[3]
  matrix = torch.mul(tokens, row)
  stride = [torch.mul(size[1], matrix), matrix, torch.sub(row, 1), 1]
  offset = torch.add(torch.storage_offset(x), torch.sub(tokens, 1))
  return torch.as_strided(x, [size[0], size[1], tokens, tokens], stride, offset)

def convolution(self, x: Tensor, kernel: Tensor, bias: Tensor, groups: int) -> Tensor:
  padding = torch.floordiv(torch.size(kernel, 2), 2)
  y = torch.conv1d(torch.transpose(x, 1, 2), kernel, bias, [1], [padding], [1], groups)
  return torch.transpose(y, 1, 2)

# ---- LoRA, folded into its weight for one step ----

# W + s B A in W's type
def lora_weight(self, weight: Tensor, a: Tensor, b: Tensor, s: float) -> Tensor:
  t = ops.prim.dtype(weight)
  return torch.addmm(weight, torch.to(b, t), torch.to(a, t), beta=1, alpha=s)

# Of y = x (W + s B A)ᵀ: dA = s (dy B)ᵀ x and dB = s dyᵀ (x Aᵀ), in the types of A and B. dBᵀ takes a third of
# the time of dB: the many rows of dy are then read as they lie.
def lora_gradients(self, x: Tensor, dy: Tensor, a: Tensor, b: Tensor, s: float) -> List[Tensor]:
  t = ops.prim.dtype(x)
  rows = torch.reshape(x, [-1, torch.size(x, -1)])
  drows = torch.reshape(dy, [-1, torch.size(dy, -1)])
  narrow = torch.mul(torch.matmul(drows, torch.to(b, t)), s)
  da = torch.matmul(torch.t(narrow), rows)
  db = torch.matmul(torch.t(torch.mul(torch.linear(rows, torch.to(a, t), None), s)), drows)
  return [torch.to(da, ops.prim.dtype(a)), torch.to(torch.contiguous(torch.t(db)), ops.prim.dtype(b))]

# ---- losses, each a sum over the labels that count ----

def cross_entropy(self, logits: Tensor, labels: Tensor, weights: Optional[Tensor], smoothing: float) -> Tensor:
  return torch.cross_entropy_loss(logits, labels, weights, 2, -100, smoothing)

# The same of plain labels, and factor times its gradient, softmax(logits) - 1 at the label: made in the memory of
# the probabilities, where autograd takes new memory for each step.
def cross_entropy_slope(self, logits: Tensor, labels: Tensor, factor: float) -> List[Tensor]:
  scores = torch.log_softmax(logits, -1, 6)
  column = torch.unsqueeze(labels, 1)
  own = torch.gather(scores, 1, column)
  slope = torch.scatter_add_(torch.exp_(scores), 1, column, torch.full_like(own, -1., dtype=None, layout=None, device=None, pin_memory=None, memory_format=None))
  return [torch.neg(torch.sum(own)), torch.to(torch.mul_(slope, factor), ops.prim.dtype(logits))]

# Sums of (1 - p)^gamma times each label's entropy, p = e^-entropy; 1 - p kept off 0, where powers below 1 have
# no slope.
def focal_cross_entropy(self, logits: Tensor, labels: Tensor, weights: Optional[Tensor], gamma: float) -> Tensor:
  entropies = torch.cross_entropy_loss(logits, labels, None, 0, -100, 0.)
  missing = torch.clamp(torch.neg(torch.expm1(torch.neg(entropies))), 9.9999999999999995e-21, None)
  weighted = torch.cross_entropy_loss(logits, labels, weights, 0, -100, 0.)
  return torch.sum(torch.mul(torch.pow(missing, gamma), weighted))

def focal_binary_cross_entropy(self, logits: Tensor, labels: Tensor, gamma: float) -> Tensor:
  entropies = torch.binary_cross_entropy_with_logits(logits, labels, None, None, 0)
  missing = torch.clamp(torch.neg(torch.expm1(torch.neg(entropies))), 9.9999999999999995e-21, None)
  return torch.sum(torch.mul(torch.pow(missing, gamma), entropies))

def binary_cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
  return torch.binary_cross_entropy_with_logits(logits, labels, None, None, 2)

def squared_error(self, predictions: Tensor, labels: Tensor) -> Tensor:
  return torch.mse_loss(predictions, labels, 2)

# ---- gradients and updates ----

# An input that the output does not depend on gets an empty gradient.
def grad(self, output: Tensor, gradient: Optional[Tensor], inputs: List[Tensor], again: bool) -> List[Tensor]:
  grads = torch.grad([output], inputs, [gradient], again, False, True)
  result = annotate(List[Tensor], [])
  nothing = torch.empty([0], dtype=None, layout=None, device=None, pin_memory=None, memory_format=None)
  for i in range(torch.len(grads)):
    g = grads[i]
    if torch.__is__(g, None):
      _0 = torch.append(result, nothing)
    else:
      _1 = torch.append(result, unchecked_cast(Tensor, g))
  return result

# The fused kernel goes through memory, so a gradient must lie in it as its parameter does: row by row.
def adamw_(self, params: List[Tensor], grads: List[Tensor], m: List[Tensor], v: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float, weight_decay: float, eps: float) -> int:
  rows = annotate(List[Tensor], [])
  for i in range(torch.len(grads)):
    _2 = torch.append(rows, torch.contiguous(grads[i]))
  _0 = torch._foreach_add_(steps, 1)
  _1 = torch._fused_adamw_(params, rows, m, v, annotate(List[Tensor], []), steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=eps, amsgrad=False, maximize=False, grad_scale=None, found_inf=None)
  return 0

# grads + l2 params + l1 sign(params), the gradients of penalties on the parameters' size.
def penalized(self, params: List[Tensor], grads: List[Tensor], l1: float, l2: float) -> List[Tensor]:
  result = torch._foreach_add(grads, params, alpha=l2)
  if torch.ne(l1, 0.):
    result = torch._foreach_add(result, torch._foreach_sign(params), alpha=l1)
  return result

# Dampening spares the first gradient, so it needs the number of steps; the fused kernel knows only one for all.
def sgd_(self, params: List[Tensor], grads: List[Tensor], buffers: List[Tensor], steps: List[Tensor], lr: float, momentum: float, dampening: float, nesterov: bool) -> int:
  rows = annotate(List[Tensor], [])
  for i in range(torch.len(grads)):
    _0 = torch.append(rows, torch.contiguous(grads[i]))
  if torch.eq(dampening, 0.):
    _1 = torch._fused_sgd_(params, rows, buffers, weight_decay=0., momentum=momentum, lr=lr, dampening=0., nesterov=nesterov, maximize=False, is_first_step=False, grad_scale=None, found_inf=None)
  else:
    _2 = torch._foreach_mul_(buffers, momentum)
    for i in range(torch.len(rows)):
      kept = torch.add(torch.mul(torch.clamp(steps[i], None, 1.), torch.neg(dampening)), 1.)
      _3 = torch.add_(buffers[i], torch.mul(rows[i], kept), alpha=1)
    _4 = torch._foreach_add_(steps, 1)
    _5 = torch._foreach_add_(params, buffers, alpha=torch.neg(lr))
  return 0

def rmsprop_(self, params: List[Tensor], grads: List[Tensor], squares: List[Tensor], means: List[Tensor], buffers: List[Tensor], lr: float, decay: float, eps: float, momentum: float) -> int:
  _0 = torch._foreach_mul_(squares, decay)
  _1 = torch._foreach_addcmul_(squares, grads, grads, torch.sub(1., decay))
  deviation = squares
  if torch.gt(torch.len(means), 0):
    _2 = torch._foreach_lerp_(means, grads, torch.sub(1., decay))
    deviation = torch._foreach_addcmul(squares, means, means, -1.)
  deviation = torch._foreach_sqrt(deviation)
  _3 = torch._foreach_add_(deviation, eps)
  if torch.gt(torch.len(buffers), 0):
    _4 = torch._foreach_mul_(buffers, momentum)
    _5 = torch._foreach_addcdiv_(buffers, grads, deviation, 1.)
    _6 = torch._foreach_add_(params, buffers, alpha=torch.neg(lr))
  else:
    _7 = torch._foreach_addcdiv_(params, grads, deviation, torch.neg(lr))
  return 0

# Not torch._fused_adagrad_, which this libtorch has for the CPU only.
def adagrad_(self, params: List[Tensor], grads: List[Tensor], sums: List[Tensor], lr: float, eps: float) -> int:
  _0 = torch._foreach_addcmul_(sums, grads, grads, 1.)
  deviation = torch._foreach_sqrt(sums)
  _1 = torch._foreach_add_(deviation, eps)
  _2 = torch._foreach_addcdiv_(params, grads, deviation, torch.neg(lr))
  return 0

def lion_(self, params: List[Tensor], grads: List[Tensor], m: List[Tensor], lr: float, beta1: float, beta2: float) -> int:
  update = torch._foreach_mul(m, beta1)
  _0 = torch._foreach_add_(update, grads, alpha=torch.sub(1., beta1))
  _1 = torch._foreach_sign_(update)
  _2 = torch._foreach_add_(params, update, alpha=torch.neg(lr))
  _3 = torch._foreach_mul_(m, beta2)
  _4 = torch._foreach_add_(m, grads, alpha=torch.sub(1., beta2))
  return 0

# squares: of a matrix the running means over its rows and over its columns, of a vector all; m: none or one.
def adafactor_(self, p: Tensor, g: Tensor, step: Tensor, squares: List[Tensor], m: List[Tensor], lr: float, beta1: float, eps: float, decay_rate: float, clip: float, scale_parameter: bool, weight_decay: float) -> int:
  root = torch.pow(float(torch.numel(p)), 0.5)
  rate = torch.full([], lr, dtype=6, layout=None, device=ops.prim.device(p), pin_memory=None)
  if scale_parameter:
    rate = torch.mul(rate, torch.clamp(torch.div(torch.linalg_vector_norm(p), root), 0.001, None))
  _0 = torch.add_(step, 1)
  new = torch.pow(step, decay_rate)
  square = torch.add(torch.mul(g, g), eps)
  if torch.eq(torch.len(squares), 2):
    row = torch.lerp_(squares[0], torch.mean(square, [-1]), new)
    column = torch.lerp_(squares[1], torch.mean(square, [-2]), new)
    r = torch.unsqueeze(torch.rsqrt(torch.div(row, torch.mean(row, [-1], True))), -1)
    update = torch.mul(torch.mul(r, torch.unsqueeze(torch.rsqrt(column), -2)), g)
  else:
    update = torch.mul(torch.rsqrt(torch.lerp_(squares[0], square, new)), g)
  size = torch.div(torch.linalg_vector_norm(update), torch.mul(root, clip))
  update = torch.mul(torch.div(update, torch.clamp(size, 1., None)), rate)
  if torch.eq(torch.len(m), 1):
    update = torch.add_(torch.mul_(m[0], beta1), update, alpha=torch.sub(1., beta1))
  _1 = torch.mul_(p, torch.add(torch.mul(rate, torch.neg(weight_decay)), 1.))
  _2 = torch.sub_(p, update, alpha=1)
  return 0

def total_norm(self, xs: List[Tensor]) -> Tensor:
  return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(xs, 2)))

# Scales by min(1, most / norm) without asking the device for a number; by 1 where the norm is not finite.
def clip_(self, xs: List[Tensor], most: float) -> Tensor:
  norm = torch.linalg_vector_norm(torch.stack(torch._foreach_norm(xs, 2)))
  factor = torch.clamp(torch.mul(torch.reciprocal(torch.add(norm, 9.9999999999999995e-07)), most), None, 1.)
  _0 = torch._foreach_mul_(xs, torch.where(torch.isfinite(norm), factor, torch.ones_like(factor, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None)))
  return norm

def scale_(self, xs: List[Tensor], s: float) -> int:
  _0 = torch._foreach_mul_(xs, s)
  return 0

def accumulate_(self, xs: List[Tensor], ys: List[Tensor]) -> int:
  _0 = torch._foreach_add_(xs, ys)
  return 0

# x + s (y - x)
def approach_(self, xs: List[Tensor], ys: List[Tensor], s: float) -> int:
  _0 = torch._foreach_lerp_(xs, ys, s)
  return 0

# x + noise from U(-most, most)
def add_uniform(self, x: Tensor, most: float, g: Optional[Generator]) -> Tensor:
  noise = torch.empty_like(x, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None)
  return torch.add(x, torch.uniform_(noise, torch.neg(most), most, generator=g), alpha=1)
