/**
 * From data sets to batches: {@link dev.lorikeet.data.DataReader} reads rows, {@link
 * dev.lorikeet.data.Encoder} turns texts into token ids and {@link dev.lorikeet.data.ImageEncoder}
 * labels of images into class ids, {@link dev.lorikeet.data.LengthGroupedBatches} says which rows
 * go together, and {@link dev.lorikeet.data.Batch} pads them. Only reading needs DuckDB on the
 * class path.
 */
@NullMarked
package dev.lorikeet.data;

import org.jspecify.annotations.NullMarked;
