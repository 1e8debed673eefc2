package dev.lorikeet.torch;

/**
 * The type of a tensor's elements, with the code that libtorch gives it ({@code c10::ScalarType})
 * and the name that safetensors files give it.
 */
public enum DType {
  UINT8("U8", 0, 1),
  INT8("I8", 1, 1),
  INT16("I16", 2, 2),
  INT32("I32", 3, 4),
  INT64("I64", 4, 8),
  FLOAT16("F16", 5, 2),
  FLOAT32("F32", 6, 4),
  FLOAT64("F64", 7, 8),
  BOOL("BOOL", 11, 1),
  BFLOAT16("BF16", 15, 2),
  FLOAT8_E5M2("F8_E5M2", 23, 1),
  FLOAT8_E4M3("F8_E4M3", 24, 1),
  UINT16("U16", 27, 2),
  UINT32("U32", 28, 4),
  UINT64("U64", 29, 8);

  private final String safetensors;
  private final int code;
  private final int bytes;

  DType(String safetensors, int code, int bytes) {
    this.safetensors = safetensors;
    this.code = code;
    this.bytes = bytes;
  }

  /** The name in a safetensors header: {@code F32}, {@code BF16}, ... */
  public String safetensorsName() {
    return safetensors;
  }

  /** The size of one element, in bytes. */
  public int bytes() {
    return bytes;
  }

  /** Whether elements are floating-point numbers. */
  public boolean isFloating() {
    return switch (this) {
      case FLOAT16, FLOAT32, FLOAT64, BFLOAT16, FLOAT8_E4M3, FLOAT8_E5M2 -> true;
      default -> false;
    };
  }

  /** The lowest finite number of a floating-point type. */
  public double lowest() {
    return switch (this) {
      case FLOAT16 -> -65504;
      case BFLOAT16 -> -0x1.FEp127;
      case FLOAT32 -> -Float.MAX_VALUE;
      case FLOAT64 -> -Double.MAX_VALUE;
      default -> throw new IllegalStateException(this + " is no type of scores");
    };
  }

  /** libtorch's {@code ScalarType} code. */
  int code() {
    return code;
  }

  static DType ofCode(long code) {
    for (DType type : values()) {
      if (type.code == code) {
        return type;
      }
    }
    throw new LorikeetException("libtorch scalar type " + code + " has no DType");
  }

  /**
   * The type that a safetensors header calls {@code name}.
   *
   * @throws LorikeetException when no type has that name
   */
  public static DType ofSafetensorsName(String name) {
    for (DType type : values()) {
      if (type.safetensors.equals(name)) {
        return type;
      }
    }
    throw new LorikeetException("unknown tensor type \"" + name + "\"");
  }
}
