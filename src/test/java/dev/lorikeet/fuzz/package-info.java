/** Damages real files and drives the commands that read them; run by hand, see CONTRIBUTING.md. */
@org.jspecify.annotations.NullMarked
package dev.lorikeet.fuzz;
