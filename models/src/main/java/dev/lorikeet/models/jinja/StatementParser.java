package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Node.Flow;
import dev.lorikeet.models.jinja.Token.Kind;
import dev.lorikeet.models.jinja.Values.Namespace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Statements: data, {@code {{ }}}, and the tags {@code for}, {@code if}, {@code set}, {@code
 * macro}, {@code with}, {@code filter}, {@code break}, {@code continue} and {@code generation}.
 */
final class StatementParser {
  private static final Node NOTHING = (frame, output) -> Flow.ON;

  private final TokenStream tokens;
  private final ExpressionParser expressions;

  /** Where the latest tag stands. */
  private int tagLine;

  private StatementParser(TokenStream tokens) {
    this.tokens = tokens;
    this.expressions = new ExpressionParser(tokens, Library.STANDARD);
  }

  /**
   * The whole template.
   *
   * @throws JinjaException when it is malformed or has a tag, filter or test that is not known
   */
  static Node parse(String source) {
    return new StatementParser(new TokenStream(Lexer.tokens(source))).body();
  }

  /** What stands before one of the tags {@code ends}, whose name is the next token then. */
  private Node body(String... ends) {
    List<Node> nodes = new ArrayList<>();
    int line = tagLine;
    while (!tokens.is(Kind.END)) {
      Token token = tokens.next();
      if (token.kind() == Kind.DATA) {
        nodes.add(data(token.text()));
      } else if (token.kind() == Kind.VARIABLE_BEGIN) {
        nodes.add(at(token.line(), print()));
      } else if (List.of(ends).contains(tokens.peek().text())) {
        return Node.all(nodes);
      } else {
        nodes.add(at(token.line(), tag()));
      }
    }
    if (ends.length > 0) {
      throw new JinjaException("a block is never closed: no " + String.join(", ", ends)).at(line);
    }
    return Node.all(nodes);
  }

  /** The body, and its closing tag. */
  private Node bodyTo(String end) {
    Node body = body(end);
    tokens.next();
    endOfTag();
    return body;
  }

  private void endOfTag() {
    tokens.expect(Kind.BLOCK_END, "the end of the block");
  }

  /** Errors of {@code node} tell the line. */
  private static Node at(int line, Node node) {
    return (frame, output) -> {
      try {
        return node.render(frame, output);
      } catch (JinjaException e) {
        throw e.at(line);
      } catch (ArithmeticException | IllegalArgumentException | IndexOutOfBoundsException e) {
        throw new JinjaException("a value is out of range: " + e.getMessage()).at(line);
      }
    };
  }

  private static Node data(String text) {
    return (frame, output) -> {
      append(text, output);
      return Flow.ON;
    };
  }

  private static void append(String text, Node.Output output) {
    Budget.appended(output.text.length(), text.length());
    output.text.append(text);
  }

  private Node print() {
    Expression value = expressions.tuple();
    tokens.expect(Kind.VARIABLE_END, "the end of the variable");
    return (frame, output) -> {
      append(Values.text(value.in(frame)), output);
      return Flow.ON;
    };
  }

  private Node tag() {
    Token name = tokens.expect(Kind.NAME, "a tag's name");
    tagLine = name.line();
    return switch (name.text()) {
      case "for" -> loop();
      case "if" -> condition();
      case "set" -> set();
      case "macro" -> macro();
      case "with" -> with();
      case "filter" -> filter();
      case "generation" -> generation();
      case "break" -> leave(Flow.BREAK);
      case "continue" -> leave(Flow.CONTINUE);
      default -> throw new JinjaException("unknown tag '" + name.text() + "'").at(name.line());
    };
  }

  private Node leave(Flow flow) {
    endOfTag();
    return (frame, output) -> flow;
  }

  private Node condition() {
    Expression condition = expressions.tuple();
    endOfTag();
    Node then = body("elif", "else", "endif");
    Node otherwise = NOTHING;
    if (tokens.skipName("elif")) {
      otherwise = condition();
    } else if (tokens.skipName("else")) {
      endOfTag();
      otherwise = bodyTo("endif");
    } else {
      tokens.expectName("endif");
      endOfTag();
    }
    Node unless = otherwise;
    return (frame, output) ->
        (Values.truth(condition.in(frame)) ? then : unless).render(frame, output);
  }

  // ---- loops ----

  private Node loop() {
    Target target = target("in");
    tokens.expectName("in");
    Expression items = expressions.tupleBeforeIf();
    Expression filter = tokens.skipName("if") ? expressions.expression() : null;
    boolean recursive = tokens.skipName("recursive");
    endOfTag();
    Node body = body("else", "endfor");
    Node otherwise = NOTHING;
    if (tokens.skipName("else")) {
      endOfTag();
      otherwise = bodyTo("endfor");
    } else {
      tokens.expectName("endfor");
      endOfTag();
    }
    LoopNode node = new LoopNode(target, filter, recursive, body, otherwise);
    return (frame, output) -> {
      node.render(items.in(frame), frame, output, 0);
      return Flow.ON;
    };
  }

  private record LoopNode(
      Target target, @Nullable Expression filter, boolean recursive, Node body, Node otherwise) {

    void render(Object value, Frame outer, Node.Output output, int depth) {
      List<Object> items = chosen(Values.items(value), outer);
      if (items.isEmpty()) {
        otherwise.render(outer.inner(), output);
      }
      for (int i = 0; i < items.size(); i++) {
        Budget.step();
        Frame frame = outer.inner();
        target.set(frame, items.get(i));
        frame.set("loop", new Loop(items, i, depth, recursive ? again(outer, depth) : null));
        if (body.render(frame, output) == Flow.BREAK) {
          return;
        }
      }
    }

    private List<Object> chosen(List<Object> items, Frame outer) {
      if (filter == null) {
        return items;
      }
      List<Object> chosen = new ArrayList<>();
      for (Object item : items) {
        Budget.step();
        Frame frame = outer.inner();
        target.set(frame, item);
        if (Values.truth(filter.in(frame))) {
          chosen.add(item);
        }
      }
      return chosen;
    }

    private Callable again(Frame outer, int depth) {
      return args -> {
        Node.Output output = new Node.Output();
        Budget.enter();
        render(args.get(0, "iterable"), outer, output, depth + 1);
        Budget.leave();
        return output.text.toString();
      };
    }
  }

