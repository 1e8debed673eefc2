/** Tests of the whole: what a user runs, and parity with references that nobody here wrote. */
@NullMarked
package dev.lorikeet.endtoend;

import org.jspecify.annotations.NullMarked;
