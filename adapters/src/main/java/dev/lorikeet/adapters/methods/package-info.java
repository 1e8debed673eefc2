/** The adapter methods beside the LoRA family, one file each. */
@NullMarked
package dev.lorikeet.adapters.methods;

import org.jspecify.annotations.NullMarked;
