/**
 * Adapters: the contract that every method meets, which modules a method adapts, slipping it into a
 * model, and PEFT's adapter folders.
 */
@NullMarked
package dev.lorikeet.adapters;

import org.jspecify.annotations.NullMarked;
