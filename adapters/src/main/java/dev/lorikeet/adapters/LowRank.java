package dev.lorikeet.adapters;

import dev.lorikeet.models.Parameter;

/**
 * The term s·x Aᵀ Bᵀ that a layer puts beside its base's answer. Of several such terms, one after
 * the other, each is two products too thin to keep a processor busy; together they are two broader
 * ones.
 *
 * @param a A [r, in]
 * @param b B [out, r]
 * @param scaling s
 */
public record LowRank(Parameter a, Parameter b, double scaling) {
  long rank() {
    return a.value().size(0);
  }
}
