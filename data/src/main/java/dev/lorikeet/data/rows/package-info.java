/**
 * Rows of every format, one after the other, each with its place: JSON by Jackson, CSV by FastCSV,
 * plain text, CoNLL and folders line by line; Parquet and queries by DuckDB, which is loaded for
 * them alone. It knows columns and cells, and nothing of examples and tasks.
 */
@NullMarked
package dev.lorikeet.data.rows;

import org.jspecify.annotations.NullMarked;
