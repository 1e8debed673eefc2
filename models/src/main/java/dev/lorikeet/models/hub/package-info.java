/**
 * Models and adapters from a Hugging Face hub, by way of the cache that Python's {@code
 * huggingface_hub} has too.
 */
@NullMarked
package dev.lorikeet.models.hub;

import org.jspecify.annotations.NullMarked;
