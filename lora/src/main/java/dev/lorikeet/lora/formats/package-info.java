/** LoRA adapters in the files of other tools. */
@NullMarked
package dev.lorikeet.lora.formats;

import org.jspecify.annotations.NullMarked;