  // ---- variables ----

  /** Where a value goes: a name, several, or an attribute of a namespace. */
  @FunctionalInterface
  private interface Target {
    void set(Frame frame, Object value);
  }

  private Target target(String end) {
    boolean bracket = tokens.skipOperator("(");
    List<Target> targets = new ArrayList<>(List.of(oneTarget()));
    boolean several = false;
    while (tokens.skipOperator(",")) {
      several = true;
      if (tokens.isName(end) || tokens.isOperator(end) || tokens.isOperator(")")) {
        break;
      }
      targets.add(oneTarget());
    }
    if (bracket) {
      tokens.expectOperator(")");
    }
    return several ? (frame, value) -> unpack(targets, frame, value) : targets.get(0);
  }

  private Target oneTarget() {
    if (tokens.isOperator("(")) {
      return target(")");
    }
    String name = tokens.name();
    if (!tokens.skipOperator(".")) {
      return (frame, value) -> frame.set(name, value);
    }
    String attribute = tokens.name();
    return (frame, value) -> {
      if (frame.get(name) instanceof Namespace namespace) {
        namespace.attributes().put(attribute, value);
      } else {
        throw new JinjaException("cannot assign attribute on non-namespace object");
      }
    };
  }

  private static void unpack(List<Target> targets, Frame frame, Object value) {
    List<Object> items = Values.items(value);
    if (items.size() != targets.size()) {
      throw new JinjaException(
          items.size() + " values for " + targets.size() + " names to unpack them to");
    }
    for (int i = 0; i < items.size(); i++) {
      targets.get(i).set(frame, items.get(i));
    }
  }

  private Node set() {
    Target target = target("=");
    if (tokens.skipOperator("=")) {
      Expression value = expressions.tuple();
      endOfTag();
      return assign(target, value);
    }
    Body body = new Body();
    Expression value = frame -> Node.text(body.node, frame.inner());
    while (tokens.skipOperator("|")) {
      value = expressions.filter(value);
    }
    endOfTag();
    body.node = bodyTo("endset");
    return assign(target, value);
  }

  /** A body that is read only after the expression that renders it. */
  private static final class Body {
    private Node node = NOTHING;
  }

  private static Node assign(Target target, Expression value) {
    return (frame, output) -> {
      target.set(frame, value.in(frame));
      return Flow.ON;
    };
  }

  private Node with() {
    List<Target> targets = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!tokens.is(Kind.BLOCK_END)) {
      targets.add(oneTarget());
      tokens.expectOperator("=");
      values.add(expressions.expression());
      tokens.skipOperator(",");
    }
    endOfTag();
    Node body = bodyTo("endwith");
    return (frame, output) -> {
      Frame inner = frame.inner();
      for (int i = 0; i < targets.size(); i++) {
        targets.get(i).set(inner, values.get(i).in(frame));
      }
      return body.render(inner, output);
    };
  }

  // ---- blocks ----

  private Node filter() {
    Body body = new Body();
    Expression filtered = expressions.filter(frame -> Node.text(body.node, frame.inner()));
    while (tokens.skipOperator("|")) {
      filtered = expressions.filter(filtered);
    }
    endOfTag();
    body.node = bodyTo("endfilter");
    Expression value = filtered;
    return (frame, output) -> {
      append(Values.text(value.in(frame)), output);
      return Flow.ON;
    };
  }

  /** transformers' mark of what the assistant wrote. */
  private Node generation() {
    endOfTag();
    Node body = bodyTo("endgeneration");
    return (frame, output) -> {
      int start = output.text.length();
      body.render(frame.inner(), output);
      output.generated.add(new Jinja.Span(start, output.text.length()));
      return Flow.ON;
    };
  }

  private Node macro() {
    String name = tokens.name();
    Map<String, @Nullable Expression> parameters = new LinkedHashMap<>();
    tokens.expectOperator("(");
    while (!tokens.skipOperator(")")) {
      String parameter = tokens.name();
      parameters.put(parameter, tokens.skipOperator("=") ? expressions.expression() : null);
      tokens.skipOperator(",");
    }
    endOfTag();
    Node body = bodyTo("endmacro");
    return (frame, output) -> {
      frame.set(name, macro(name, parameters, body, frame));
      return Flow.ON;
    };
  }

  private static Callable macro(
      String name, Map<String, @Nullable Expression> parameters, Node body, Frame outer) {
    return args -> {
      Frame frame = outer.inner();
      if (args.positional().size() > parameters.size()) {
        throw new JinjaException(
            "macro '" + name + "' takes not more than " + parameters.size() + " argument(s)");
      }
      int place = 0;
      for (Map.Entry<String, @Nullable Expression> parameter : parameters.entrySet()) {
        String key = parameter.getKey();
        Expression otherwise = parameter.getValue();
        if (args.has(place, key)) {
          frame.set(key, args.get(place, key));
        } else {
          frame.set(
              key,
              otherwise == null
                  ? new Values.Undefined("parameter '" + key + "' was not provided")
                  : otherwise.in(frame));
        }
        place++;
      }
      Budget.enter();
      String text = Node.text(body, frame);
      Budget.leave();
      return text;
    };
  }
}
