/**
 * What a model's tokenizer files say, checked before the tokenizers library reads them: that
 * library is native code, and a panic in it would end the process.
 */
@NullMarked
package dev.lorikeet.models.text;

import org.jspecify.annotations.NullMarked;
