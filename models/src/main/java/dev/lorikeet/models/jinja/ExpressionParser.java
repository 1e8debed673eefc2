package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Callable.Arguments;
import dev.lorikeet.models.jinja.Token.Kind;
import dev.lorikeet.models.jinja.Values.None;
import dev.lorikeet.models.jinja.Values.Tuple;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BinaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Expressions by Jinja's precedence, from the loosest: {@code if else}, {@code or}, {@code and},
 * {@code not}, comparison, {@code + -}, {@code ~}, {@code * / // %}, {@code **}, sign, and what
 * stands behind a value: calls, attributes, subscripts, filters, tests.
 */
final class ExpressionParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  /** The words that end the argument of a test without brackets. */
  private static final Set<String> NO_ARGUMENT =
      Set.of("else", "or", "and", "is", "if", "not", "in");

  private final TokenStream tokens;
  private final Library library;

  ExpressionParser(TokenStream tokens, Library library) {
    this.tokens = tokens;
    this.library = library;
  }

  /** An expression, or a tuple of several with commas between. */
  Expression tuple() {
    return tuple(expression(), true);
  }

  /** As {@link #tuple}, but an {@code if} behind it is not its own. */
  Expression tupleBeforeIf() {
    return tuple(or(), false);
  }

  private Expression tuple(Expression first, boolean conditions) {
    if (!tokens.isOperator(",")) {
      return first;
    }
    List<Expression> items = new ArrayList<>(List.of(first));
    while (tokens.skipOperator(",") && !atEnd()) {
      items.add(conditions ? expression() : or());
    }
    return frame -> new Tuple(values(items, frame));
  }

  private boolean atEnd() {
    return tokens.is(Kind.BLOCK_END)
        || tokens.is(Kind.VARIABLE_END)
        || tokens.isOperator(")")
        || tokens.isOperator("=");
  }

  Expression expression() {
    Expression value = or();
    while (tokens.skipName("if")) {
      Expression then = value;
      Expression condition = or();
      Expression otherwise =
          tokens.skipName("else")
              ? expression()
              : frame -> new Values.Undefined("the inline if without else was false");
      value = frame -> Values.truth(condition.in(frame)) ? then.in(frame) : otherwise.in(frame);
    }
    return value;
  }

  private Expression or() {
    Expression left = and();
    while (tokens.skipName("or")) {
      Expression first = left;
      Expression second = and();
      left =
          frame -> {
            Object value = first.in(frame);
            return Values.truth(value) ? value : second.in(frame);
          };
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.skipName("and")) {
      Expression first = left;
      Expression second = not();
      left =
          frame -> {
            Object value = first.in(frame);
            return Values.truth(value) ? second.in(frame) : value;
          };
    }
    return left;
  }

  private Expression not() {
    if (tokens.skipName("not")) {
      Expression value = not();
      return frame -> !Values.truth(value.in(frame));
    }
    return comparison();
  }

  /** One comparison, or several in a chain: {@code a < b < c}. */
  private Expression comparison() {
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> others = new ArrayList<>();
    for (String operator = comparator(); operator != null; operator = comparator()) {
      operators.add(operator);
      others.add(sum());
    }
    if (operators.isEmpty()) {
      return first;
    }
    return frame -> {
      Object left = first.in(frame);
      for (int i = 0; i < operators.size(); i++) {
        Object right = others.get(i).in(frame);
        if (!compare(operators.get(i), left, right)) {
          return false;
        }
        left = right;
      }
      return true;
    };
  }

  private @Nullable String comparator() {
    if (tokens.skipName("in")) {
      return "in";
    }
    if (tokens.isName("not") && tokens.after().isName("in")) {
      tokens.next();
      tokens.next();
      return "not in";
    }
    boolean operator = tokens.is(Kind.OPERATOR) && COMPARISONS.contains(tokens.peek().text());
    return operator ? tokens.next().text() : null;
  }

  static boolean compare(String operator, Object a, Object b) {
    return switch (operator) {
      case "==" -> Values.equal(a, b);
      case "!=" -> !Values.equal(a, b);
      case "<" -> Values.compare(a, b) < 0;
      case "<=" -> Values.compare(a, b) <= 0;
      case ">" -> Values.compare(a, b) > 0;
      case ">=" -> Values.compare(a, b) >= 0;
      case "in" -> Values.contains(b, a);
      default -> !Values.contains(b, a);
    };
  }

  private Expression sum() {
    Expression left = concatenation();
    while (true) {
      if (tokens.skipOperator("+")) {
        left = binary(left, concatenation(), Values::add);
      } else if (tokens.skipOperator("-")) {
        left = binary(left, concatenation(), (a, b) -> Values.arithmetic("-", a, b));
      } else {
        return left;
      }
    }
  }

  private Expression concatenation() {
    Expression left = product();
    while (tokens.skipOperator("~")) {
      left = binary(left, product(), (a, b) -> Values.joined(Values.text(a), Values.text(b)));
    }
    return left;
  }

  private Expression product() {
    Expression left = power();
    while (true) {
      if (tokens.skipOperator("*")) {
        left = binary(left, power(), Values::multiply);
      } else if (tokens.skipOperator("%")) {
        left = binary(left, power(), Values::modulo);
      } else if (tokens.isOperator("/") || tokens.isOperator("//")) {
        String operator = tokens.next().text();
        left = binary(left, power(), (a, b) -> Values.arithmetic(operator, a, b));
      } else {
        return left;
      }
    }
  }

  private Expression power() {
    Expression left = unary(true);
    while (tokens.skipOperator("**")) {
      left = binary(left, unary(true), (a, b) -> Values.arithmetic("**", a, b));
    }
    return left;
  }

  private static Expression binary(Expression a, Expression b, BinaryOperator<Object> operator) {
    return frame -> {
      Budget.step();
      return operator.apply(a.in(frame), b.in(frame));
    };
  }

  private Expression unary(boolean filters) {
    Expression value;
    if (tokens.skipOperator("-")) {
      value = binary(frame -> 0L, unary(false), (a, b) -> Values.arithmetic("-", a, b));
    } else if (tokens.skipOperator("+")) {
      value = binary(frame -> 0L, unary(false), (a, b) -> Values.arithmetic("+", a, b));
    } else {
      value = postfix(primary());
    }
    return filters ? filtersAndTests(value) : value;
  }

  // ---- values ----

  private Expression primary() {
    Token token = tokens.next();
    return switch (token.kind()) {
      case NAME -> name(token.text());
      case STRING -> text(token.text());
      case INTEGER -> constant(integer(token));
      case FLOAT -> constant(Double.parseDouble(token.text().replace("_", "")));
      default ->
          switch (token.text()) {
            case "(" -> bracket();
            case "[" -> list();
            case "{" -> dict();
            default ->
                throw new JinjaException("expected a value, not " + token.quoted())
                    .at(token.line());
          };
    };
  }

  private static long integer(Token token) {
    try {
      return Long.parseLong(token.text().replace("_", ""));
    } catch (NumberFormatException e) {
      throw new JinjaException("number " + token.text() + " is out of range").at(token.line());
    }
  }

  /** A string, and those directly behind it, which are one with it. */
  private Expression text(String first) {
    StringBuilder text = new StringBuilder(first);
    while (tokens.is(Kind.STRING)) {
      text.append(tokens.next().text());
    }
    return constant(text.toString());
  }

  private static Expression name(String name) {
    return switch (name) {
      case "true", "True" -> constant(true);
      case "false", "False" -> constant(false);
      case "none", "None" -> constant(None.NONE);
      default -> frame -> frame.get(name);
    };
  }

  private static Expression constant(Object value) {
    return frame -> value;
  }

  private Expression bracket() {
    if (tokens.skipOperator(")")) {
      return constant(new Tuple(List.of()));
    }
    Expression value = tuple();
    tokens.expectOperator(")");
    return value;
  }

  private Expression list() {
    List<Expression> items = new ArrayList<>();
    while (!tokens.skipOperator("]")) {
      items.add(expression());
      if (!tokens.isOperator("]")) {
        tokens.expectOperator(",");
      }
    }
    return frame -> values(items, frame);
  }

  private Expression dict() {
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!tokens.skipOperator("}")) {
      keys.add(expression());
      tokens.expectOperator(":");
      values.add(expression());
      if (!tokens.isOperator("}")) {
        tokens.expectOperator(",");
      }
    }
    return frame -> {
      Map<Object, Object> dict = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        dict.put(keys.get(i).in(frame), values.get(i).in(frame));
      }
      return dict;
    };
  }

  private static List<Object> values(List<Expression> items, Frame frame) {
    Budget.steps(items.size());
    List<Object> values = new ArrayList<>();
    items.forEach(item -> values.add(item.in(frame)));
    return values;
  }

  // ---- what stands behind a value ----

  private Expression postfix(Expression start) {
    Expression value = start;
    while (true) {
      Expression before = value;
      if (tokens.skipOperator(".")) {
        Token token = tokens.next();
        String name = token.text();
        if (!name.isEmpty() && Character.isDigit(name.charAt(0))) {
          long place = integer(token);
          value = frame -> Values.subscript(before.in(frame), place);
        } else {
          value = frame -> Values.attribute(before.in(frame), name);
        }
      } else if (tokens.skipOperator("[")) {
        value = subscript(before);
      } else if (tokens.isOperator("(")) {
        value = call(before);
      } else {
        return value;
      }
    }
  }

  private Expression subscript(Expression value) {
    Expression[] bounds = {constant(None.NONE), constant(None.NONE), constant(None.NONE)};
    int colons = 0;
    while (!tokens.skipOperator("]")) {
      if (tokens.skipOperator(":")) {
        colons++;
      } else {
        bounds[Math.min(colons, 2)] = tuple();
      }
    }
    return colons == 0
        ? frame -> Values.subscript(value.in(frame), bounds[0].in(frame))
        : frame ->
            Values.slice(
                value.in(frame), bounds[0].in(frame), bounds[1].in(frame), bounds[2].in(frame));
  }

  private Expression call(Expression function) {
    Args arguments = arguments();
    return frame -> {
      Budget.step();
      Object called = function.in(frame);
      if (called instanceof Callable callable) {
        return callable.call(arguments.in(frame));
      }
      throw Values.defined(called, "'" + Values.type(called) + "' object is not callable");
    };
  }

  /** The arguments of a call, unevaluated. */
  @FunctionalInterface
  private interface Args {
    Arguments in(Frame frame);
  }

  private Args arguments() {
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    tokens.expectOperator("(");
    while (!tokens.skipOperator(")")) {
      if (tokens.is(Kind.NAME) && tokens.after().isOperator("=")) {
        String name = tokens.name();
        tokens.expectOperator("=");
        named.put(name, expression());
      } else {
        positional.add(expression());
      }
      if (!tokens.isOperator(")")) {
        tokens.expectOperator(",");
      }
    }
    return frame -> {
      Map<String, Object> values = new LinkedHashMap<>();
      named.forEach((name, value) -> values.put(name, value.in(frame)));
      return new Arguments(values(positional, frame), values);
    };
  }

  private Expression filtersAndTests(Expression start) {
    Expression value = start;
    while (true) {
      if (tokens.skipOperator("|")) {
        value = filter(value);
      } else if (tokens.skipName("is")) {
        value = test(value);
      } else if (tokens.isOperator("(")) {
        value = call(value);
      } else {
        return value;
      }
    }
  }

  /** {@code value | name(arguments)}, the bar being read. */
  Expression filter(Expression value) {
    Library.Filter filter = library.filter(tokens.name(), tokens);
    Args arguments = tokens.isOperator("(") ? arguments() : frame -> Arguments.NONE;
    return frame -> {
      Budget.step();
      return filter.apply(value.in(frame), arguments.in(frame));
    };
  }

  private Expression test(Expression value) {
    boolean negated = tokens.skipName("not");
    Token name = tokens.next();
    Library.Test test = library.test(name.text(), tokens);
    Args arguments = testArguments();
    return frame -> test.holds(value.in(frame), arguments.in(frame)) != negated;
  }

  private Args testArguments() {
    if (tokens.isOperator("(")) {
      return arguments();
    }
    boolean value =
        switch (tokens.peek().kind()) {
          case NAME -> !NO_ARGUMENT.contains(tokens.peek().text());
          case STRING, INTEGER, FLOAT -> true;
          default -> tokens.isOperator("[") || tokens.isOperator("{");
        };
    if (!value) {
      return frame -> Arguments.NONE;
    }
    Expression argument = postfix(primary());
    return frame -> Arguments.of(argument.in(frame));
  }
}
