package dev.lorikeet.models.jinja;

/** An expression, ready to be evaluated. */
@FunctionalInterface
interface Expression {
  Object in(Frame frame);
}
