/**
 * The part of the Jinja template language that chat templates are written in, with Python's values
 * and methods: {@link dev.lorikeet.models.jinja.Jinja} renders, to the letter what Jinja2 does in
 * transformers' set-up ({@code trim_blocks}, {@code lstrip_blocks}, {@code loopcontrols}, {@code {%
 * generation %}}). Read {@code Lexer}, {@code StatementParser}, {@code ExpressionParser}.
 */
@NullMarked
package dev.lorikeet.models.jinja;

import org.jspecify.annotations.NullMarked;
