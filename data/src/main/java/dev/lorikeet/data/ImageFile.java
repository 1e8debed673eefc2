package dev.lorikeet.data;

import dev.lorikeet.models.ImageProcessor;
import java.nio.file.Path;

/**
 * A picture that is decoded when it is needed.
 *
 * @param processor makes pixel values of it
 * @param tokens what the model makes of it: patches, and what stands before them
 */
public record ImageFile(Path file, ImageProcessor processor, int tokens) {}
