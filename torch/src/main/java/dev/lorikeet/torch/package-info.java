/**
 * Tensors on libtorch: {@link dev.lorikeet.torch.Tensor}, the {@link dev.lorikeet.torch.Scope} that
 * frees them, and {@link dev.lorikeet.torch.Ops}, the library of operations that all others rest
 * on.
 */
@NullMarked
package dev.lorikeet.torch;

import org.jspecify.annotations.NullMarked;
