package dev.lorikeet.lora;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** The ways of making one adapter of several, under PEFT's names ({@code combination_type}). */
public enum CombinationType {
  /** A = Σ ±√|wᵢsᵢ| Aᵢ and B = Σ √|wᵢsᵢ| Bᵢ, whose product has terms BᵢAⱼ too: cheap and rough. */
  LINEAR(Form.FACTORS, Pruning.NONE, false),
  /** All factors side by side: Σ wᵢ ΔWᵢ itself. Ranks add. */
  CAT(Form.SIDE_BY_SIDE, Pruning.NONE, false),
  /** The nearest to Σ wᵢ ΔWᵢ of a given rank. */
  SVD(Form.PRODUCT, Pruning.NONE, false),
  /** Without small elements, and where signs differ those of the majority (arXiv:2306.01708). */
  TIES(Form.FACTORS, Pruning.MAGNITUDE, true),
  /** Without random elements, the others scaled to make up for them (arXiv:2311.03099). */
  DARE_LINEAR(Form.FACTORS, Pruning.RANDOM, false),
  DARE_TIES(Form.FACTORS, Pruning.RANDOM, true),
  /** Without small elements. */
  MAGNITUDE_PRUNE(Form.FACTORS, Pruning.MAGNITUDE, false),
  TIES_SVD(Form.PRODUCT, Pruning.MAGNITUDE, true),
  DARE_LINEAR_SVD(Form.PRODUCT, Pruning.RANDOM, false),
  DARE_TIES_SVD(Form.PRODUCT, Pruning.RANDOM, true),
  MAGNITUDE_PRUNE_SVD(Form.PRODUCT, Pruning.MAGNITUDE, false);

  /** What is combined. */
  enum Form {
    /** A by itself and B by itself. */
    FACTORS,
    SIDE_BY_SIDE,
    /** ΔW = s·BA, decomposed again. */
    PRODUCT
  }

  /** Which elements are left out of what is combined. */
  enum Pruning {
    NONE,
    MAGNITUDE,
    RANDOM
  }

  private final Form form;
  private final Pruning pruning;
  private final boolean electsSigns;

  CombinationType(Form form, Pruning pruning, boolean electsSigns) {
    this.form = form;
    this.pruning = pruning;
    this.electsSigns = electsSigns;
  }

  Form form() {
    return form;
  }

  Pruning pruning() {
    return pruning;
  }

  boolean electsSigns() {
    return electsSigns;
  }

  /** PEFT's name. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The type called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static CombinationType of(String id) {
    return Arrays.stream(values())
        .filter(type -> type.id().equals(id))
        .findFirst()
        .orElseThrow(
            () -> new UsageException("unknown combination type \"" + id + "\": use " + ids()));
  }

  /** All names, for people. */
  public static String ids() {
    return Arrays.stream(values()).map(CombinationType::id).collect(Collectors.joining(", "));
  }
}
