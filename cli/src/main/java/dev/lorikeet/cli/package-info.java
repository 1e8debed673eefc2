/** The command line: one file per command, recipes, and the embedded default model and data. */
@NullMarked
package dev.lorikeet.cli;

import org.jspecify.annotations.NullMarked;
