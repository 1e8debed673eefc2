/**
 * Fine-tuning from texts to a saved result, in each of its regimes, and the regimes side by side on
 * the same batches.
 */
@NullMarked
package dev.lorikeet.compare;

import org.jspecify.annotations.NullMarked;
