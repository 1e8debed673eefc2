/**
 * From data sets to batches: {@link dev.lorikeet.data.DataReader} reads rows, {@link
 * dev.lorikeet.data.TextEncoder} turns texts into token ids and {@link
 * dev.lorikeet.data.ImageEncoder} labels of images into class ids, {@link
 * dev.lorikeet.data.LengthGroupedBatches} says which rows go together, and {@link
 * dev.lorikeet.data.Batch} pads them. Rows come from {@link dev.lorikeet.data.rows}, which knows
 * nothing of this package.
 */
@NullMarked
package dev.lorikeet.data;

import org.jspecify.annotations.NullMarked;
