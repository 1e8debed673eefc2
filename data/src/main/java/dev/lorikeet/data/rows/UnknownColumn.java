package dev.lorikeet.data.rows;

import dev.lorikeet.torch.UsageException;
import java.util.List;

/** A source lacks a column that is asked for. */
public final class UnknownColumn extends UsageException {
  private static final long serialVersionUID = 1;

  private final transient List<String> available;

  UnknownColumn(String message, List<String> available) {
    super(message);
    this.available = List.copyOf(available);
  }

  /** The columns that there are. */
  public List<String> available() {
    return available;
  }
}
