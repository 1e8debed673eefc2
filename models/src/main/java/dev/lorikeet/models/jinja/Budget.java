package dev.lorikeet.models.jinja;

import org.jspecify.annotations.Nullable;

/**
 * What one rendering may cost: a template comes with a model, and must not occupy a process for
 * ever or fill its memory. Each thread has the budget of the template that it renders; without one,
 * nothing is counted.
 */
final class Budget {
  /** A second's work; a chat of a thousand messages takes some 20,000. */
  private static final long STEPS = 1_000_000;

  /** Of all texts made on the way. */
  private static final long CHARACTERS = 200_000_000;

  private static final long LONGEST_TEXT = 10_000_000;
  private static final int DEPTH = 100;

  private static final ThreadLocal<@Nullable Budget> CURRENT = new ThreadLocal<>();

  private long steps;
  private long characters;
  private int depth;

  private Budget() {}

  /** Does {@code work} within a new budget of this thread. */
  static void within(Runnable work) {
    Budget outer = CURRENT.get();
    CURRENT.set(new Budget());
    try {
      work.run();
    } catch (StackOverflowError e) {
      throw nested();
    } finally {
      CURRENT.set(outer);
    }
  }

  static JinjaException nested() {
    return new JinjaException("it is nested too deep");
  }

  static void step() {
    steps(1);
  }

  /** Takes steps, such as one for each item of a list that is made. */
  static void steps(long count) {
    Budget budget = CURRENT.get();
    if (budget != null) {
      budget.steps += Math.max(1, count);
      if (budget.steps > STEPS || count > STEPS) {
        throw new JinjaException("it takes more than " + STEPS + " steps");
      }
    }
  }

  /** Takes a text's characters before it is made. */
  static void text(double length) {
    if (length > LONGEST_TEXT) {
      throw new JinjaException("it makes a text of more than " + LONGEST_TEXT + " characters");
    }
    Budget budget = CURRENT.get();
    if (budget != null) {
      budget.characters += (long) length;
      if (budget.characters > CHARACTERS) {
        throw new JinjaException("it makes more than " + CHARACTERS + " characters");
      }
    }
  }

  /** Takes the characters that a text grows by. */
  static void appended(long before, long more) {
    count(before + more <= LONGEST_TEXT ? more : before + more);
  }

  /** A number of characters or items within what a text or a list may have. */
  static int count(long count) {
    text((double) count);
    return (int) Math.max(0, count);
  }

  /** Enters a macro's call, or a recursive loop's. */
  static void enter() {
    Budget budget = CURRENT.get();
    if (budget != null && ++budget.depth > DEPTH) {
      throw new JinjaException("it calls itself more than " + DEPTH + " deep");
    }
  }

  static void leave() {
    Budget budget = CURRENT.get();
    if (budget != null) {
      budget.depth--;
    }
  }
}
