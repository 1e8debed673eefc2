/**
 * Checkpoints and the models built from them: safetensors, {@code config.json}, tokenizers, layers,
 * and one file per architecture.
 */
@NullMarked
package dev.lorikeet.models;

import org.jspecify.annotations.NullMarked;
