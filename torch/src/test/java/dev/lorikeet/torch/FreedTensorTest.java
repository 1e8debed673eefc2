package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Using a freed tensor is an exception; natively it would be the end of the process. */
class FreedTensorTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  static Stream<Method> instanceMethods() {
    return Arrays.stream(Tensor.class.getDeclaredMethods())
        .filter(method -> Modifier.isPublic(method.getModifiers()))
        .filter(method -> !Modifier.isStatic(method.getModifiers()))
        .filter(method -> !method.getName().equals("toString"));
  }

  @ParameterizedTest
  @MethodSource("instanceMethods")
  void everyUseOfAFreedTensorThrows(Method method) {
    assertThatThrownBy(() -> call(method, freed(), Tensor.of(new float[] {1}, 1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("this tensor was freed with its Scope");
  }

  static Stream<Method> methodsWithTensorArguments() {
    return Stream.of(Tensor.class, Ops.class, Updates.class)
        .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
        .filter(method -> Modifier.isPublic(method.getModifiers()))
        .filter(
            method ->
                Arrays.stream(method.getParameterTypes())
                    .anyMatch(type -> type == Tensor.class || type == List.class));
  }

  @ParameterizedTest
  @MethodSource("methodsWithTensorArguments")
  void everyFreedArgumentThrows(Method method) {
    assertThatThrownBy(() -> call(method, Tensor.of(new float[] {1}, 1), freed()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("this tensor was freed with its Scope");
  }

  @Test
  void aFreedTensorSaysSo() {
    assertThat(freed()).hasToString("Tensor (freed)");
  }

  private static Tensor freed() {
    try (Scope inner = Scope.open()) {
      return Tensor.of(new float[] {1}, 1);
    }
  }

  private static Object call(Method method, Tensor self, Tensor argument) throws Throwable {
    Object[] arguments =
        Arrays.stream(method.getParameterTypes()).map(type -> some(type, argument)).toArray();
    try {
      return method.invoke(self, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static Object some(Class<?> type, Tensor tensor) {
    if (type == Tensor.class) {
      return tensor;
    } else if (type == List.class) {
      return List.of(tensor);
    } else if (type == int.class) {
      return 0;
    } else if (type == long.class) {
      return 0L;
    } else if (type == double.class) {
      return 0.5;
    } else if (type == boolean.class) {
      return true;
    } else if (type == long[].class) {
      return new long[] {1};
    } else if (type == int[].class) {
      return new int[] {1};
    } else if (type == DType.class) {
      return DType.INT64;
    } else if (type == Device.class) {
      return Device.CPU;
    }
    throw new IllegalArgumentException("no example of " + type);
  }
}
