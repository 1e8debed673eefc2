/**
 * Models for other runtimes: ONNX graphs in standard operators, one file per architecture, and the
 * gate that runs each in ONNX Runtime and refuses it when it disagrees with the trained model.
 */
@NullMarked
package dev.lorikeet.export;

import org.jspecify.annotations.NullMarked;
