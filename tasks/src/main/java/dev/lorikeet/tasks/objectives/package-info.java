/** What training minimises: one file an objective. */
@NullMarked
package dev.lorikeet.tasks.objectives;

import org.jspecify.annotations.NullMarked;
