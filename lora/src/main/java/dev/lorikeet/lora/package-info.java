/** The LoRA family: low-rank updates of frozen weights. */
@NullMarked
package dev.lorikeet.lora;

import org.jspecify.annotations.NullMarked;
